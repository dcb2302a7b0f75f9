"""SLDA: Fisher's linear discriminant with a covariance that streams exactly (after Hayes & Kanan 2020, CVPR workshops).

All classes are Gaussians of one covariance, which is the scatter about the class means over the number of samples. The
published update counts a class's first sample as if the class's mean had been 0, and weighs by the number of all
samples; its covariance is not that of the data. Here counts, means and scatter are merged exactly, so that the result
is the joint fit whatever the order: scikit-learn's `LinearDiscriminantAnalysis` with the same `shrinkage` and priors,
whose covariance divides by n, not by n - K.

Shrinkage by Ledoit and Wolf ("auto" there) needs fourth moments and cannot stream; "oas" (Chen et al. 2010) needs the
covariance alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...core.checks import bad, check_number
from ...core.linalg import eigh
from ._common import Learner
from ._moments import EPS, Moments, Scatter


def oas_shrinkage(C: np.ndarray, n: int) -> float:
    """The share of the identity, oracle approximating shrinkage of a covariance C (d, d) of n samples.

    (a + m^2) / ((n + 1)(a - m^2 / d)), at most 1, with m = tr(C) / d and a the mean of C's squared elements, as in
    `sklearn.covariance.OAS`.
    """
    d = len(C)
    if d == 1:
        return 0.0
    mean, square = float(np.trace(C)) / d, float((C**2).mean())
    below = (n + 1) * (square - mean**2 / d)
    return 1.0 if below <= 0 else min((square + mean**2) / below, 1.0)


def shrunk(C: np.ndarray, share: float) -> np.ndarray:
    """(1 - share) C + share tr(C) / d I."""
    return (1 - share) * C + share * np.trace(C) / len(C) * np.eye(len(C))


def discriminants(means: np.ndarray, C: np.ndarray, priors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (d, K) C^+ m_k and intercepts (K,) log p_k - m_k' C^+ m_k / 2, with C^+ the pseudo-inverse."""
    values, axes = eigh(C)
    held = values > len(C) * EPS * max(float(values[-1]), 0.0)
    axes = axes[:, held]
    coef = axes @ ((axes.T @ means.T) / values[held, None])
    return coef, np.log(priors) - (means * coef.T).sum(axis=1) / 2


class SLDA(Learner):
    """Linear discriminant analysis that streams. Time O(n d^2) to learn, O(d^3) once after each change to predict.

    Keeps d^2 + K d numbers; with other priors than the classes' shares K d^2, since then each class's covariance has
    its own weight.

    Args:
        shrinkage: 0 to 1, the share of the identity in the covariance; "oas": by the data, again after each change.
        priors: None: the classes' shares of the samples; "uniform"; or label -> number above 0, for every class known
            at the time of a prediction, which are divided by their sum. The covariance is the mean of the classes'
            covariances with these weights.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) * [1, 9] + y[:, None] * [4, 0]
    >>> bool((SLDA().partial_fit(X[::2], y[::2]).partial_fit(X[1::2], y[1::2]).predict(X) == y).mean() > 0.9)
    True
    """

    def __init__(self, shrinkage: float | str = "oas", priors: str | Mapping[Any, float] | None = None) -> None:
        self.shrinkage = shrinkage
        self.priors = priors

    def _check(self) -> None:
        if isinstance(self.shrinkage, str) or self.shrinkage is None:
            if self.shrinkage != "oas":
                fix = "Ledoit and Wolf's needs the samples once more." if self.shrinkage == "auto" else ""
                raise bad("shrinkage", repr(self.shrinkage), 'a number from 0 to 1 or "oas"', fix)
        else:
            check_number("shrinkage", self.shrinkage, 0, 1)
        if isinstance(self.priors, Mapping):
            for label, prior in self.priors.items():
                check_number(f"priors of {label}", prior, 0, open_low=True)
        elif self.priors is not None and not (isinstance(self.priors, str) and self.priors == "uniform"):
            raise bad("priors", repr(self.priors), 'None, "uniform" or a mapping from labels to numbers')

    def _scatter(self) -> Scatter:
        return "pooled" if self.priors is None else "class"

    def _weights(self, known: Moments) -> np.ndarray:
        if self.priors is None:
            return known.counts / known.total
        if not isinstance(self.priors, Mapping):
            return np.full(len(known.classes), 1 / len(known.classes))
        labels: Iterable[Any] = known.classes.tolist()
        missing = [label for label in labels if label not in self.priors]
        if missing:
            raise bad("priors", f"none for {missing[0]!r}", "a prior for each class that is known")
        given = np.array([float(self.priors[label]) for label in labels])
        return given / given.sum()

    def _solve(self, known: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        priors, scatter = self._weights(known), known.scatter
        assert scatter is not None
        C = scatter / known.total if scatter.ndim == 2 else np.tensordot(priors / known.counts, scatter, 1)
        share = oas_shrinkage(C, known.total) if isinstance(self.shrinkage, str) else float(self.shrinkage)
        centre = known.means.mean(axis=0)  # scores of all classes change by the same number, and keep their digits
        return (*discriminants(known.means - centre, shrunk(C, share), priors), centre)

    def _scores(self, model: tuple[np.ndarray, np.ndarray, np.ndarray], Z: np.ndarray) -> np.ndarray:
        coef, intercept, centre = model
        return (Z - centre) @ coef + intercept


Method = SLDA
