"""Scores of a model on a target without labels, each a function of `Evidence`; larger is better for all.

Importance-weighted validation, IWV (Sugiyama, Krauledat & Mueller 2007, JMLR 8); deep embedded validation, DEV (You
et al. 2019, ICML, eq. 9); entropy (Grandvalet & Bengio 2004); soft neighbourhood density, SND (Saito et al. 2021,
ICCV, eq. 4-5); circular or reverse validation (Bruzzone & Marconcini 2010, TPAMI 32; Zhong et al. 2010, ECML).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..shift.density_ratios import ratio_at
from ..spectrum import spectrum
from .evidence import Evidence

_AXES = 30  # density ratios are estimated on so many principal axes: in more, domains are told apart by noise


@dataclass(frozen=True)
class Scorer:
    """A label-free score.

    Attributes:
        score: evidence -> one number, or (m,) what each source validation sample adds to a mean.
        needs: the optional fields of `Evidence` that it reads; several groups are alternatives, the first is best.
    """

    score: Callable[[Evidence], np.ndarray | float]
    needs: tuple[tuple[str, ...], ...]

    def admits(self, evidence: Evidence) -> bool:
        """Whether the evidence has what this scorer reads."""
        return any(evidence.has(*group) for group in self.needs)


def circular(evidence: Evidence) -> np.ndarray:
    """Whether the model taught by the target's predicted labels is right on the validation samples: (m,) 0 or 1."""
    assert evidence.reverse_predicted is not None  # `needs` was asked, here and below
    return np.equal(evidence.reverse_predicted, evidence.labels).astype(float)


def iwv(evidence: Evidence) -> np.ndarray:
    """(m,) w [predicted = label], with importance weights w of mean 1; estimated from the features where not given."""
    if evidence.weights is not None:
        return evidence.weights * evidence.right
    weights = feature_weights(evidence)
    return weights / weights.mean() * evidence.right


def dev(evidence: Evidence) -> float:
    """1 - DEV risk, with importance weights in the space of the features (those given where there are none)."""
    losses = 1 - evidence.right if evidence.losses is None else evidence.losses
    weights = evidence.weights if evidence.source_features is None else feature_weights(evidence)
    assert weights is not None
    return 1 - dev_risk(losses, weights)


def entropy(evidence: Evidence) -> float:
    """1 - mean entropy of the target probabilities over log K."""
    assert evidence.target_probabilities is not None
    return 1 - mean_entropy(evidence.target_probabilities)


def snd(evidence: Evidence) -> float:
    """Soft neighbourhood density of the target probabilities."""
    assert evidence.target_probabilities is not None
    return neighbourhood_density(evidence.target_probabilities)


_FEATURES = ("source_features", "target_features")

SCORERS: Mapping[str, Scorer] = {
    "circular": Scorer(circular, (("reverse_predicted",),)),
    "iwv": Scorer(iwv, (("weights",), _FEATURES)),
    "dev": Scorer(dev, (_FEATURES, ("weights",))),
    "entropy": Scorer(entropy, (("target_probabilities",),)),
    "snd": Scorer(snd, (("target_probabilities",),)),
}


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


def input_weights(Xs: np.ndarray, Xt: np.ndarray) -> np.ndarray:
    """Importance weights p_t / p_s (ns,) of source samples, on the first principal axes of both domains; mean 1."""
    Zs, Zt = _few_axes(Xs, Xt)
    weights = ratio_at(Zs, Zt, "logistic")(Zs)
    return weights / weights.mean()


def feature_weights(evidence: Evidence) -> np.ndarray:
    """Importance weights p_t / p_s (m,) of the validation samples in the space of the features.

    The ratio is learned from the other source samples, or from these where there are no others.
    """
    Xs, Xt = evidence.source_features, evidence.target_features
    assert Xs is not None and Xt is not None
    Zs, Zt = _few_axes(Xs, Xt)
    others = np.setdiff1d(np.arange(len(Zs)), evidence.rows)
    return ratio_at(Zs[others] if len(others) else Zs, Zt, "logistic")(Zs[evidence.rows])


def _few_axes(Xs: np.ndarray, Xt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    both = spectrum(np.concatenate([Xs, Xt]))
    axes = both.axes[:, :_AXES] if len(both.variances) else np.zeros((Xs.shape[1], 1))
    return (Xs - both.mean) @ axes, (Xt - both.mean) @ axes
