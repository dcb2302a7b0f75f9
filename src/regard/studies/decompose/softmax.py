"""Multinomial logistic regression of which both are known: the weights after t steps, and the minimum that they near.

Steps are plain gradient descent on all samples at once.

    minimise  mean cross-entropy + |W|^2 / (2 n)        (the intercept is free)

The penalty is scikit-learn's C = 1, a prior of one nat that n samples outweigh: there is always one minimum, also where
classes can be separated, and with endless samples it is that of cross-entropy alone. A step is 1 / L long, with
L = lambda_max(X^T X / n) / 2 + 1 / n no less than the curvature (Boehning 1992), so that the loss falls at each.
"""

from collections.abc import Sequence

import numpy as np

from ...core.linalg import eigh


def descend(X: np.ndarray, y: np.ndarray, classes: int, steps: Sequence[int]) -> list[np.ndarray]:
    """Weights (d + 1, classes) after so many steps each, from zero; the intercept in the last row.

    Args:
        X: (n, d).
        y: (n,) codes of classes.
        classes: how many there are.
        steps: rising.
    """
    if not steps:
        return []
    Z = _with_ones(X)
    step = 1 / (float(eigh(Z.T @ Z / len(Z))[0][-1]) / 2 + 1 / len(Z))
    weights, done, found = np.zeros((Z.shape[1], classes)), 0, []
    target = np.eye(classes)[y]
    for length in steps:
        for _ in range(done, length):
            weights = weights - step * loss_and_slope(Z, target, weights)[1]
        done = length
        found.append(weights)
    return found


def optimum(X: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """The minimum (d + 1, classes), by L-BFGS to a slope of 1e-6 at most."""
    from scipy.optimize import minimize

    Z, target = _with_ones(X), np.eye(classes)[y]
    shape = Z.shape[1], classes
    # about the inverse root of the curvature along each column, as columns may be of unlike size
    scale = 1 / np.sqrt((Z**2).mean(axis=0) / 4 + 1 / len(Z))[:, None]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        loss, slope = loss_and_slope(Z, target, flat.reshape(shape) * scale)
        return loss, (slope * scale).ravel()

    found = minimize(
        objective,
        np.zeros(shape).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 3000, "maxfun": 6000, "ftol": 1e-12, "gtol": 1e-6},
    )
    return np.asarray(found.x.reshape(shape) * scale)


def loss_and_slope(Z: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """The objective and its gradient, for Z (n, d + 1) whose last column is 1 and one-hot targets (n, classes)."""
    n = len(Z)
    logits = Z @ weights
    logits -= logits.max(axis=1, keepdims=True)
    chosen = (logits * target).sum()
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    pull = weights / n
    pull[-1] = 0
    loss = (np.log(total).sum() - chosen) / n + 0.5 * float((pull * weights).sum())
    return float(loss), Z.T @ (logits / total - target) / n + pull


def told(X: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) code of the class that is told of each."""
    return np.asarray((_with_ones(X) @ weights).argmax(axis=1))


def _with_ones(X: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(X, float), np.ones((len(X), 1))], axis=1)
