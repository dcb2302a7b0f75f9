"""Support vector machines as several methods need them: kernels, a machine of kernels, the dual without a bias."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit, softmax
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC

from ...core.checks import bad, check_choice, check_number
from ..classifier import STEPS, fit_machine
from ._common import origin

KERNELS = ("rbf", "linear")
PATIENCE = 8  # rounds of single coordinates before the interior-point method is asked


def read_gamma(gamma: float | str, X: np.ndarray) -> float:
    """The width of the Gaussian kernel: a number above 0, or "scale", 1 over the total variance of X (n, d).

    It is scikit-learn's "scale" for features of equal means, and does not change when a feature is moved.
    """
    if isinstance(gamma, str):
        check_choice("gamma", gamma, ["scale"])
        total = float(X.var(axis=0).sum())
        # rows that are all equal leave the rounding of their mean
        return 1 / total if total > (1e-12 * float(np.abs(X).max())) ** 2 else 1.0
    return float(check_number("gamma", gamma, 0, open_low=True))


def gram(X: np.ndarray, Y: np.ndarray, kernel: str, gamma: float) -> np.ndarray:
    """k(x, y) (n, m) for rows of X (n, d) and Y (m, d): x'y, or exp(-gamma |x - y|^2)."""
    if kernel == "linear":
        return X @ Y.T
    return np.exp(-gamma * euclidean_distances(X, Y, squared=True))


def start_of(X: np.ndarray, kernel: str) -> np.ndarray:
    """What is taken off rows before `gram` (d,): their mean with the Gaussian kernel, which sees distances alone."""
    return origin(X, always=kernel == "rbf")


def signs(codes: np.ndarray, classes: int) -> np.ndarray:
    """Targets -1 and 1 of one machine for each class against the rest (n, classes); of one machine (n, 1) for two."""
    if classes == 2:
        return np.where(codes == 1, 1.0, -1.0)[:, None]
    return np.where(codes[:, None] == np.arange(classes), 1.0, -1.0)


def by_class(margins: np.ndarray) -> np.ndarray:
    """Margins for each class (n, K) from those of the machines; the one machine for two classes gives -f and f."""
    return np.concatenate([-margins, margins], axis=1) if margins.shape[1] == 1 else margins


def margin_probabilities(margins: np.ndarray) -> np.ndarray:
    """The softmax (n, K) of margins, or the logistic function of the one margin; uncalibrated, in the right order."""
    if margins.shape[1] == 1:
        return np.concatenate([expit(-margins), expit(margins)], axis=1)
    return softmax(margins, axis=1)


@dataclass(frozen=True)
class Machine:
    """Margins k(x, vectors) coef + bias of one or several machines.

    Attributes:
        vectors: (m, d) support vectors; with the linear kernel one row of weights for each machine.
        coef: (m, machines).
        bias: (machines,).
        kernel: "rbf" or "linear".
        gamma: of the Gaussian kernel.
        start: (d,) what rows are measured from.
    """

    vectors: np.ndarray
    coef: np.ndarray
    bias: np.ndarray
    kernel: str
    gamma: float
    start: np.ndarray | float = 0.0

    def margins(self, X: np.ndarray) -> np.ndarray:
        """(n, machines) of rows X (n, d). Time O(n m d)."""
        return gram(X - self.start, self.vectors, self.kernel, self.gamma) @ self.coef + self.bias


def machine(
    X: np.ndarray, coef: np.ndarray, bias: np.ndarray, kernel: str, gamma: float, start: np.ndarray | float = 0.0
) -> Machine:
    """A machine of rows X (n, d) without `start`, with coefficients (n, machines); rows with none are left out."""
    if kernel == "linear":  # the weights themselves: no support vectors to keep
        return Machine(coef.T @ X, np.eye(coef.shape[1]), bias, kernel, gamma, start)
    kept = (coef != 0).any(axis=1)
    kept[0] = True  # a machine of a bias alone would have no vector to compare with
    return Machine(X[kept], coef[kept], bias, kernel, gamma, start)


def soft_margin(K: np.ndarray, y: np.ndarray, cost: np.ndarray) -> tuple[np.ndarray, float]:
    """The usual machine, with a bias, for a Gram matrix (n, n), signs (n,) and a cost for each sample (n,).

    Returns the coefficients a_i y_i (n,) and the bias. Where all signs are equal the margin is that sign everywhere,
    which is the solution. Time between O(n^2) and O(n^3).
    """
    coef = np.zeros(len(y))
    if (y == y[0]).all():
        return coef, float(y[0])
    # random_state: without one libsvm would seed itself from numpy's global generator
    model = SVC(kernel="precomputed", C=1.0, random_state=0, max_iter=STEPS)
    fit_machine(model, K, y, sample_weight=cost)
    coef[model.support_] = model.dual_coef_[0]
    return coef, float(model.intercept_[0])


@dataclass(frozen=True)
class Dual:
    """A solved dual.

    Attributes:
        alpha: (n,) in [0, C].
        gap: duality gap over the primal objective (0 where that is 0).
        objective: the minimised dual objective, from 0 at alpha = 0 downwards.
    """

    alpha: np.ndarray
    gap: float
    objective: list[float]


def dual(K: np.ndarray, y: np.ndarray, gain: np.ndarray, C: float, tolerance: float = 1e-10, rounds: int = 200) -> Dual:
    """Minimise 1/2 sum a_i a_j y_i y_j K_ij - sum gain_i a_i over 0 <= a <= C: a machine without a bias.

    Without a bias there is no equality constraint, so one coordinate can move alone: each step takes the coordinate
    that lowers the objective most, O(n). After n such steps the coordinates off the bounds move together by a Newton
    step, which ends what single coordinates approach slowly (nearly equal samples). Where that has not closed the gap
    after a few rounds (many samples in few dimensions with a large C), an interior-point solution, O(n^3), is taken
    as a new start.

    The gap between the primal 1/2 |w|^2 + C sum max(0, gain_i - y_i w'x_i) and the dual is a'g + C sum max(0, -g)
    with the gradient g; it bounds the error of both. Memory O(n^2): K, and three times as much for the interior point.

    Args:
        K: (n, n) Gram matrix.
        y: (n,) signs.
        gain: (n,) the margin that is still missing; 1 for a machine from scratch.
        C: upper bound of alpha, above 0.
        tolerance: of the relative gap.
        rounds: of n steps each, at most.
    """
    n = len(y)
    alpha, gradient, value, path = np.zeros(n), -gain.astype(float), 0.0, [0.0]
    # rows of length 0 have no curvature: their coordinate runs to the bound
    curve = np.maximum(K.diagonal(), 1e-14 * (float(K.diagonal().max()) or 1.0))
    every = max(1, n // 10)
    relative = 0.0
    for turn in range(rounds):
        before = value
        if turn == PATIENCE:
            inner = _interior(K * np.outer(y, y), gain, C)
            slope = y * (K @ (inner * y)) - gain
            if 0.5 * float(inner @ (slope - gain)) < value:
                alpha, gradient, value = inner, slope, 0.5 * float(inner @ (slope - gain))
        for step in range(n):
            move = np.clip(alpha - gradient / curve, 0, C) - alpha
            falls = -move * (gradient + 0.5 * curve * move)
            best = int(falls.argmax())
            if falls[best] <= 1e-15 * abs(value):
                break
            alpha[best] = min(max(alpha[best] + move[best], 0.0), C)
            gradient += (y[best] * move[best]) * (y * K[:, best])
            value -= float(falls[best])
            if step % every == 0:
                path.append(value)
        value -= _newton(K, y, gradient, alpha, C)
        gradient = y * (K @ (alpha * y)) - gain
        value = min(value, 0.5 * float(alpha @ (gradient - gain)))
        path.append(value)
        gap = float(alpha @ gradient + C * np.maximum(-gradient, 0).sum())
        primal = gap - value
        relative = max(gap, 0.0) / primal if primal > 0 else 0.0
        # the interior point is given its turn before a standstill ends it
        if relative <= tolerance or (turn >= PATIENCE and before - value <= 1e-15 * abs(value)):
            break
    return Dual(alpha, relative, path)


def _interior(Q: np.ndarray, gain: np.ndarray, C: float, steps: int = 80) -> np.ndarray:
    """The minimum of 1/2 a'Qa - gain'a over [0, C] by a primal-dual interior-point method; on the bounds exactly.

    Works on b = a / C in [0, 1], with multipliers z of the lower bounds and u of the upper ones.
    """
    n = len(gain)
    P, b, away = C * Q, np.full(n, 0.5), np.full(n, 0.5)  # away = 1 - b, which rounding would lose near 1
    z = np.full(n, max(1.0, float(np.abs(P @ b - gain).max())))
    u, size = z.copy(), float(z[0])
    for _ in range(steps):
        rest = P @ b - gain - z + u
        mu = float(b @ z + away @ u) / (2 * n)
        if mu <= 1e-14 * size and np.abs(rest).max() <= 1e-11 * size:
            break
        goal = 0.1 * mu
        try:
            factor = cho_factor(P + np.diag(z / b + u / away), check_finite=False)
        except LinAlgError:
            break
        db = cho_solve(factor, -rest + goal / b - z - goal / away + u, check_finite=False)
        dz, du = goal / b - z - z / b * db, goal / away - u + u / away * db
        shrink = np.concatenate([-db / b, db / away, -dz / z, -du / u]).max()
        step = min(1.0, 0.99 / max(float(shrink), 1e-300))
        b, away, z, u = b + step * db, away - step * db, z + step * dz, u + step * du
    # a multiplier above its distance says that the bound holds
    return C * np.where(b < np.minimum(z, 1e-6), 0.0, np.where(away < np.minimum(u, 1e-6), 1.0, b))


def _newton(K: np.ndarray, y: np.ndarray, gradient: np.ndarray, alpha: np.ndarray, C: float) -> float:
    """Move the coordinates of alpha off the bounds to their common minimum, in place; how much the objective fell."""
    free = np.flatnonzero((alpha > 0) & (alpha < C))
    if not len(free):
        return 0.0
    Q, slope, start = K[np.ix_(free, free)] * np.outer(y[free], y[free]), gradient[free], alpha[free]
    # singular where samples outnumber dimensions: there the step runs to the box along a direction without curvature
    lifted = Q + 1e-12 * max(float(np.trace(Q)) / len(free), 1e-300) * np.eye(len(free))
    try:
        step = cho_solve(cho_factor(lifted), -slope)
    except LinAlgError:
        return 0.0
    if not np.isfinite(step).all():
        return 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(step > 0, (C - start) / step, np.where(step < 0, -start / step, np.inf)).min()
    for end in (np.clip(start + step, 0, C), np.clip(start + min(1.0, float(room)) * step, 0, C)):
        move = end - start
        fall = -float(slope @ move + 0.5 * move @ (Q @ move))
        if fall > 0:
            alpha[free] = end
            return fall
    return 0.0


def check_kernel(kernel: str) -> str:
    """The name of a kernel, or an error."""
    if not isinstance(kernel, str):
        raise bad("kernel", repr(kernel), "one of " + ", ".join(KERNELS))
    return check_choice("kernel", kernel, KERNELS)
