"""Density ratios w(x) = p_t(x) / p_s(x), estimated from samples: how much a source sample counts in the target.

KMM: Huang et al. 2006 (NIPS). KLIEP: Sugiyama et al. 2008 (Ann. Inst. Stat. Math. 60). uLSIF: Kanamori, Hido &
Sugiyama 2009 (JMLR 10). Logistic: Bickel, Brueckner & Scheffer 2009 (JMLR 10), w = (ns / nt) p(t | x) / p(s | x).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist, pdist
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import numpy_rng, one_blas_thread
from .mmd import drawn, two_sets

METHODS = ("logistic", "kmm", "kliep", "ulsif")
FUNCTIONS = ("logistic", "kliep", "ulsif")
_CENTRES = 100  # target samples that carry the basis functions
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the median distance, tried as bandwidths

Ratio = Callable[[np.ndarray], np.ndarray]


def density_ratio(
    Xs: Any, Xt: Any, method: str = "logistic", *, bandwidth: float | None = None, seed: int = 0, **settings: Any
) -> np.ndarray:
    """Estimate w = p_t / p_s at the source samples (ns, d): (ns,) numbers, 0 or more, with mean 1.

    Time and memory: O(n d) and O(n) basis functions of up to 100 target samples for `kliep` and `ulsif`, O(n d) for
    `logistic`; `kmm` needs the kernel of the source with itself, O(ns^2), above `max_samples` of a draw, whose
    weights go to each other source sample from its nearest drawn one.

    Args:
        Xs: (ns, d).
        Xt: (nt, d).
        method: logistic, kmm, kliep or ulsif.
        bandwidth: of the Gaussian kernel exp(-r^2 / (2 s^2)), above 0; None: cross-validation (kliep, ulsif) or the
            median distance (kmm).
        seed: of draws and folds.
        settings: `C` of logistic; `bound`, `slack`, `max_samples` of kmm; `reg` of ulsif.

    Raises:
        InputError: NaN, other dimensions, settings out of range or of another method.

    >>> rng = np.random.default_rng(0)
    >>> Xs, Xt = rng.normal(size=(300, 1)), rng.normal(size=(300, 1)) + 1
    >>> w = density_ratio(Xs, Xt)
    >>> bool(w[Xs[:, 0] > 1].mean() > 2 * w[Xs[:, 0] < 0].mean())
    True
    """
    check_choice("method", method, METHODS)
    if method == "kmm":
        Xs, Xt = two_sets(Xs, Xt)
        w = _kmm_drawn(Xs, Xt, bandwidth, seed, **_known(method, settings))
    else:
        w = ratio_at(Xs, Xt, method, bandwidth=bandwidth, seed=seed, **settings)(np.asarray(Xs, float))
    mean = w.mean()
    # no source sample resembles the target: no weight is better than another
    return w / mean if mean > 1e-12 else np.ones(len(w))


def ratio_at(
    Xs: Any, Xt: Any, method: str = "logistic", *, bandwidth: float | None = None, seed: int = 0, **settings: Any
) -> Ratio:
    """Estimate the ratio as a function of rows (n, d), for samples that the estimate has not seen.

    Args and errors are those of `density_ratio`; `kmm` has no values off its samples.
    """
    if method == "kmm":
        raise bad("method", "'kmm'", f"one of {', '.join(FUNCTIONS)}", "KMM gives weights of its own samples only.")
    check_choice("method", method, FUNCTIONS)
    Xs, Xt = two_sets(Xs, Xt)
    if bandwidth is not None:
        check_number("bandwidth", bandwidth, 0, open_low=True)
    known = _known(method, settings)
    if method == "logistic":
        return _logistic(Xs, Xt, **known)
    rng = numpy_rng(seed, "ratio")
    centres = drawn(Xt, _CENTRES, rng)
    if method == "kliep":
        return _kliep(Xs, Xt, centres, bandwidth, rng)
    return _ulsif(Xs, Xt, centres, bandwidth, **known)


def effective_samples(weights: Any) -> float:
    """(sum w)^2 / sum w^2: how many equally weighted samples tell as much as these weighted ones."""
    w = np.asarray(weights, float)
    return float(w.sum() ** 2 / (w**2).sum()) if (w > 0).any() else 0.0


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


def _kmm_drawn(
    Xs: np.ndarray,
    Xt: np.ndarray,
    bandwidth: float | None,
    seed: int,
    bound: float = 1000.0,
    slack: float | None = None,
    max_samples: int = 4000,
) -> np.ndarray:
    check_number("bound", bound, 0, open_low=True)
    check_number("max_samples", max_samples, 2, whole=True)
    rng = numpy_rng(seed, "kmm")
    scale = _median(Xs, Xt, seed) if bandwidth is None else check_number("bandwidth", bandwidth, 0, open_low=True)
    rows = np.arange(len(Xs)) if len(Xs) <= max_samples else np.sort(rng.choice(len(Xs), max_samples, replace=False))
    S, n = Xs[rows], len(rows)
    eps = (np.sqrt(n) - 1) / np.sqrt(n) if slack is None else check_number("slack", slack, 0)
    k = np.zeros(n)
    for start in range(0, len(Xt), 2000):
        k += _gauss(S, Xt[start : start + 2000], scale).sum(axis=1)
    with one_blas_thread(n * n):
        b = kmm(_gauss(S, S, scale), n / len(Xt) * k, max(bound, 1 - eps), eps)
    if len(rows) == len(Xs):
        return b
    return b[_nearest(Xs, S)]


def _nearest(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    return np.concatenate([cdist(X[i : i + 1000], Y, "sqeuclidean").argmin(axis=1) for i in range(0, len(X), 1000)])


def _logistic(Xs: np.ndarray, Xt: np.ndarray, C: float = 1.0) -> Ratio:
    check_number("C", C, 0, open_low=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))
    side = np.repeat([0, 1], [len(Xs), len(Xt)])
    with one_blas_thread(float(Xs.shape[1]) * len(side)):
        model.fit(np.concatenate([Xs, Xt]), side)
    # the log of the odds is the margin; clipped far beyond what weights can mean
    prior = np.log(len(Xs) / len(Xt))
    return lambda X: np.exp(np.clip(model.decision_function(X) + prior, -50, 50))


def _kliep(
    Xs: np.ndarray, Xt: np.ndarray, centres: np.ndarray, bandwidth: float | None, rng: np.random.Generator
) -> Ratio:
    median = _median(Xs, Xt, 0)
    scales = [bandwidth] if bandwidth is not None else [factor * median for factor in _FACTORS]
    parts = rng.permutation(len(Xt)) % min(5, len(Xt))

    def held_out(scale: float) -> float:
        """Mean log-likelihood of held-out target samples."""
        Ks, Kt = _gauss(Xs, centres, scale), _gauss(Xt, centres, scale)
        found = []
        for part in np.unique(parts):
            alpha = kliep(Kt[parts != part], Ks.mean(axis=0))[0]
            found.append(np.log(np.maximum(Kt[parts == part] @ alpha, 1e-300)))
        return float(np.concatenate(found).mean())

    scale = scales[0] if len(scales) == 1 or len(Xt) < 2 else max(scales, key=held_out)
    alpha, _ = kliep(_gauss(Xt, centres, scale), _gauss(Xs, centres, scale).mean(axis=0))
    return lambda X: _gauss(X, centres, scale) @ alpha


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


def _ulsif(
    Xs: np.ndarray, Xt: np.ndarray, centres: np.ndarray, bandwidth: float | None, reg: float | None = None
) -> Ratio:
    median = _median(Xs, Xt, 0)
    scales = [bandwidth] if bandwidth is not None else [factor * median for factor in _FACTORS]
    regs = [check_number("reg", reg, 0, open_low=True)] if reg is not None else [1e-3, 1e-2, 1e-1, 1.0]
    pairs = [(scale, value) for scale in scales for value in regs]

    def error(pair: tuple[float, float]) -> float:
        return ulsif_loo(_gauss(Xs, centres, pair[0]), _gauss(Xt, centres, pair[0]), pair[1])

    scale, value = pairs[0] if len(pairs) == 1 or min(len(Xs), len(Xt)) < 2 else min(pairs, key=error)
    alpha = ulsif(_gauss(Xs, centres, scale), _gauss(Xt, centres, scale), value)
    return lambda X: _gauss(X, centres, scale) @ alpha


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


def _gauss(X: np.ndarray, Y: np.ndarray, scale: float) -> np.ndarray:
    return np.exp(-cdist(X, Y, "sqeuclidean") / (2 * scale**2))


def _median(Xs: np.ndarray, Xt: np.ndarray, seed: int) -> float:
    """The median distance of pooled pairs, of at most 1,000 samples; 1 where all are equal."""
    Z = drawn(np.concatenate([Xs, Xt]), 1000, numpy_rng(seed, "bandwidth"))
    pairs = pdist(Z)
    return float(np.median(pairs)) or float(pairs.mean()) or 1.0


def _known(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    allowed = {"logistic": ("C",), "kmm": ("bound", "slack", "max_samples"), "kliep": (), "ulsif": ("reg",)}[method]
    for name in settings:
        if name not in allowed:
            raise bad(f"setting of {method}", repr(name), f"one of {', '.join(allowed) or 'none'}")
    return settings
