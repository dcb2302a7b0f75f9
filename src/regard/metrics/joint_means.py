"""Several mean scores over the same images as one vector, with all that they owe to images and to training sets.

`contrast` gives the interval of one difference. Where a figure is made of many means, such as the end of a curve that
is fitted to them, what they share counts: a test image that is hard for one learner is hard for all, and a lucky
training set is lucky at every size. This is `contrast`'s arithmetic with a matrix in the place of each variance, for
means of learners that learned from all of a set, and of learners that learned from its two halves or parts of these:

- over units: the delete-one-unit jackknife of the vector of means, with one unit more that differs as far as one may;
- over training sets: with h half the difference of two halves' vectors, mean h h^T is what one more set would add to
  the means over both halves (McCarthy 1966). What the images at hand add to it is taken off, and from eight cuts on
  half of what cuts differ by, as in `contrast`; what is then below zero is set to zero.

Of all of the set there is one learner and no halves. Its luck varies as that of two halves' mean does, and the two
go together by RHO. Exact is either for one kind of score: one that is a mean over samples has equal luck in both, and
goes together wholly; one whose luck is a square of such a mean (the excess error of a learner near its optimum) has
half the variance with all, and goes together by 1 / sqrt 2. The larger variance and the lesser tie are on the safe
side for differences of the two, and for what is extrapolated from them, whose weights have both signs.

Source: Efron & Tibshirani 1993, ch. 11; McCarthy 1966 (half-sample replication); Hoeffding 1948 (the two kinds).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad
from ..core.linalg import eigh
from ..core.values import group_codes
from ._variance import ENOUGH_PAIRS, ENOUGH_ROWS
from .contrast import Difference
from .intervals import FEWEST_UNITS, _tail

RHO = 2**-0.5


@dataclass(frozen=True)
class JointMeans:
    """Means of several scores, and how sure they are together.

    Attributes:
        mean: (cells,) those of the whole set first.
        over_units: (cells, cells) covariance that the images at hand make.
        over_draws: (cells, cells) covariance that the training set makes.
        units: how many things were scored.
        worth: how many things of one size these are worth.
        pairs: cuts of the training set.
    """

    mean: np.ndarray
    over_units: np.ndarray
    over_draws: np.ndarray
    units: int
    worth: float
    pairs: int

    def wide(self, level: float = 0.95) -> np.ndarray:
        """(cells, cells) matrix W with w^T W w the squared half width of the interval of w^T mean.

        t(G' - 1)^2 over_units + t(cuts)^2 over_draws: Student's half widths in quadrature, as in `contrast`.
        """
        from scipy.stats import t

        tail = _tail(level)
        a, b = t.ppf(tail, max(self.worth - 1, 1)), t.ppf(tail, self.pairs)
        return np.asarray(a**2 * self.over_units + b**2 * self.over_draws)

    def interval(self, weights: ArrayLike, level: float = 0.95) -> Difference:
        """Interval of a weighted sum of the means; weights (cells,)."""
        w = np.asarray(weights, float)
        mean = float(w @ self.mean)
        if self.units < FEWEST_UNITS:
            return Difference(mean, float("-inf"), float("inf"), self.units, self.pairs)
        half = float(np.sqrt(w @ self.wide(level) @ w))
        return Difference(mean, mean - half, mean + half, self.units, self.pairs)


def joint_means(whole: ArrayLike, twins: ArrayLike, halves: ArrayLike, units: ArrayLike | None = None) -> JointMeans:
    """Means of all cells with their covariances.

    Args:
        whole: (seeds, w, images) scores in [0, 1] of w cells that learned from the whole set.
        twins: (2 cuts, w, images) the same cells, learned from halves of the set; rows 2k and 2k + 1 are one cut's.
        halves: (2 cuts, h, images) of h more cells, learned from halves or parts of these, in the same order.
        units: (images,) which thing each image shows; None: each another.

    Raises:
        InputError: shapes that do not fit, NaN, scores outside [0, 1].

    >>> rng = np.random.default_rng(0)
    >>> right = lambda *shape: (rng.random((*shape, 400)) < 0.8).astype(float)
    >>> found = joint_means(right(1, 1), right(8, 1), right(8, 2))
    >>> found.mean.shape, 0.02 < found.interval([1, 0, 0]).half_width < 0.08
    ((3,), True)
    """
    full, mirror, parts = (_scores(name, one) for name, one in (("whole", whole), ("twins", twins), ("halves", halves)))
    w, images = full.shape[1:]
    if mirror.shape[1:] != (w, images) or parts.shape[2] != images or len(mirror) != len(parts):
        shapes = f"{full.shape}, {mirror.shape} and {parts.shape}"
        raise bad("whole, twins, halves", shapes, "the same images; as many twins as whole cells; the same rows")
    if len(parts) < 2 or len(parts) % 2:
        raise bad("halves", f"{len(parts)} rows", "two rows for each cut")
    codes = np.arange(images) if units is None else group_codes(units, "units")
    if len(codes) != images:
        raise bad("units", f"{len(codes)}", f"one for each of {images} images")
    codes = np.unique(codes, return_inverse=True)[1]
    rows = np.concatenate([mirror, parts], axis=1)
    means = np.concatenate([full.mean(axis=0), parts.mean(axis=0)])
    sizes = np.bincount(codes) / images
    count = len(sizes)
    many = np.r_[np.full(w, len(full)), np.full(parts.shape[1], len(parts))]
    # as if one more unit had been scored, which differs as far as one may: see `contrast`
    over_units = (count**2 * _jackknife(means, codes, sizes) + np.diag(1 / many)) / (count + 1) ** 2
    luck = _over_sets(rows, codes, sizes)
    luck[:w, w:] *= RHO
    luck[w:, :w] *= RHO
    worth = float(1 / (sizes**2).sum())
    return JointMeans(means.mean(axis=1), over_units, luck, count, worth, len(parts) // 2)


def _over_sets(rows: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """What one more training set would add to the means over halves, (cells, cells): see `_variance.over_draws`."""
    one, two = rows[0::2], rows[1::2]
    half, both, pairs = (one - two) / 2, (one + two) / 2, len(one)
    each, middle = half.mean(axis=2), both.mean(axis=2)
    within, between = each.T @ each / pairs, np.cov(middle.T).reshape(rows.shape[1], rows.shape[1])
    if pairs >= ENOUGH_ROWS and len(sizes) > 1:
        within -= np.mean([_jackknife(one_cut, codes, sizes) for one_cut in half], axis=0)
        apart = both - both.mean(axis=0)
        between -= np.mean([_jackknife(one_cut, codes, sizes) for one_cut in apart], axis=0) * pairs / (pairs - 1)
    within, between = _at_least_zero(within), _at_least_zero(between)
    if pairs < ENOUGH_PAIRS:
        return within + between / pairs
    return within / 2 + _at_least_zero(within / 2 - between / 2)  # at least half: what is taken off may be too much


def _jackknife(scores: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Covariance of the means of scores (cells, images) over units: delete-one-unit jackknife."""
    count = len(sizes)
    if count < 2:
        return np.zeros((len(scores), len(scores)))
    value = np.stack([np.bincount(codes, row, minlength=count) for row in scores]) / scores.shape[1]
    without = (value.sum(axis=1, keepdims=True) - value) / (1 - sizes)
    apart = without - without.mean(axis=1, keepdims=True)
    return np.asarray((count - 1) / count * apart @ apart.T)


def _at_least_zero(matrix: np.ndarray) -> np.ndarray:
    """The nearest matrix that can be a covariance."""
    values, vectors = eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


def _scores(name: str, given: ArrayLike) -> np.ndarray:
    found = np.asarray(given, float)
    if found.ndim != 3 or not len(found) or not found.shape[2]:
        raise bad(name, f"shape {found.shape}", "scores (rows, cells, images)")
    if not ((found >= 0) & (found <= 1)).all():
        raise bad(name, "scores outside [0, 1], or NaN", "scores in [0, 1]")
    return found
