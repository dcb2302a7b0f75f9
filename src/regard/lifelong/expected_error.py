"""How wrong a translation is to be expected to be, before the image is embedded anew.

From two things that old vectors tell by themselves: the leverage, by which the variance of a ridge's answer grows
(x' (X'X + penalty I)^-1 x, large in directions that few pairs have or none), and the distance to the nearest pair. How
much each counts is learned from the pairs, each left out, by least squares without negative weights: an image that is
farther off is never expected to be better. Leaving pair i out makes its leverage h / (1 - h), without fitting again.
"""

from dataclasses import dataclass

import numpy as np

from ..core.linalg import svd


@dataclass(frozen=True)
class Expected:
    """What was learned.

    Attributes:
        known: (n, d) the pairs' old vectors.
        before: (d,) their mean.
        span: (d, r) directions that they have.
        damped: (r,) 1 / (s^2 + penalty), with s their singular values.
        penalty: of the ridge.
        weights: (3,) of 1, the leverage and the distance.
        agreement: Spearman's rank correlation of expected and true errors of the pairs, each left out; NaN where all
            are alike.
    """

    known: np.ndarray
    before: np.ndarray
    span: np.ndarray
    damped: np.ndarray
    penalty: float
    weights: np.ndarray
    agreement: float

    def of(self, old_ND: np.ndarray) -> np.ndarray:
        """(n,) expected errors of old vectors (n, d). O(n d (r + pairs))."""
        found = features(leverage(self, old_ND), nearest(old_ND, self.known)) @ self.weights
        return found if self.weights[1:].any() else found + 1e-12 * nearest(old_ND, self.known)


def learn_expected(old_ND: np.ndarray, errors_N: np.ndarray, penalty: float) -> Expected:
    """Learn what to expect from the pairs.

    Args:
        old_ND: (n, d) of the pairs, as the map takes them, and of others that taught it after them.
        errors_N: (pairs,) of each, left out.
        penalty: of the ridge, above 0.
    """
    from scipy.optimize import nnls
    from scipy.stats import spearmanr

    before = old_ND.mean(axis=0)
    _, s, Vt = svd(old_ND - before)
    kept = s > s[0] * max(old_ND.shape) * np.finfo(np.float64).eps
    model = Expected(
        old_ND, before, Vt[kept].T, 1 / (s[kept] ** 2 + penalty), penalty, np.array([1.0, 0.0, 0.0]), float("nan")
    )
    own = np.minimum(leverage(model, old_ND), 1 - 1e-12)
    said = features(own / (1 - own), nearest(old_ND, old_ND, itself=True))[: len(errors_N)]
    scale = said.mean(axis=0)
    scale[scale == 0] = 1
    largest = errors_N.max() or 1.0
    weights = largest * nnls(said / scale, errors_N / largest)[0] / scale
    told = said @ weights
    alike = np.ptp(told) <= 1e-12 * np.abs(told).max() or np.ptp(errors_N) == 0
    agreement = float("nan") if alike else float(spearmanr(told, errors_N).statistic)
    return Expected(old_ND, before, model.span, model.damped, penalty, weights, agreement)


def leverage(model: Expected, old_ND: np.ndarray) -> np.ndarray:
    """(n,) 1/pairs + x' (X'X + penalty I)^-1 x, x and X about the pairs' mean."""
    x = np.asarray(old_ND, np.float64) - model.before
    inside = (x @ model.span) ** 2
    outside = np.maximum((x**2).sum(axis=1) - inside.sum(axis=1), 0)
    outside[outside < 1e-12 * (x**2).sum(axis=1)] = 0  # rounding
    return 1 / len(model.known) + inside @ model.damped + outside / model.penalty


def nearest(old_ND: np.ndarray, known_MD: np.ndarray, itself: bool = False) -> np.ndarray:
    """(n,) squared distance to the nearest known vector; `itself`: row i is no neighbour of row i."""
    squares = (old_ND**2).sum(axis=1)[:, None] - 2 * old_ND @ known_MD.T + (known_MD**2).sum(axis=1)
    if itself:
        np.fill_diagonal(squares, np.inf)
    return np.maximum(squares.min(axis=1), 0)


def features(leverage_N: np.ndarray, nearest_N: np.ndarray) -> np.ndarray:
    """(n, 3) what an expected error is made of."""
    return np.stack([np.ones_like(leverage_N), leverage_N, nearest_N], axis=1)
