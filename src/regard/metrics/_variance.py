"""Sources of variance in a mean score: which units were scored, and which seeds or draws made the scores.

Scores are (rows, images): a row is one seed or draw, and images may share a unit (a person, a photograph). With c_rg
the part that unit g adds to the mean of row r, the mean is m = mean_r sum_g c_rg. Its variance has two parts:

- over units: the delete-one-unit jackknife of m, which holds for units of any size (a ratio of sums);
- over rows: the variance of row means, less what they owe to the units at hand (the rows' interaction with units, which
  the first part holds already).

Sources: Efron & Tibshirani 1993, ch. 11 (jackknife); Searle, Casella & McCulloch 1992, ch. 4 (crossed random effects);
Kish 1965 (how many units of one size those of unlike sizes are worth).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad
from ..core.values import group_codes

ENOUGH_PAIRS = 8
MOSTLY = 0.9  # of scores are whole answers: then differences are rare, and few units say little of them
ENOUGH_ROWS = 4  # below, the interaction is too uncertain to be taken off: it would be called noise too often


@dataclass(frozen=True)
class Parts:
    """Scores by row and unit.

    Attributes:
        values: (rows, units) what each unit adds to the mean of its row.
        sizes: (rows, units) share of the row's images that are of this unit.
        each: (rows,) mean of each row.
        binary: most scores are 0, 1, or differences of such.
        single: each unit is one image.
    """

    values: np.ndarray
    sizes: np.ndarray
    each: np.ndarray
    binary: bool
    single: bool = True

    @property
    def rows(self) -> int:
        """How many seeds or draws there are."""
        return len(self.values)

    @property
    def units(self) -> int:
        """How many units were scored."""
        return self.values.shape[1]

    @property
    def worth(self) -> float:
        """How many units of one size these are worth: 1 / sum of squared shares."""
        return float(1 / (self.sizes.mean(axis=0) ** 2).sum())

    @property
    def mean(self) -> float:
        """Mean over rows of the mean over images."""
        return float(self.each.mean())

    def over_units(self) -> float:
        """Variance of the mean over units: (G - 1)/G sum_g (m_(g) - mean)^2, with m_(g) the mean without unit g."""
        value, size = self.values.mean(axis=0), self.sizes.mean(axis=0)
        without = (value.sum() - value) / (1 - size)
        return float((self.units - 1) / self.units * ((without - without.mean()) ** 2).sum())

    def over_units_by_row(self) -> list[float]:
        """`over_units` of each row alone."""
        each = zip(self.values[:, None], self.sizes[:, None], self.each[:, None])
        return [Parts(value, size, mean, self.binary, self.single).over_units() for value, size, mean in each]

    def over_rows(self) -> tuple[float, float]:
        """Variance of a row's mean: as observed, and without the part that the units at hand explain (at least 0)."""
        each = self.each
        seen, rows, units = float(each.var(ddof=1)), self.rows, self.units
        if rows < ENOUGH_ROWS or units < 2:
            return seen, seen
        rest = self.values - self.values.mean(axis=0) - self.sizes * (each - each.mean())[:, None]
        interaction = float((rest**2).sum(axis=1).mean()) * rows / (rows - 1) * units / (units - 1)
        return seen, max(0.0, seen - interaction)

    def over_halves(self, together: int = 1) -> tuple[float, float]:
        """Rows in pairs that learned from the two halves of one set: variance that this set adds, and between pairs.

        Half the difference of the halves has the variance of a mean over the whole set, mean h^2; what the units at
        hand add to it is taken off, as in `over_rows`. Between: that of the means of so many pairs `together`.
        """
        one, two = self.values[0::2], self.values[1::2]
        half, each = (one - two) / 2, (self.each[0::2] - self.each[1::2]) / 2
        within, pairs, units = float((each**2).mean()), len(half), self.units
        if pairs >= ENOUGH_ROWS and units > 1:
            rest = half - self.sizes[0::2] * each[:, None]
            within = max(0.0, within - float((rest**2).sum(axis=1).mean()) * units / (units - 1))
        values, sizes, means = (_averaged(part, 2 * together) for part in (self.values, self.sizes, self.each))
        whole = Parts(values, sizes, means, self.binary, self.single)
        return within, whole.over_rows()[1] if whole.rows > 1 else 0.0


def _averaged(rows: np.ndarray, several: int) -> np.ndarray:
    """Means of so many rows that follow one another."""
    return rows.reshape(-1, several, *rows.shape[1:]).mean(axis=1)


def parts(scores: ArrayLike, units: ArrayLike | None = None, argument: str = "scores") -> Parts:
    """Sort scores (rows, images) or (images,) by unit; what is NaN was not scored.

    Raises:
        InputError: no scores, infinity, a row without any score, units of another length.
    """
    array = table(scores, argument)
    scored = ~np.isnan(array)
    if units is None:
        codes = np.arange(array.shape[1])
    else:
        codes = group_codes(units, "units")
        if codes.shape != array.shape[1:]:
            raise bad("units", f"shape {codes.shape}", f"one unit for each score, shape {array.shape[1:]}")
    there = np.unique(codes[scored.any(axis=0)])
    place = np.searchsorted(there, codes)
    place[~scored.any(axis=0)] = 0  # never scored, so that it adds nothing anywhere
    count = scored.sum(axis=1, keepdims=True)
    known = np.where(scored, array, 0.0) / count
    values, sizes = (
        np.stack([np.bincount(place, row, minlength=len(there)) for row in part]) for part in (known, scored / count)
    )
    seen = array[scored]
    # sums of whole answers are exact; those of the units' parts are not
    each = np.where(scored, array, 0.0).sum(axis=1) / count[:, 0]
    binary = bool(np.isin(seen, (-1.0, 0.0, 1.0)).mean() >= MOSTLY)
    return Parts(values, sizes, each, binary, len(there) == int(scored.any(axis=0).sum()))


def table(scores: ArrayLike, argument: str) -> np.ndarray:
    """Scores as (rows, images), checked."""
    try:
        array = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise bad(argument, type(scores).__name__, "an array of numbers") from error
    array = array[None] if array.ndim == 1 else array
    if array.ndim != 2 or not array.size:
        raise bad(argument, f"shape {np.shape(scores)}", "one score for each image, (images,) or (seeds, images)")
    if np.isinf(array).any() or np.isnan(array).all(axis=1).any():
        raise bad(argument, "infinity, or a row that is NaN throughout", "finite scores, NaN where there is none")
    return array


def over_draws(
    sides: list[Parts], share: float | None, halves: bool, lone: int = 0, own_seeds: int = 0
) -> list[tuple[float, float]]:
    """What seeds or draws add to the variance of the mean: (variance, degrees of freedom) of each part.

    Args:
        sides: one side, or two whose rows are independent (then Welch's degrees of freedom).
        share: of one set, that each row learned from; see `contrast`.
        halves: rows learned from the two halves of one set, in turn.
        lone: sides that are one of many seeds, and borrow the spread of the other.
        own_seeds: so many pairs of halves have one seed, and the next another; 0: pairs share nothing but the set.
    """
    if halves:
        (side,) = sides
        if side.rows % (2 * max(own_seeds, 1)):
            raise bad("halves", f"{side.rows} rows", "two rows for each cut, and as many cuts for each seed")
        within, between = side.over_halves(max(own_seeds, 1))
        pairs = side.rows // 2
        if own_seeds or pairs < ENOUGH_PAIRS:
            seeds = pairs // max(own_seeds, 1)
            return [(within, pairs), (between / seeds, max(seeds - 1, 1))]
        # what differs from cut to cut is not the set's; all of it would be right on average, and too often too much
        return [(max(within / 2, within - between / 2), pairs)]
    extra = 0.0 if share is None or share == 1 else share / (1 - share)
    several = [side for side in sides if side.rows > 1]
    if not several:
        return []
    weights = [1 / side.rows + lone for side in several]
    parts_of = [side.over_rows() for side in several]
    # what is multiplied by several is taken as it was seen: with the units' part off it is 0 too often
    variance = sum(own * w + seen * extra for (seen, own), w in zip(parts_of, weights))
    terms = [seen * (w + extra) for (seen, _), w in zip(parts_of, weights)]
    spread = sum(term**2 / (side.rows - 1) for side, term in zip(several, terms))
    least = float(min(side.rows for side in several) - 1)
    return [(variance, sum(terms) ** 2 / spread if spread > 0 else least)]
