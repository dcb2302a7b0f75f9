"""Maximum mean discrepancy (Gretton et al. 2012, JMLR 13, eq. 3 and 5; Long et al. 2015, ICML, for several kernels)."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from ...core.checks import bad, check_choice, check_matrix, check_number
from ...core.runtime import numpy_rng

KERNELS = ("linear", "rbf", "multi")
TIE = 1e-9  # of the terms' size; rounding of their sums over thousands of samples is below 1e-12


def mmd2(
    Xs: ArrayLike,
    Xt: ArrayLike,
    kernel: str = "rbf",
    *,
    bandwidth: float | None = None,
    unbiased: bool = False,
    seed: int = 0,
    chunk: int = 1024,
) -> float:
    """Squared maximum mean discrepancy of samples (ns, d) and (nt, d).

    Biased: mean Kss + mean Ktt - 2 mean Kst, at least 0. Unbiased: the diagonals of Kss and Ktt left out, may be
    below 0. Kernels: `linear` x'y; `rbf` exp(-r^2 / (2 s^2)) with s = `bandwidth`, by default the median distance of
    pooled pairs; `multi` the mean over u = -3 ... 1 of exp(-r^2 / (2^u m)), m the mean squared distance of pooled
    pairs. Sets of different sizes are fine. Time O(n^2 d) with n = ns + nt, for `linear` O(n d); memory
    O(n (d + chunk)).

    Args:
        Xs: (ns, d).
        Xt: (nt, d).
        kernel: linear, rbf or multi.
        bandwidth: above 0, of `rbf`.
        unbiased: needs two samples in each set.
        seed: of the 1000 pooled samples whose pairs give the median where there are more.
        chunk: rows of the kernel matrix that are held at a time.

    >>> mmd2([[0.0], [2.0]], [[1.0], [3.0], [5.0]], "linear")
    4.0
    """
    Xs, Xt = two_sets(Xs, Xt)
    check_choice("kernel", kernel, KERNELS)
    check_number("chunk", chunk, 1, whole=True)
    if unbiased and min(len(Xs), len(Xt)) < 2:
        raise bad("unbiased", f"{len(Xs)} and {len(Xt)} samples", "at least 2 in each set", "Use unbiased=False.")
    if bandwidth is not None:
        check_number("bandwidth", bandwidth, 0, open_low=True)
        if kernel != "rbf":
            raise bad("bandwidth", bandwidth, f"none for the kernel {kernel}")
    Z = centred(Xs, Xt)
    member = (np.arange(len(Z)) < len(Xs)).astype(float)[:, None]
    return float(mmd2_of_members(Z, member, scales_of(Z, kernel, bandwidth, seed), unbiased, chunk)[0])


def mmd2_of_members(
    Z: np.ndarray, members: np.ndarray, scales: tuple[float, ...], unbiased: bool, chunk: int
) -> np.ndarray:
    """MMD^2 (B,) of the pooled samples Z (n, d) for B ways (n, B) of calling some of them source (1) and others not.

    With K the kernel matrix and a one way: Kss sums to a'Ka, Kst to 1'Ka - a'Ka, Ktt to the rest; so one pass over
    chunks of K serves all ways. No scales: the linear kernel, where a'Ka = ||Z'a||^2.
    """
    ns = members.sum(axis=0)
    nt = len(Z) - ns
    norms = np.einsum("nd,nd->n", Z, Z)
    if not scales:
        sums, total_D = members.T @ Z, Z.sum(axis=0)
        ss, any_s, total = np.einsum("bd,bd->b", sums, sums), sums @ total_D, float(total_D @ total_D)
        diagonal = norms
    else:
        ss, any_s, total, diagonal = np.zeros(members.shape[1]), np.zeros(members.shape[1]), 0.0, np.ones(len(Z))
        for start in range(0, len(Z), chunk):
            part = slice(start, start + chunk)
            squared = np.maximum(norms[part, None] + norms - 2 * Z[part] @ Z.T, 0)
            squared[np.arange(len(squared)), np.arange(start, start + len(squared))] = 0
            K = np.mean([np.exp(-squared / scale) for scale in scales], axis=0)
            ss += np.einsum("nb,nb->b", members[part], K @ members)
            any_s += members[part].T @ K.sum(axis=1)
            total += float(K.sum())
    st = any_s - ss
    tt = total - 2 * st - ss
    if unbiased:
        of_s = diagonal @ members
        ss, tt = (ss - of_s) / (ns * (ns - 1)), (tt - (diagonal.sum() - of_s)) / (nt * (nt - 1))
        return ss + tt - 2 * st / (ns * nt)
    # rounding may leave the 0 of equal sets at -1e-17
    return np.maximum(ss / ns**2 + tt / nt**2 - 2 * st / (ns * nt), 0)


def scales_of(Z: np.ndarray, kernel: str, bandwidth: float | None, seed: int) -> tuple[float, ...]:
    """What squared distances are divided by: nothing (linear), 2 s^2 (rbf), or five scales (multi)."""
    if kernel == "linear":
        return ()
    n = len(Z)
    # over pairs of different samples; Z has mean 0
    mean = 2 * float((Z**2).sum()) / max(n - 1, 1)
    if kernel == "multi":
        return tuple(2.0**u * mean for u in range(-3, 2)) if mean > 0 else (1.0,)
    if bandwidth is not None:
        return (2 * bandwidth**2,)
    pairs = pdist(drawn(Z, 1000, numpy_rng(seed, "bandwidth")), "sqeuclidean")
    median = float(np.median(pairs)) if len(pairs) else 0.0
    # where most pairs are equal samples the median is 0 and says nothing
    return (2 * (median or mean or 1.0),)


def p_value(found: np.ndarray, scale: float) -> float:
    """Permutation p-value of found[0] among found (1 + permutations,): the share that is as large, itself among them.

    A relabelling that ties with the observed one counts, and rounding must not break the tie: what is below it by less
    than 1e-9 of `scale`, the size of the terms whose difference the statistic is, is as large. Without permutations
    NaN.

    >>> p_value(np.array([0.3, 0.1 + 0.2, 0.1]), 1.0), p_value(np.array([0.1 + 0.2, 0.3, 0.1]), 1.0)
    (0.6666666666666666, 0.6666666666666666)
    """
    if len(found) < 2:
        return float("nan")
    return float((1 + int((found[1:] >= found[0] - TIE * scale).sum())) / len(found))


def two_sets(Xs: ArrayLike, Xt: ArrayLike, min_rows: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as finite float64 of the same width, or an InputError."""
    Xs = check_matrix("Xs", Xs, min_rows=min_rows).astype(np.float64, copy=False)
    return Xs, check_matrix("Xt", Xt, min_rows=min_rows, columns=Xs.shape[1]).astype(np.float64, copy=False)


def centred(Xs: np.ndarray, Xt: np.ndarray) -> np.ndarray:
    """Both sets below each other with mean 0, which changes no MMD and keeps distances exact far from 0."""
    Z = np.concatenate([Xs, Xt])
    return Z - Z.mean(axis=0)


def drawn_rows(n: int, most: int | None, rng: np.random.Generator) -> np.ndarray:
    """All n row numbers, or `most` of them drawn without replacement, rising."""
    return np.arange(n) if most is None or n <= most else np.sort(rng.choice(n, most, replace=False))


def drawn(X: np.ndarray, most: int | None, rng: np.random.Generator) -> np.ndarray:
    """The rows of X that `drawn_rows` says."""
    return X[drawn_rows(len(X), most, rng)]
