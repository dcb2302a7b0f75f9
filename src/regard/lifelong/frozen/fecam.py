"""FeCAM: Mahalanobis distance to each class by a covariance of its own (Goswami et al. 2023, NeurIPS, 2309.14062).

Classes spread differently, and those that the network did not learn from spread most. Features are drawn towards a
normal distribution by a power (Tukey). Each class's covariance is shrunk, C + g1 v1 I + g2 v2 (1 - I), with v1 and v2
the means of its diagonal and of the rest, and made a correlation, so that classes of large variance do not draw
everything to themselves. Distances are between vectors of length 1.

What differs from the published code: negative features keep their sign, where a power of them is not defined; class
means are those of the transformed vectors, not transformed means, so that one set of statistics is enough; shrinkage is
applied once, as the paper says. A class without any spread (one sample, or only equal ones) has the mean of the other
classes' correlations, or none at all where no class has one.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, pinvh

from ...core.checks import check_number
from ._common import Learner
from ._moments import Moments, Scatter


def tukey(X: np.ndarray, power: float) -> np.ndarray:
    """sign(x) |x|^power.

    >>> tukey(np.array([[4.0, -9.0]]), 0.5).tolist()
    [[2.0, -3.0]]
    """
    return X if power == 1 else np.sign(X) * np.abs(X) ** power


def correlation(C: np.ndarray, gamma1: float, gamma2: float) -> np.ndarray | None:
    """The correlation (d, d) of a shrunk covariance C (d, d) of any unit; None where nothing varies."""
    d = len(C)
    on = float(np.trace(C)) / d
    if not on > 0:
        return None
    off = (float(C.sum()) - on * d) / (d * (d - 1)) if d > 1 else 0.0
    C = C + gamma2 * off
    C[np.diag_indices(d)] += gamma1 * on - gamma2 * off
    spread = np.sqrt(np.diagonal(C))
    return C / np.outer(spread, spread)


def inverse(R: np.ndarray) -> np.ndarray:
    """The inverse of a symmetric matrix (d, d), or its pseudo-inverse where it is not positive definite."""
    try:
        return cho_solve(cho_factor(R, lower=True), np.eye(len(R)))
    except LinAlgError:
        return pinvh(R)


def unit(X: np.ndarray) -> np.ndarray:
    """Rows at length 1; a row of zeros stays."""
    length = np.linalg.norm(X, axis=-1, keepdims=True)
    return X / np.where(length > 0, length, 1)


class FeCAM(Learner):
    """Mahalanobis distances with a covariance for each class. Keeps K d^2 numbers, twice that while it predicts.

    Time O(n d^2) to learn, O(K d^3) once after each change and O(n K d^2) to predict.

    Args:
        power: above 0, of the features; 1 leaves them as they are.
        gamma1: above 0; the mean variance is added to each variance so many times.
        gamma2: 0 to `gamma1`; the same for the covariances.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.gamma(2, size=(100, 6)) + y[:, None] * [9, 9, 0, 0, 0, 0]
    >>> bool((FeCAM().partial_fit(X, y).predict(X) == y).mean() > 0.9)
    True
    """

    def __init__(self, power: float = 0.5, gamma1: float = 1.0, gamma2: float = 1.0) -> None:
        self.power = power
        self.gamma1 = gamma1
        self.gamma2 = gamma2

    def _check(self) -> None:
        check_number("power", self.power, 0, open_low=True)
        check_number("gamma1", self.gamma1, 0, open_low=True)
        check_number("gamma2", self.gamma2, 0, self.gamma1)

    def _map(self, X: np.ndarray) -> np.ndarray:
        return tukey(X, self.power)

    def _scatter(self) -> Scatter:
        return "class"

    def _solve(self, known: Moments) -> tuple[np.ndarray, list[np.ndarray]]:
        scatter, d = known.scatter, known.means.shape[1]
        assert scatter is not None
        found = [correlation(one, self.gamma1, self.gamma2) for one in scatter]
        told = [one for one in found if one is not None]
        rest = inverse(np.mean(told, axis=0)) if 0 < len(told) < len(found) else np.eye(d)
        return unit(known.means), [rest if one is None else inverse(one) for one in found]

    def _scores(self, model: tuple[np.ndarray, list[np.ndarray]], Z: np.ndarray) -> np.ndarray:
        means, inverses = model
        Z, scores = unit(Z), np.empty((len(Z), len(means)))
        for k, (mean, P) in enumerate(zip(means, inverses)):
            apart = Z - mean
            scores[:, k] = -((apart @ P) * apart).sum(axis=1)
        return scores


Method = FeCAM
