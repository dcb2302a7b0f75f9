"""The difference of two methods: a paired interval that holds every source of variance, and its verdict.

The one place where the interval of a gain is computed. Sources of variance: which images (or things) were scored, and
which seeds or draws made the scores. Both are estimated apart (see `_variance`), and their Student half widths are
added in quadrature, so that neither few units nor few seeds can make a verdict by themselves:

    half^2 = t(G' - 1)^2 V_units + t(S - 1)^2 V_draws / S

Draws that share data, each a share f of one set, differ less among themselves than sets that were gathered anew would:
there V_draws / S becomes (1/S + f / (1 - f)) V_draws, the delete-d jackknife. It takes all of the draws' spread for
that of the set, and part of it is each draw's own: verdicts are seldom false, but small gains are missed.
Where draws are the two halves of the set, again and again, no such assumption is needed: V_draws / S becomes mean h^2,
with h half the difference of two halves, on as many degrees of freedom as there are pairs; from eight pairs on, half of
what pairs differ by is taken off, as that is not the set's. That is why halves are the default where sets are drawn
from. Measured by `make bench-verdicts`; see docs/decisions/0009-one-experiment-engine.md.

Rows of cross-validation in K folds answer about each unit by what learned from the others, and any two of their models
share most of the units: the spread of units and of rows sees but the asking. There, with V the units' variance of one
row, S rows and S K models,

    V_units + V_draws / S  becomes  (1 / S + K / (K - 1)) V

which is Nadeau and Bengio's correction (1 / J + n_asked / n_learned) of the spread of J models, K V each, that were
asked about n / K. Verdicts are seldom false then, and small gains are missed (`make bench-next`).

Sources: Shao & Wu 1989 (Annals of Statistics 17: delete-d jackknife); Nadeau & Bengio 2003 (Machine Learning 52);
McCarthy 1966 (half-sample replication); Bonett & Price 2012 (JEBS 37: what is added where scores are right and wrong,
so that few units never have an interval without width).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number
from ._variance import Parts, over_draws, parts, table
from .intervals import FEWEST_UNITS, TOO_FEW, Interval, _tail

VERDICTS = ("gain", "loss", "no gain", TOO_FEW)
FEWEST_DRAWS = 3  # from two seeds or draws a verdict "no gain" would say more than is known


@dataclass(frozen=True)
class Difference(Interval):
    """The interval of a - b over the same units.

    Attributes:
        draws: seeds or draws that it rests on; 0 where nothing is drawn.
    """

    draws: int = 0

    @property
    def verdict(self) -> str:
        """What may be said of it: `gain`, `loss`, `no gain` where the interval includes 0, or `too few to say`.

        >>> Difference(0.02, -0.01, 0.05, 100).verdict
        'no gain'
        >>> Difference(0.02, -0.01, 0.05, 100, 2).verdict
        'too few to say'
        """
        if not self.known or self.draws == 1 or self.n < FEWEST_UNITS:
            return TOO_FEW
        if self.low > 0 or self.high < 0:
            return "gain" if self.low > 0 else "loss"
        return TOO_FEW if 0 < self.draws < FEWEST_DRAWS else "no gain"

    def negated(self) -> "Difference":
        """The interval of b - a, for measures of which less is better."""
        return Difference(-self.mean, -self.high, -self.low, self.n, self.draws)


def contrast(
    a: ArrayLike,
    b: ArrayLike,
    units: ArrayLike | None = None,
    *,
    paired: bool = True,
    share: float | None = None,
    halves: bool = False,
    own_seeds: int = 0,
    folds: int = 0,
    largest: float = 1.0,
    level: float = 0.95,
) -> Difference:
    """Interval of mean(a) - mean(b) over the same images.

    Args:
        a: scores (images,) of a method that draws nothing, or (seeds, images), or (seeds, draws, images) where
            every seed met the same draws as those of b did; NaN where there is none.
        b: the same for the other method. Where one of the two has a single seed and the other several, the spread of
            the other stands for both. Where none has several, there is no verdict.
        units: (images,) which thing each image shows; None where each shows another.
        paired: row i of a and row i of b were made by the same draw or seed. Otherwise rows are independent, and their
            number may differ.
        share: each row learned from such a share of one set, drawn anew; None: rows share nothing.
        halves: rows 2k and 2k + 1 learned from the two halves of one set, cut anew for each pair.
        own_seeds: with `halves`, so many pairs have one seed, and the next another, whose variance is counted, too.
        folds: each row is one cross-validation of all units in so many folds, cut anew; 0: of none.
        largest: the largest possible difference of two scores; the interval stays within.
        level: share of cases in which it should hold the truth.

    Raises:
        InputError: other shapes, infinity, a row without any score, a share outside (0, 1).

    >>> right, wrong = np.ones((5, 80)), np.zeros((5, 80))
    >>> print(contrast(right, wrong), contrast(right, wrong).verdict)
    1.000 [0.975, 1.000] gain
    >>> contrast([1, 0, 1], [1, 1, 1]).verdict
    'too few to say'
    """
    if folds:
        check_number("folds", folds, 2, whole=True)
        if halves or share is not None or not paired or np.shape(a) != np.shape(b) or np.ndim(a) != 2:
            raise bad("folds", f"scores of shapes {np.shape(a)} and {np.shape(b)}", "rows of the same cuts, paired")
    if np.ndim(a) == 3 and np.ndim(b) == 3 and np.shape(a)[1] == np.shape(b)[1] > 1:
        if halves:
            raise bad("halves", "scores by seed, draw and image", "rows of halves, (draws, images)")
        first, second = np.asarray(a), np.asarray(b)
        by_draw = [parts(np.nanmean(first, axis=0) - np.nanmean(second, axis=0), units, "a - b")]
        crossed = over_draws(by_draw, share, False)
        found = contrast(
            np.nanmean(first, axis=1), np.nanmean(second, axis=1), units, paired=paired, largest=np.inf, level=level
        )
        return _within(_wider(found, crossed, _tail(level)), largest)
    one, two = table(a, "a"), table(b, "b")
    drawn = max(np.ndim(a), np.ndim(b)) > 1
    if one.shape[1] != two.shape[1]:
        raise bad("a, b", f"shapes {one.shape} and {two.shape}", "scores of the same images")
    if share is not None:
        check_number("share", share, 0, 1, open_low=True)
        if share == 1:
            raise bad("share", share, "a share below 1, or None where rows share nothing", "One set is one draw.")
    both = paired and len(one) == len(two)
    if paired and not both and 1 not in (len(one), len(two)):
        raise bad("a, b", f"{len(one)} and {len(two)} rows", "the same draws for both, or paired=False")
    if halves and (not both or len(one) % (2 * max(own_seeds, 1))):
        raise bad("halves", f"{len(one)} and {len(two)} rows", "two rows for each cut, the same for both")
    gaps = np.isnan(one).all(axis=0) | np.isnan(two).all(axis=0)  # scored by one side alone
    one, two = (np.where(gaps, np.nan, side) for side in (one, two))
    scale = largest if np.isfinite(largest) else 1.0
    one, two = one / scale, two / scale
    sides = [parts(one - two, units, "a - b")] if both else [parts(one, units, "a"), parts(two, units, "b")]
    lone = sum(np.ndim(side) == 2 and np.shape(side)[0] == 1 for side in (a, b))
    terms = [] if not drawn or folds else over_draws(sides, share, halves, lone, own_seeds)
    found = _wider(_over_units(sides, drawn and not folds, _tail(level), folds), terms, _tail(level))
    return _within(replace(found, mean=scale * found.mean, low=scale * found.low, high=scale * found.high), largest)


def _over_units(sides: list[Parts], drawn: bool, tail: float, folds: int = 0) -> Difference:
    """The difference, with the variance over units alone; with `folds` that of learning from them, too."""
    from scipy.stats import t

    means = [side.mean for side in sides]
    mean = means[0] - means[1] if len(sides) == 2 else means[0]
    units, rows = sides[0].units, max(side.rows for side in sides)
    draws = min([side.rows for side in sides if side.rows > 1], default=1) if drawn else 0
    if units < 2 or (drawn and rows < 2):
        return Difference(mean, float("-inf"), float("inf"), units, draws)
    whole = _difference_of(sides)
    variance = whole.over_units()
    if folds:
        variance = max(variance, (1 / rows + folds / (folds - 1)) * float(np.mean(sides[0].over_units_by_row())))
    # as if one unit more had been scored, which differs as far as one may: few units never say that nothing varies
    alike = all((side.values == side.values[0]).all() for side in sides)  # more rows that say the same add nothing
    each = whole.values.mean(axis=0) / whole.sizes.mean(axis=0)
    apart, seen = float(np.abs(each - mean).max() + abs(mean)), float(np.abs(each).max())
    farthest = 1 / (1 if alike else rows) if all(side.binary for side in sides) or apart < 1e-12 else apart**2
    if not whole.single and seen > 0:  # of a thing of many images hardly all are answered otherwise: as far as was seen
        farthest = min(farthest, seen**2)
    variance = (variance * units**2 + farthest) / (units + 1) ** 2
    half = float(t.ppf(tail, max(whole.worth - 1, 1)) * np.sqrt(variance))
    return Difference(mean, mean - half, mean + half, units, draws)


def _wider(found: Difference, terms: list[tuple[float, float]], tail: float) -> Difference:
    """The interval with more sources of variance in it."""
    from scipy.stats import t

    half = np.hypot(found.half_width, np.sqrt(sum(t.ppf(tail, freedom) ** 2 * own for own, freedom in terms)))
    return replace(found, low=found.mean - float(half), high=found.mean + float(half)) if found.known else found


def _within(found: Difference, largest: float) -> Difference:
    """The interval with ends that can be."""
    return replace(found, low=max(found.low, -largest), high=min(found.high, largest)) if found.known else found


def _difference_of(sides: list[Parts]) -> Parts:
    """Both sides' means over rows as one row of differences by unit."""
    if len(sides) == 1:
        return sides[0]
    a, b = ((side.values.mean(axis=0), side.sizes.mean(axis=0)) for side in sides)
    mean = np.array([sides[0].mean - sides[1].mean])
    binary = sides[0].binary and sides[1].binary
    return Parts((a[0] - b[0])[None], ((a[1] + b[1]) / 2)[None], mean, binary, sides[0].single)
