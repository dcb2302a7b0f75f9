"""Distances between two sets of samples: CORAL, energy, Wasserstein, sliced Wasserstein and linear-time MMD.

Sun & Saenko 2016 (CORAL); Szekely & Rizzo 2013, J. Stat. Plan. Inference 143 (energy); Peyre & Cuturi 2019,
Computational Optimal Transport (Wasserstein); Bonneel et al. 2015, J. Math. Imaging Vis. 51 (sliced); Gretton et al.
2012, JMLR 13, section 6 (linear time). All take sets of different sizes and are 0 for equal sets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from ...core.checks import bad, check_number
from ...core.runtime import numpy_rng
from ..transport_plans import pot
from .mmd import centred, p_value, scales_of, two_sets

_CHUNK = 1024


def coral_distance(Xs: ArrayLike, Xt: ArrayLike) -> float:
    """CORAL distance ||Cs - Ct||_F^2 / (4 d^2) of the covariances (divided by n - 1) of samples (ns, d) and (nt, d).

    With fewer samples than features no d x d matrix is formed: the norm is tr(Cs Cs) + tr(Ct Ct) - 2 tr(Cs Ct), each
    from products of samples. Time O(n d min(n, d)). A single sample has covariance 0.

    >>> coral_distance([[0.0], [2.0]], [[0.0], [4.0]])
    9.0
    """
    Xs, Xt = two_sets(Xs, Xt)
    A, B = (X - X.mean(axis=0) for X in (Xs, Xt))
    d, s, t = Xs.shape[1], max(len(A) - 1, 1), max(len(B) - 1, 1)
    if d <= len(A) + len(B):
        return float((((A.T @ A) / s - (B.T @ B) / t) ** 2).sum() / (4 * d * d))
    total = ((A @ A.T) ** 2).sum() / s**2 + ((B @ B.T) ** 2).sum() / t**2 - 2 * ((A @ B.T) ** 2).sum() / (s * t)
    return max(float(total), 0.0) / (4 * d * d)


def energy_distance(Xs: ArrayLike, Xt: ArrayLike) -> float:
    """Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| over all pairs, at least 0; O(n^2 d) time, O(n) memory.

    In one dimension it is twice the squared L2 distance of the distribution functions (scipy's `energy_distance`
    squared).
    """
    Xs, Xt = two_sets(Xs, Xt)
    return max(2 * _mean_distance(Xs, Xt) - _mean_distance(Xs, Xs) - _mean_distance(Xt, Xt), 0.0)


def wasserstein(Xs: ArrayLike, Xt: ArrayLike, *, max_samples: int = 1000, seed: int = 0) -> float:
    """Wasserstein distance W2: the root of the least mean squared distance of a coupling, exact (network simplex).

    Above `max_samples` a draw of each set is compared, which makes it larger: samples of one distribution are apart,
    too. Compare it with the same of two halves of the source. Time O(n^3) at worst, memory O(n^2).
    """
    Xs, Xt = two_sets(Xs, Xt)
    check_number("max_samples", max_samples, 1, whole=True)
    rng = numpy_rng(seed, "wasserstein")
    S, T = (X if len(X) <= max_samples else X[rng.permutation(len(X))[:max_samples]] for X in (Xs, Xt))
    cost = cdist(S, T, "sqeuclidean")
    weights = np.full(len(S), 1 / len(S)), np.full(len(T), 1 / len(T))
    return float(np.sqrt(max(pot().emd2(*weights, cost, numItermax=10_000_000), 0.0)))


def sliced_wasserstein(Xs: ArrayLike, Xt: ArrayLike, *, projections: int = 200, seed: int = 0) -> float:
    """Sliced Wasserstein distance: the root of the mean over random directions of the squared W2 in one dimension.

    In one dimension W2 compares the quantile functions, which are steps: exact for sets of any sizes. Time
    O(projections n (d + log n)), memory O(n projections / 10).
    """
    Xs, Xt = two_sets(Xs, Xt)
    check_number("projections", projections, 1, whole=True)
    directions = numpy_rng(seed, "sliced").normal(size=(Xs.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    # where either quantile function steps; between two neighbours both are constant
    edges = np.unique(np.concatenate([np.arange(len(X) + 1) / len(X) for X in (Xs, Xt)]).round(12))
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    at_s, at_t = (np.minimum((middle * len(X)).astype(int), len(X) - 1) for X in (Xs, Xt))
    total = 0.0
    for start in range(0, projections, 20):
        part = directions[:, start : start + 20]
        gap = np.sort(Xs @ part, axis=0)[at_s] - np.sort(Xt @ part, axis=0)[at_t]
        total += float((width @ gap**2).sum())
    return float(np.sqrt(total / projections))


@dataclass(frozen=True)
class LinearMMD:
    """Linear-time MMD^2: unbiased, with its standard error; `z` = value / error is about normal without a shift."""

    value: float
    error: float

    @property
    def z(self) -> float:
        """How many standard errors it is above 0."""
        return self.value / self.error if self.error > 0 else 0.0


def linear_time_mmd2(
    Xs: ArrayLike, Xt: ArrayLike, kernel: str = "rbf", *, bandwidth: float | None = None, seed: int = 0
) -> LinearMMD:
    """MMD^2 as the mean over pairs of k(s, s') + k(t, t') - k(s, t') - k(s', t): O(n d) time for any n.

    Pairs are neighbours in a random order of each set; of the larger set what is left over is not used.
    """
    Xs, Xt = two_sets(Xs, Xt)
    pairs = min(len(Xs), len(Xt)) // 2
    if pairs < 2:
        raise bad("Xs and Xt", f"{len(Xs)} and {len(Xt)} samples", "at least 4 in each set")
    rng = numpy_rng(seed, "linear")
    Z = centred(Xs, Xt)
    scales = scales_of(Z, kernel, bandwidth, seed)
    S, T = Z[: len(Xs)][rng.permutation(len(Xs))[: 2 * pairs]], Z[len(Xs) :][rng.permutation(len(Xt))[: 2 * pairs]]

    def k(A: np.ndarray, B: np.ndarray) -> np.ndarray:
        if not scales:
            return np.einsum("nd,nd->n", A, B)
        squared = ((A - B) ** 2).sum(axis=1)
        return np.mean([np.exp(-squared / scale) for scale in scales], axis=0)

    h = k(S[::2], S[1::2]) + k(T[::2], T[1::2]) - k(S[::2], T[1::2]) - k(S[1::2], T[::2])
    return LinearMMD(float(h.mean()), float(h.std(ddof=1) / np.sqrt(pairs)))


def energy_p_value(Xs: np.ndarray, Xt: np.ndarray, permutations: int, seed: int) -> tuple[float, float]:
    """Energy distance, and the share of random relabellings of the domains with at least that; O(n^2) memory."""
    D = cdist(Z := np.concatenate([Xs, Xt]), Z)
    rng, ns, nt = numpy_rng(seed, "energy"), len(Xs), len(Xt)
    draws = [np.arange(len(Z)), *(rng.permutation(len(Z)) for _ in range(permutations))]
    a = np.stack([(draw < ns).astype(float) for draw in draws], axis=1)
    b = 1 - a
    Da = D @ a
    st, ss = np.einsum("nb,nb->b", b, Da), np.einsum("nb,nb->b", a, Da)
    tt = D.sum() - 2 * st - ss
    found = np.maximum(2 * st / (ns * nt) - ss / ns**2 - tt / nt**2, 0)
    return float(found[0]), p_value(found, float(D.mean()))


def _mean_distance(A: np.ndarray, B: np.ndarray) -> float:
    total = sum(float(cdist(A[start : start + _CHUNK], B).sum()) for start in range(0, len(A), _CHUNK))
    return total / (len(A) * len(B))
