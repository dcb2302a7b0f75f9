"""Density ratios as a sum of Gaussians at target samples, w(x) = sum_l a_l exp(-||x - c_l||^2 / (2 s^2)).

KLIEP: Sugiyama et al. 2008 (Ann. Inst. Stat. Math. 60). uLSIF: Kanamori, Hido & Sugiyama 2009 (JMLR 10).
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ...core.checks import check_number
from ._gaussian import gaussian, median_distance

_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the median distance, tried as bandwidths

Ratio = Callable[[np.ndarray], np.ndarray]


def fit_kliep(
    Xs: np.ndarray, Xt: np.ndarray, centres: np.ndarray, bandwidth: float | None, rng: np.random.Generator
) -> Ratio:
    """KLIEP on these centres; the bandwidth by cross-validation of the target's likelihood where None."""
    median = median_distance(Xs, Xt, 0)
    scales = [bandwidth] if bandwidth is not None else [factor * median for factor in _FACTORS]
    parts = rng.permutation(len(Xt)) % min(5, len(Xt))

    def held_out(scale: float) -> float:
        """Mean log-likelihood of held-out target samples."""
        Ks, Kt = gaussian(Xs, centres, scale), gaussian(Xt, centres, scale)
        found = []
        for part in np.unique(parts):
            alpha = kliep(Kt[parts != part], Ks.mean(axis=0))[0]
            found.append(np.log(np.maximum(Kt[parts == part] @ alpha, 1e-300)))
        return float(np.concatenate(found).mean())

    scale = scales[0] if len(scales) == 1 or len(Xt) < 2 else max(scales, key=held_out)
    alpha, _ = kliep(gaussian(Xt, centres, scale), gaussian(Xs, centres, scale).mean(axis=0))
    return lambda X: gaussian(X, centres, scale) @ alpha


def kliep(
    Kt: np.ndarray, mean_s: np.ndarray, rounds: int = 500, tolerance: float = 1e-8
) -> tuple[np.ndarray, list[float]]:
    """Maximise mean log(Kt a) under a >= 0 and mean_s'a = 1: weights (b,), and the objective, which never falls.

    Kt (nt, b) are the basis functions at the target samples, mean_s (b,) their means over the source. In the variables
    c = mean_s a this is the maximum likelihood of a mixture's shares, so that the EM steps c <- c * mean of
    (column / mixture) need no step size, keep both constraints and never lower the objective.
    """
    keep = mean_s > 1e-12 * max(float(mean_s.max()), 1e-300)
    alpha = np.zeros(len(mean_s))
    if not keep.any() or mean_s.max() <= 0:
        return alpha, []
    columns = Kt[:, keep] / mean_s[keep]
    c, path = np.full(int(keep.sum()), 1 / keep.sum()), list[float]()
    for _ in range(rounds):
        mixture = np.maximum(columns @ c, 1e-300)
        path.append(float(np.log(mixture).mean()))
        if len(path) > 1 and path[-1] - path[-2] <= tolerance * max(1.0, abs(path[-1])):
            break
        c = c * (columns / mixture[:, None]).mean(axis=0)
        c /= c.sum()
    alpha[keep] = c / mean_s[keep]
    return alpha, path


def fit_ulsif(
    Xs: np.ndarray, Xt: np.ndarray, centres: np.ndarray, bandwidth: float | None, reg: float | None = None
) -> Ratio:
    """Fit uLSIF on these centres; bandwidth and penalty by leave-one-out where None."""
    median = median_distance(Xs, Xt, 0)
    scales = [bandwidth] if bandwidth is not None else [factor * median for factor in _FACTORS]
    regs = [check_number("reg", reg, 0, open_low=True)] if reg is not None else [1e-3, 1e-2, 1e-1, 1.0]
    pairs = [(scale, value) for scale in scales for value in regs]

    def error(pair: tuple[float, float]) -> float:
        return ulsif_loo(gaussian(Xs, centres, pair[0]), gaussian(Xt, centres, pair[0]), pair[1])

    scale, value = pairs[0] if len(pairs) == 1 or min(len(Xs), len(Xt)) < 2 else min(pairs, key=error)
    alpha = ulsif(gaussian(Xs, centres, scale), gaussian(Xt, centres, scale), value)
    return lambda X: gaussian(X, centres, scale) @ alpha


def ulsif(Ks: np.ndarray, Kt: np.ndarray, reg: float) -> np.ndarray:
    """max(0, (H + reg I)^-1 h), H = Ks'Ks / ns, h = mean of Kt's rows (eq. 9): the weights (b,) of the basis."""
    H = Ks.T @ Ks / len(Ks)
    H.flat[:: len(H) + 1] += reg
    return np.maximum(cho_solve(cho_factor(H), Kt.mean(axis=0)), 0)


def ulsif_loo(Ks: np.ndarray, Kt: np.ndarray, reg: float) -> float:
    """Leave-one-out score of `ulsif`: mean of w(x_s)^2 / 2 - w(x_t) over pairs i of one source and one target sample.

    Pair i is left out of both H and h; by the rank-one formula all solutions cost one factorisation, O(n b^2).
    """
    n = min(len(Ks), len(Kt))
    A, B = Ks[:n], Kt[:n]  # which rows make a pair means nothing, so the first ones are as good as any
    scaled = A.T @ A / (n - 1)
    scaled.flat[:: len(scaled) + 1] += reg
    factor = cho_factor(scaled)
    VA = cho_solve(factor, A.T).T  # (n, b)
    h = B.sum(axis=0)
    left = (h[None] - B) / (n - 1)
    VL = cho_solve(factor, left.T).T
    # (S - a a' / (n-1))^-1 = S^-1 + S^-1 a a' S^-1 / (n - 1 - a' S^-1 a)
    lever = n - 1 - np.einsum("nb,nb->n", A, VA)
    alpha = VL + VA * (np.einsum("nb,nb->n", A, VL) / np.maximum(lever, 1e-12))[:, None]
    alpha = np.maximum(alpha, 0)
    return float(np.mean(np.einsum("nb,nb->n", A, alpha) ** 2 / 2 - np.einsum("nb,nb->n", B, alpha)))
