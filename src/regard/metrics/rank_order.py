"""How far measured accuracies follow a known order: Spearman's correlation, with an interval over images and seeds.

The engine's arithmetic (`contrast`) is of means over images. A rank correlation is none: left out, a single image
hardly ever changes a rank, so that the jackknife would give an interval without width. Images are drawn anew instead,
units of several whole and the same for all arms, and the luck of an arm's seeds is drawn from Student's t with the
variance and the degrees of freedom that `contrast` takes for it:

    m*_a = mean over drawn units of a's scores + t(S - 1) sqrt(V_draws / S),    rho* = corr(rank m*, rank of the order)

The interval is that of the rho*'s percentiles. Arms that hardly differ change places from draw to draw, which pulls
rho* towards 0: where it ends above 0, the order is not luck.

Sources: Spearman 1904 (American Journal of Psychology 15); Efron & Tibshirani 1993, ch. 13 (percentiles).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number
from ..core.runtime import numpy_rng
from ._variance import Parts, parts
from .intervals import Interval, unknown

FEWEST_ARMS = 3  # two are in one order or the other
_ALL_ORDERS = 8  # arms of which every order is tried: 40,320
_SOME_ORDERS = 20_000
_AT_ONCE = 1 << 22  # numbers at one time: 32 MB


@dataclass(frozen=True)
class RankOrder(Interval):
    """Spearman's rank correlation with an order, in [-1, 1]; `n` is the number of arms.

    Attributes:
        chance: share of all orders of so many arms that would follow as well or better.
    """

    chance: float = float("nan")


def spearman(values: ArrayLike, order: ArrayLike) -> np.ndarray:
    """Rank correlation of each row of values (..., n) with an order (n,), ties at their mean rank; NaN of equal values.

    >>> spearman([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.1, 0.3, 0.2]], [2010, 2012, 2015]).tolist()
    [1.0, -1.0, 0.5]
    """
    from scipy.stats import rankdata

    one, two = (rankdata(side, axis=-1) for side in (np.asarray(values, float), np.asarray(order, float)))
    one, two = one - one.mean(axis=-1, keepdims=True), two - two.mean()
    scale = np.sqrt((one**2).sum(axis=-1) * (two**2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.round((one * two).sum(axis=-1) / scale, 12))


def rank_order(
    scores: Sequence[ArrayLike],
    order: ArrayLike,
    units: ArrayLike | None = None,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> RankOrder:
    """How far the mean scores of arms follow an order.

    Args:
        scores: of each arm, (images,) where nothing is drawn or (seeds, images), of the same images.
        order: (arms,) numbers that rise along it; equal ones are ties.
        units: (images,) which thing each image shows; None where each shows another.
        draws: of images and seeds, for the interval.
        seed: of these.
        level: share of cases in which it should hold the truth.

    Returns:
        The correlation; without an interval where an arm has a single seed, as nobody knows what another would give.

    Raises:
        InputError: fewer than three arms, other numbers of images, an order of equal numbers.

    >>> right = np.tile(np.arange(200) % 10, (3, 1))
    >>> found = rank_order([right < 3, right < 6, right < 9], [2012, 2014, 2015])
    >>> print(found, round(found.chance, 3))
    1.000 [1.000, 1.000] 0.167
    """
    check_number("draws", draws, 100, whole=True)
    check_number("level", level, 0.5, 0.999)
    place = np.asarray(order, float)
    if len(scores) < FEWEST_ARMS or place.shape != (len(scores),):
        raise bad("scores, order", f"{len(scores)} arms and {place.size} places", "at least three arms, a place each")
    if len(np.unique(place)) < 2:
        raise bad("order", "equal numbers", "numbers that rise along the order")
    sides = [parts(one, units, "scores") for one in scores]
    if len({np.shape(one)[-1] for one in scores}) > 1 or len({side.units for side in sides}) > 1:
        raise bad("scores", "arms of other images", "scores of the same images")
    rho = float(spearman([side.mean for side in sides], place))
    chance = _chance(rho, place, seed)
    lone = any(np.ndim(one) == 2 and side.rows < 2 for one, side in zip(scores, sides))
    if lone or sides[0].units < 2 or not np.isfinite(rho):
        return RankOrder(*_plain(unknown(rho, len(sides))), chance)
    found = spearman(_drawn(sides, draws, seed), place)
    found = found[np.isfinite(found)]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2]) if len(found) else (rho, rho)
    return RankOrder(rho, min(float(low), rho), max(float(high), rho), len(sides), chance)


def _plain(one: Interval) -> tuple[float, float, float, int]:
    return one.mean, one.low, one.high, one.n


def _drawn(sides: list[Parts], draws: int, seed: int) -> np.ndarray:
    """(draws, arms) means over units drawn anew, with the luck of seeds."""
    rng, units = numpy_rng(seed, "rank order"), sides[0].units
    values, sizes = (np.stack([getattr(one, name).mean(axis=0) for one in sides]) for name in ("values", "sizes"))
    means = []
    for start in range(0, draws, step := max(1, _AT_ONCE // units)):
        weights = rng.multinomial(units, np.full(units, 1 / units), size=min(step, draws - start)).astype(float)
        means.append(weights @ values.T / (weights @ sizes.T))
    found = np.concatenate(means)
    for at, one in enumerate(sides):
        if one.rows > 1:
            luck = np.sqrt(one.over_rows()[1] / one.rows)
            found[:, at] += luck * rng.standard_t(one.rows - 1, size=draws)
    return found


def _chance(rho: float, place: np.ndarray, seed: int) -> float:
    """Share of all orders that correlate as much or more; of many arms, of orders that are drawn."""
    if not np.isfinite(rho):
        return float("nan")
    n = len(place)
    if n <= _ALL_ORDERS:
        orders = np.array(list(permutations(range(n))))
    else:
        orders = np.argsort(numpy_rng(seed, "orders").random((_SOME_ORDERS, n)), axis=1)
    return float(np.mean(spearman(orders, place) >= rho - 1e-9))
