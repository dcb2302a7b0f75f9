"""Kernel mean matching, KMM: weights of the source samples that bring its kernel mean onto the target's.

Huang, Smola, Gretton, Borgwardt & Schoelkopf 2006 (NIPS), eq. 4.
"""

import numpy as np
from scipy.spatial.distance import cdist

from ...core.checks import check_number
from ...core.runtime import numpy_rng, one_blas_thread
from ._gaussian import gaussian, median_distance


def kmm(K: np.ndarray, k: np.ndarray, bound: float, slack: float, steps: int = 3000) -> np.ndarray:
    """Kernel mean matching: min 1/2 b'Kb - k'b under 0 <= b <= bound and |sum b - n| <= n slack (eq. 4).

    Accelerated projected gradient (FISTA with restarts) from b = 1; the projection onto the box and the slab is exact.
    It ends when a projected step of the length 1 / ||K|| moves b by less than 1e-9 of its size. O(n^2) a step.
    """
    n = len(k)
    low, high = n * (1 - slack), n * (1 + slack)
    length = 1 / max(float(np.linalg.norm(K, 2) if n <= 200 else _norm(K)), 1e-12)
    b = np.ones(n)
    momentum, t = b, 1.0
    for _ in range(steps):
        new = _project(momentum - length * (K @ momentum - k), bound, low, high)
        later = (1 + np.sqrt(1 + 4 * t * t)) / 2
        if (momentum - new) @ (new - b) > 0:  # the momentum leads uphill: start it again
            later, momentum = 1.0, new
        else:
            momentum = new + (t - 1) / later * (new - b)
        moved = np.abs(_project(new - length * (K @ new - k), bound, low, high) - new).max()
        b, t = new, later
        if moved <= 1e-9 * max(np.abs(b).max(), 1e-12):
            break
    return b


def _project(b: np.ndarray, bound: float, low: float, high: float) -> np.ndarray:
    """The nearest point with 0 <= b <= bound and low <= sum b <= high: clip(b - shift), the shift found by halving."""
    inside = np.clip(b, 0, bound)
    total = inside.sum()
    if low <= total <= high:
        return inside
    goal = low if total < low else high
    lo, hi = b.min() - bound, b.max()  # at lo all are at the bound, at hi all are 0
    for _ in range(100):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if np.clip(b - mid, 0, bound).sum() > goal else (lo, mid)
    return np.clip(b - (lo + hi) / 2, 0, bound)


def _norm(K: np.ndarray) -> float:
    """An upper bound of the largest eigenvalue of a symmetric matrix with entries of 0 or more: its largest row sum."""
    return float(np.abs(K).sum(axis=1).max())


def kmm_weights(
    Xs: np.ndarray,
    Xt: np.ndarray,
    bandwidth: float | None,
    seed: int,
    bound: float = 1000.0,
    slack: float | None = None,
    max_samples: int = 4000,
) -> np.ndarray:
    """Weights (ns,) of the source samples, of 0 or more; those of a draw of `max_samples` go to the nearest others."""
    check_number("bound", bound, 0, open_low=True)
    check_number("max_samples", max_samples, 2, whole=True)
    rng = numpy_rng(seed, "kmm")
    scale = (
        median_distance(Xs, Xt, seed) if bandwidth is None else check_number("bandwidth", bandwidth, 0, open_low=True)
    )
    rows = np.arange(len(Xs)) if len(Xs) <= max_samples else np.sort(rng.choice(len(Xs), max_samples, replace=False))
    S, n = Xs[rows], len(rows)
    eps = (np.sqrt(n) - 1) / np.sqrt(n) if slack is None else check_number("slack", slack, 0)
    k = np.zeros(n)
    for start in range(0, len(Xt), 2000):
        k += gaussian(S, Xt[start : start + 2000], scale).sum(axis=1)
    with one_blas_thread(n * n):
        b = kmm(gaussian(S, S, scale), n / len(Xt) * k, max(bound, 1 - eps), eps)
    if len(rows) == len(Xs):
        return b
    return b[_nearest(Xs, S)]


def _nearest(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    return np.concatenate([cdist(X[i : i + 1000], Y, "sqeuclidean").argmin(axis=1) for i in range(0, len(X), 1000)])
