"""How sure a figure is: bootstrap, Wilson and Student intervals, paired differences and the binomial test.

"No gain" is what a difference is called whose interval includes 0.

Sources: Efron & Tibshirani 1993, An introduction to the bootstrap, ch. 13 (percentile intervals); Wilson 1927
(JASA 22, 209-212); Brown, Cai & DasGupta 2001 (why Wilson and not the normal approximation for proportions).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.checks import bad, check_number
from ..core.runtime import numpy_rng

_BLOCK = 4_000_000  # resampled numbers in memory at once (32 MB), however many samples there are


@dataclass(frozen=True)
class Interval:
    """A figure and the range that it plausibly lies in.

    Attributes:
        mean: the estimate.
        low: lower end of the interval; equal to `mean` where one value alone leaves it unknown.
        high: upper end.
        n: how many values (samples, trials, seeds) it rests on.

    >>> print(Interval(0.9312, 0.9, 0.95, 200))
    0.931 [0.900, 0.950]
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    @property
    def half_width(self) -> float:
        """Half of the interval's length: the +- of a table."""
        return (self.high - self.low) / 2

    def as_dict(self) -> dict[str, float | int]:
        """Plain values for JSON."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}


@dataclass(frozen=True)
class Difference(Interval):
    """The interval of a - b over the same units."""

    @property
    def verdict(self) -> str:
        """What may be said of it: `gain`, `loss`, or `no gain` where the interval includes 0.

        >>> Difference(0.02, -0.01, 0.05, 100).verdict
        'no gain'
        """
        return "gain" if self.low > 0 else "loss" if self.high < 0 else "no gain"


def bootstrap(
    values: Any,
    statistic: Callable[[np.ndarray], float] | None = None,
    seed: int = 0,
    repeats: int = 2000,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap: the statistic of `repeats` samples of n values drawn with replacement.

    Args:
        values: (n,) numbers, or (n, ...) units that are drawn as wholes along the first axis.
        statistic: what to estimate, from such an array to a number; the mean by default.
        seed: of the draws.
        repeats: number of resamples.
        level: share of resamples inside the interval, in (0, 1).

    Returns:
        The statistic of the values themselves with its interval.

    Raises:
        InputError: where there are no values, or some are not finite.

    >>> bootstrap([1.0] * 10)
    Interval(mean=1.0, low=1.0, high=1.0, n=10)
    """
    array = _values("values", values)
    estimate = float(array.mean() if statistic is None else statistic(array))
    low, high = np.quantile(_resampled(array, statistic, seed, repeats), _tails(level))
    return Interval(estimate, float(low), float(high), len(array))


def paired_difference(a: Any, b: Any, seed: int = 0, repeats: int = 2000, level: float = 0.95) -> Difference:
    """Bootstrap interval of mean(a - b), where a[i] and b[i] were measured on the same unit (sample or seed).

    Pairing takes out what the units have in common, so a difference is seen with far fewer of them than by
    comparing two separate intervals.

    Fewer than 10 pairs (seeds, usually) get Student's interval instead: resampling so few values gives a far
    too narrow range (two or three differences of one sign would always be called a gain). A single pair has
    no interval, so its verdict is always "no gain".

    >>> d = paired_difference([1, 1, 1, 1, 0] * 20, [0, 1, 0, 1, 0] * 20)
    >>> d.mean, d.verdict
    (0.4, 'gain')
    """
    first, second = _values("a", a), _values("b", b)
    if first.shape != second.shape or first.ndim != 1:
        raise bad("a, b", f"shapes {first.shape} and {second.shape}", "two arrays (n,) over the same units")
    units = first - second
    if len(units) == 1:
        return Difference(float(units[0]), -np.inf, np.inf, 1)
    found = over_seeds(units, level) if len(units) < 10 else bootstrap(units, None, seed, repeats, level)
    return Difference(found.mean, found.low, found.high, found.n)


def over_seeds(values: Any, level: float = 0.95) -> Interval:
    """Student's t interval of the mean of a few runs: mean +- t(n-1) * s / sqrt(n), s with n - 1.

    With one run the range is unknown, and is given as the value itself with n = 1.

    >>> print(over_seeds([0.90, 0.92, 0.94]))
    0.920 [0.870, 0.970]
    """
    from scipy.stats import t

    array = _values("values", values)
    if array.ndim != 1:
        raise bad("values", f"shape {array.shape}", "one number for each seed, shape (n,)")
    mean, n = float(array.mean()), len(array)
    if n == 1:
        return Interval(mean, mean, mean, 1)
    half = float(t.ppf(_tails(level)[1], n - 1) * array.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion: right near 0 and 1, where the normal one is not.

    centre = (p + z^2/2n) / (1 + z^2/n), half = z / (1 + z^2/n) * sqrt(p(1-p)/n + z^2/4n^2).

    >>> print(wilson(10, 10))
    1.000 [0.722, 1.000]
    """
    from scipy.stats import norm

    _counts(successes, n)
    z, p = float(norm.ppf(_tails(level)[1])), successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # rounding may leave the exact ends 0 and 1 out by 1e-17
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == n else float(centre + half)
    return Interval(p, low, high, int(n))


def accuracy_interval(right: Any, units: Any = None, seed: int = 0) -> Interval:
    """Interval of a share of right answers: Wilson's, or a bootstrap over units where some have several answers.

    Several pictures of one thing tend to be right or wrong together, so that things are drawn, not pictures.

    Args:
        right: (n,) booleans.
        units: (n,) which thing each answer is about; None where each is about another.
        seed: of the bootstrap.

    >>> accuracy_interval([True] * 9 + [False]).n, accuracy_interval([True] * 9 + [False], list("aaabbbcccd")).n
    (10, 4)
    """
    array = _values("right", right)
    if units is None or len(np.unique(units)) == len(array):
        return wilson(int(array.sum()), len(array))
    codes = np.unique(units, return_inverse=True)[1]
    if codes.shape != array.shape:
        raise bad("units", f"shape {codes.shape}", f"one unit for each answer, shape {array.shape}")
    counts = np.stack([np.bincount(codes, weights=array), np.bincount(codes)], axis=1)
    return bootstrap(counts, lambda drawn: float(drawn[:, 0].sum() / drawn[:, 1].sum()), seed)


def binomial_p(successes: int, n: int, chance: float) -> float:
    """One-sided p-value: how often guessing right with probability `chance` would do at least as well.

    >>> round(binomial_p(9, 10, 0.5), 4)
    0.0107
    """
    from scipy.stats import binom

    _counts(successes, n)
    check_number("chance", chance, 0, 1)
    return float(binom.sf(successes - 1, n, chance))


def _resampled(
    array: np.ndarray, statistic: Callable[[np.ndarray], float] | None, seed: int, repeats: int
) -> np.ndarray:
    check_number("repeats", repeats, 1, whole=True)
    rng, n = numpy_rng(seed, "bootstrap"), len(array)
    if statistic is not None or array.ndim > 1:
        measure = statistic or (lambda sample: float(sample.mean()))
        return np.array([measure(array[rng.integers(n, size=n)]) for _ in range(repeats)])
    distinct, times = np.unique(array, return_counts=True)
    if len(distinct) <= 16:
        # values such as right/wrong: drawing how often each came up is the same law, and does not grow with n
        return rng.multinomial(n, times / n, size=repeats) @ distinct / n
    block = max(1, _BLOCK // n)
    return np.concatenate(
        [
            array[rng.integers(n, size=(min(block, repeats - start), n))].mean(axis=1)
            for start in range(0, repeats, block)
        ]
    )


def _values(argument: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise bad(argument, type(values).__name__, "an array of numbers") from error
    if array.ndim == 0 or len(array) == 0:
        raise bad(argument, f"shape {array.shape}", "at least one value")
    if not np.isfinite(array).all():
        raise bad(argument, "NaN or infinity", "finite numbers")
    return array


def _tails(level: float) -> tuple[float, float]:
    check_number("level", level, 0, 1, open_low=True)
    if level == 1:
        raise bad("level", level, "a share below 1", "Usual are 0.9, 0.95 and 0.99.")
    return (1 - level) / 2, (1 + level) / 2


def _counts(successes: int, n: int) -> None:
    check_number("n", n, 1, whole=True)
    check_number("successes", successes, 0, n, whole=True)
