"""Scores of a model on a target without labels, as plain functions of predictions, losses and weights.

Entropy (Grandvalet & Bengio 2004); soft neighbourhood density, SND (Saito et al. 2021, ICCV, eq. 4-5); deep embedded
validation, DEV (You et al. 2019, ICML, eq. 9); importance weights p_t / p_s (Sugiyama et al. 2007, JMLR 8).
"""

from typing import Any

import numpy as np

from ..domains import Domains
from ..spectrum import spectrum

_AXES = 30  # density ratios are estimated on so many principal axes: in more, domains are told apart by noise


def dev_risk(losses: np.ndarray, weights: np.ndarray) -> float:
    """DEV (You et al. 2019, eq. 9): mean(wl) + eta mean(w) - eta with the control variate eta = -cov(wl, w) / var(w).

    >>> dev_risk(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    0.5
    """
    weighted, spread = weights * losses, float(np.var(weights, ddof=1)) if len(weights) > 1 else 0.0
    if spread < 1e-12:  # equal weights: there is nothing to control
        return float(weighted.mean())
    eta = -float(np.cov(weighted, weights, ddof=1)[0, 1]) / spread
    return float(weighted.mean() + eta * weights.mean() - eta)


def mean_entropy(P: np.ndarray) -> float:
    """Mean entropy of rows of probabilities (n, K), divided by log K: 0 is certain, 1 knows nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(P > 0, P * np.log(P), 0.0)
    return float(-terms.sum(axis=1).mean() / np.log(P.shape[1]))


def neighbourhood_density(P: np.ndarray, temperature: float = 0.05, chunk: int = 1024) -> float:
    """SND of predictions (n, K): mean entropy of each row's softmax of cosines to the others; O(n^2 K), chunked."""
    unit = P / np.linalg.norm(P, axis=1, keepdims=True)
    if len(unit) < 3:
        return 0.0
    total = 0.0
    for start in range(0, len(unit), chunk):
        S = unit[start : start + chunk] @ unit.T / temperature
        rows = np.arange(len(S))
        S[rows, start + rows] = -np.inf
        S -= S.max(axis=1, keepdims=True)
        weight = np.exp(S)
        sums = weight.sum(axis=1)
        S[rows, start + rows] = 0.0  # its weight is 0
        total += float((np.log(sums) - (weight * S).sum(axis=1) / sums).sum())
    return total / len(unit)


def input_weights(data: Domains, seed: int = 0) -> np.ndarray:
    """Importance weights p_t / p_s (ns,) of the source samples, on the first principal axes of both domains."""
    from ..shift.density_ratios import ratio_at

    Zs, Zt = _few_axes(data.Xs, data.Xt)
    return ratio_at(Zs, Zt, "logistic", seed=seed)(Zs)


def mapped_weights(model: Any, data: Domains, names: Any, rest: Any, held: Any, seed: int) -> np.ndarray:
    """Importance weights of the held source samples, in the space into which a fitted model maps both domains."""
    from ..shift.density_ratios import ratio_at

    # as arrays, whatever `set_output` says
    every = np.asarray(model.transform(data.Xs, domain=names))
    Zs, Zt = _few_axes(every, np.asarray(model.transform(data.Xt)))
    return ratio_at(Zs[rest], Zt, "logistic", seed=seed)(Zs[held])


def _few_axes(Xs: np.ndarray, Xt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = spectrum(np.concatenate([Xs, Xt]))
    axes = both.axes[:, :_AXES] if len(both.variances) else np.zeros((Xs.shape[1], 1))
    return (Xs - both.mean) @ axes, (Xt - both.mean) @ axes
