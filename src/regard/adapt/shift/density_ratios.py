"""Density ratios w(x) = p_t(x) / p_s(x), estimated from samples: how much a source sample counts in the target.

KMM: Huang et al. 2006 (NIPS). KLIEP: Sugiyama et al. 2008 (Ann. Inst. Stat. Math. 60). uLSIF: Kanamori, Hido &
Sugiyama 2009 (JMLR 10). Logistic: Bickel, Brueckner & Scheffer 2009 (JMLR 10), w = (ns / nt) p(t | x) / p(s | x).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import numpy_rng, one_blas_thread
from .kernel_mean_matching import kmm_weights
from .kernel_ratios import Ratio, fit_kliep, fit_ulsif
from .mmd import drawn, two_sets

METHODS = ("logistic", "kmm", "kliep", "ulsif")
FUNCTIONS = ("logistic", "kliep", "ulsif")
_CENTRES = 100  # target samples that carry the basis functions


def density_ratio(
    Xs: ArrayLike,
    Xt: ArrayLike,
    method: str = "logistic",
    *,
    bandwidth: float | None = None,
    seed: int = 0,
    **settings: Any,
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
        w = kmm_weights(Xs, Xt, bandwidth, seed, **_known(method, settings))
    else:
        w = ratio_at(Xs, Xt, method, bandwidth=bandwidth, seed=seed, **settings)(np.asarray(Xs, float))
    mean = w.mean()
    # no source sample resembles the target: no weight is better than another
    return w / mean if mean > 1e-12 else np.ones(len(w))


def ratio_at(
    Xs: ArrayLike,
    Xt: ArrayLike,
    method: str = "logistic",
    *,
    bandwidth: float | None = None,
    seed: int = 0,
    **settings: Any,
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
        return fit_kliep(Xs, Xt, centres, bandwidth, rng)
    return fit_ulsif(Xs, Xt, centres, bandwidth, **known)


def effective_samples(weights: ArrayLike) -> float:
    """(sum w)^2 / sum w^2: how many equally weighted samples tell as much as these weighted ones."""
    w = np.asarray(weights, float)
    return float(w.sum() ** 2 / (w**2).sum()) if (w > 0).any() else 0.0


def _logistic(Xs: np.ndarray, Xt: np.ndarray, C: float = 1.0) -> Ratio:
    check_number("C", C, 0, open_low=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=2000))
    side = np.repeat([0, 1], [len(Xs), len(Xt)])
    with one_blas_thread(float(Xs.shape[1]) * len(side)):
        model.fit(np.concatenate([Xs, Xt]), side)
    # the log of the odds is the margin; clipped far beyond what weights can mean
    prior = np.log(len(Xs) / len(Xt))
    return lambda X: np.exp(np.clip(model.decision_function(X) + prior, -50, 50))


def _known(method: str, settings: dict[str, Any]) -> dict[str, Any]:
    allowed = {"logistic": ("C",), "kmm": ("bound", "slack", "max_samples"), "kliep": (), "ulsif": ("reg",)}[method]
    for name in settings:
        if name not in allowed:
            raise bad(f"setting of {method}", repr(name), f"one of {', '.join(allowed) or 'none'}")
    return settings
