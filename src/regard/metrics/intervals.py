"""Confidence intervals of a score, exact or Student's, also where things have several images; the binomial test.

Where the samples are too few, an interval has infinite ends and is written as "too few to say". The difference of two
methods, and whether it is a gain, is `contrast`.

Sources: Clopper & Pearson 1934 (Biometrika 26, 404-413); Korn & Graubard 1998 (Survey Methodology 24, 193-201: the
same with an effective number of samples); Agresti & Coull 1998 (why a right and a wrong one are added).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number
from ._variance import Parts, over_draws, parts

TOO_FEW = "too few to say"
FEWEST_UNITS = 5  # of things with several images: from fewer no spread can be estimated


@dataclass(frozen=True)
class Interval:
    """A figure and the range that it plausibly lies in.

    Attributes:
        mean: the estimate.
        low: lower end of the interval; -inf where there is too little to say.
        high: upper end; inf where there is too little to say.
        n: how many values (samples, things, seeds) it rests on.

    >>> print(Interval(0.9312, 0.9, 0.95, 200))
    0.931 [0.900, 0.950]
    >>> print(Interval(0.9312, -np.inf, np.inf, 1))
    0.931 [too few to say]
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} {self.told()}"

    def told(self, scale: float = 1.0, digits: int = 3, sign: str = "") -> str:
        """The ends as text, times `scale`: "[0.900, 0.950]", or "[too few to say]"."""
        if not self.known:
            return f"[{TOO_FEW}]"
        low, high = (f"{scale * end:{sign}.{digits}f}" for end in (self.low, self.high))
        return f"[{low}, {high}]"

    @property
    def known(self) -> bool:
        """Whether there is enough to say how sure the figure is."""
        return bool(np.isfinite(self.low) and np.isfinite(self.high))

    @property
    def half_width(self) -> float:
        """Half of the interval's length: the +- of a table."""
        return (self.high - self.low) / 2

    def as_dict(self) -> dict[str, float | int | None]:
        """Plain values for JSON; ends that are not known are None."""
        low, high = (self.low, self.high) if self.known else (None, None)
        return {"mean": self.mean, "low": low, "high": high, "n": self.n}


def accuracy_interval(
    scores: ArrayLike,
    units: ArrayLike | None = None,
    level: float = 0.95,
    share: float | None = None,
    halves: bool = False,
    own_seeds: int = 0,
) -> Interval:
    """Interval of a mean of scores in [0, 1]: right answers, average precisions.

    Of n right and wrong answers, each about another thing: Clopper and Pearson's exact one, which covers in at least
    95 of 100 cases. (Wilson's covers in 84 at n = 17 and 99 % right.) Else Korn and Graubard's: the same with an
    effective number n / d, where d says how much more the mean varies than that of n independent answers, times
    (t(n - 1) / t(G' - 1))^2. d is estimated with one unit all right and one all wrong added, or it would be 0 where all
    are right; G' counts units by how unlike their sizes are. Several seeds (rows) widen it by Student's half width of
    their spread.

    Args:
        scores: (images,), (seeds, images) or (seeds, draws, images), in [0, 1]; NaN where there is none.
        units: (images,) which thing each is about; None where each is about another.
        level: share of cases in which it should hold the truth.
        share: of one set, that each row learned from; see `contrast`.
        halves: rows learned from the two halves of one set; see `contrast`.
        own_seeds: so many pairs of halves have one seed; see `contrast`.

    Raises:
        InputError: scores outside [0, 1], none at all.

    >>> print(accuracy_interval([True] * 10))
    1.000 [0.692, 1.000]
    >>> accuracy_interval([True] * 9 + [False]).n, accuracy_interval([True] * 9 + [False], list("aaabbbcccd")).n
    (10, 4)
    """
    from scipy.stats import t

    crossed = []
    if np.ndim(scores) == 3:
        by_seed = np.asarray(scores)
        crossed = over_draws([parts(np.nanmean(by_seed, axis=0), units, "right")], share, halves)
        scores = np.nanmean(by_seed, axis=1)
        share, halves = None, False
    found = parts(scores, units, "right")
    if np.nanmin(np.asarray(scores, float)) < 0 or np.nanmax(np.asarray(scores, float)) > 1:
        raise bad("right", "scores outside [0, 1]", "right or wrong, or shares")
    tail = _tail(level)
    images = int((~np.isnan(np.atleast_2d(np.asarray(scores, float)))).any(axis=0).sum())
    several = found.units < images
    if found.units < (FEWEST_UNITS if several else 1):
        return unknown(found.mean, found.units)
    low, high = _exact(found.mean, _effective(found, images, tail), tail)
    if found.rows > 1 or crossed:
        terms = crossed + (over_draws([found], share, halves, own_seeds=own_seeds) if found.rows > 1 else [])
        half = np.sqrt(sum(t.ppf(tail, free) ** 2 * own for own, free in terms))
        low, high = found.mean - np.hypot(found.mean - low, half), found.mean + np.hypot(high - found.mean, half)
    return Interval(found.mean, float(max(low, 0.0)), float(min(high, 1.0)), found.units)


def over_seeds(
    values: ArrayLike, level: float = 0.95, within: tuple[float, float] = (float("-inf"), float("inf"))
) -> Interval:
    """Student's t interval of the mean of a few runs: mean +- t(n-1) * s / sqrt(n), s with n - 1.

    With one run the range is not known.

    Args:
        values: (n,), one for each run.
        level: share of cases in which it should hold the truth.
        within: what such a value can be; ends outside are drawn in.

    >>> print(over_seeds([0.90, 0.92, 0.94]))
    0.920 [0.870, 0.970]
    >>> print(over_seeds([0.90, 0.98], within=(0, 1)), over_seeds([0.9]))
    0.940 [0.432, 1.000] 0.900 [too few to say]
    """
    from scipy.stats import t

    array = _values("values", values)
    if array.ndim != 1:
        raise bad("values", f"shape {array.shape}", "one number for each seed, shape (n,)")
    mean, n, tail = float(array.mean()), len(array), _tail(level)
    if n == 1:
        return unknown(mean, 1)
    half = float(t.ppf(tail, n - 1) * array.std(ddof=1) / np.sqrt(n))
    return Interval(mean, max(mean - half, within[0]), min(mean + half, within[1]), n)


def unknown(mean: float, n: int) -> Interval:
    """A figure of which nobody can say how sure it is."""
    return Interval(mean, float("-inf"), float("inf"), n)


def binomial_p(successes: int, n: int, chance: float) -> float:
    """One-sided p-value: how often guessing right with probability `chance` would do at least as well.

    >>> round(binomial_p(9, 10, 0.5), 4)
    0.0107
    """
    from scipy.stats import binom

    check_number("n", n, 1, whole=True)
    check_number("successes", successes, 0, n, whole=True)
    check_number("chance", chance, 0, 1)
    return float(binom.sf(successes - 1, n, chance))


def _effective(found: Parts, images: int, tail: float) -> float:
    """How many independent answers the scores are worth."""
    from scipy.stats import t

    if found.binary and found.units == images and found.rows == 1:
        return float(images)
    value, size = found.values.mean(axis=0), found.sizes.mean(axis=0)
    typical = size.mean()
    value, size = np.r_[value, typical, 0.0], np.r_[size, typical, typical]
    p, units = value.sum() / size.sum(), len(value)
    variance = units / (units - 1) * ((value - p * size) ** 2).sum() / size.sum() ** 2
    n = images * units / found.units
    times = variance * n / (p * (1 - p))  # as much as the mean of n independent answers varies
    worth = images / times * (t.ppf(tail, max(images - 1, 1)) / t.ppf(tail, max(found.worth - 1, 1))) ** 2
    return float(min(worth, images) if found.binary and found.rows == 1 else worth)


def _exact(p: float, n: float, tail: float) -> tuple[float, float]:
    """Clopper and Pearson's ends for a share p of n, which need not be whole."""
    from scipy.stats import beta

    right, wrong = p * n, (1 - p) * n
    low = 0.0 if right < 1e-9 else float(beta.ppf(1 - tail, right, wrong + 1))
    high = 1.0 if wrong < 1e-9 else float(beta.ppf(tail, right + 1, wrong))
    return min(low, p), max(high, p)


def _values(argument: str, values: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise bad(argument, type(values).__name__, "an array of numbers") from error
    if array.ndim == 0 or len(array) == 0:
        raise bad(argument, f"shape {array.shape}", "at least one value")
    if not np.isfinite(array).all():
        raise bad(argument, "NaN or infinity", "finite numbers")
    return array


def _tail(level: float) -> float:
    """Where the upper tail begins, (1 + level) / 2."""
    check_number("level", level, 0, 1, open_low=True)
    if level == 1:
        raise bad("level", level, "a share below 1", "Usual are 0.9, 0.95 and 0.99.")
    return (1 + level) / 2
