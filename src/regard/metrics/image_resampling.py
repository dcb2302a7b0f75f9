"""How sure a measure is that is no mean over pictures (AP, mIoU): from the same measure with pictures weighted anew.

Anything that takes weights (b, images) and gives (b,) will do: `CocoAP.ap`, `VocAP.ap`, `SemanticScores.measured`,
`BoundaryScores.measured`.

`image_scores` makes of it one number for each picture, whose mean is the measure and whose spread is that of the
jackknife (Efron & Tibshirani 1993, ch. 11), so that `contrast` and the experiment engine take it as they take right and
wrong answers. Percentiles of a bootstrap are no substitute for AP: of few pictures its interpolated precision is too
high on average, and a resample, which holds fewer still, adds the same error again.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number
from ..core.values import group_codes
from .contrast import contrast
from .intervals import FEWEST_UNITS, Interval, unknown

_AT_ONCE = 1 << 22  # weights at one time: 32 MB


def image_scores(
    measure: Callable[[np.ndarray], np.ndarray], images: int, units: ArrayLike | None = None, *, keep: float = 0.5
) -> np.ndarray:
    """What each picture, or each unit of several, does to a measure, as scores whose mean is the measure.

        s_i = M + (n - t) / t * (mean_j M_j - M_j=i),   t = 1 - keep

    where M is the measure over all n units and M_i the one with unit i counted `keep` times. With keep = 0 these are
    the jackknife's pseudo-values, moved so that their mean is M itself. Half kept, a class that a single picture shows
    stays in the mean over classes; left out, the mean would jump to other classes.

    Args:
        measure: of weights (b, images), gives (b,).
        images: how many there are.
        units: (images,) which thing each picture shows; None where each shows another.
        keep: what is left of a unit, in [0, 1).

    Returns:
        (images,), whose mean is the measure; they may leave [0, 1]. Pictures of one unit share what it does. O(n)
        evaluations of the measure.

    Raises:
        InputError: fewer than two units, or a measure that is not known without one.

    >>> right = np.array([1.0, 0.0, 1.0, 1.0])
    >>> image_scores(lambda weights: weights @ right / weights.sum(axis=1), 4, keep=0).round(9) + 0.0
    array([1., 0., 1., 1.])
    """
    check_number("images", images, 2, whole=True)
    check_number("keep", keep, 0, 1)
    codes = np.arange(images) if units is None else group_codes(units, "units")
    if codes.shape != (images,):
        raise bad("units", f"shape {codes.shape}", f"one for each of the {images} images, shape ({images},)")
    count, gone = int(codes.max()) + 1, 1 - keep
    if count < 2 or gone == 0:
        raise bad("units, keep", f"{count} units, keep {keep}", "at least two units, and keep below 1")
    step = max(1, _AT_ONCE // images)
    without = np.concatenate(
        [
            measure(np.where(codes == np.arange(start, min(start + step, count))[:, None], keep, 1.0))
            for start in range(0, count, step)
        ]
    )
    whole = float(measure(np.ones((1, images)))[0])
    if not np.isfinite(whole) or not np.isfinite(without).all():
        raise bad("measure", "NaN with or without a unit", "a number for each", "Are there objects in two pictures?")
    apart = (count - gone) / gone * (without.mean() - without)
    return whole + (apart * images / count / np.bincount(codes))[codes]


def measure_interval(
    measure: Callable[[np.ndarray], np.ndarray], images: int, units: ArrayLike | None = None, *, level: float = 0.95
) -> Interval:
    """The measure with its interval over pictures, or units of several, within [0, 1].

    The difference of two ways is `contrast` of the `image_scores` of both, with `largest=np.inf`.

    Args:
        measure: of weights (b, images), gives (b,) in [0, 1].
        images: how many there are.
        units: (images,) which thing each picture shows; None where each shows another.
        level: share of cases in which it should hold the truth.

    Raises:
        InputError: as `image_scores`.

    >>> right = np.repeat([1.0, 0.0], [30, 10])
    >>> print(measure_interval(lambda weights: weights @ right / weights.sum(axis=1), 40))
    0.750 [0.594, 0.906]
    """
    return scores_interval(image_scores(measure, images, units), units, level=level)


def scores_interval(
    scores: ArrayLike,
    units: ArrayLike | None = None,
    *,
    level: float = 0.95,
    share: float | None = None,
    halves: bool = False,
    own_seeds: int = 0,
    largest: float = 1.0,
) -> Interval:
    """The interval, within [0, largest], of a measure of which the scores by picture are known, also of several seeds.

    Args:
        scores: of `image_scores`: (images,), (seeds, images) or (seeds, draws, images).
        units: (images,) which thing each picture shows, as it was told to `image_scores`.
        level: share of cases in which it should hold the truth.
        share: see `contrast`.
        halves: see `contrast`.
        own_seeds: see `contrast`.
        largest: value that the measure can have; infinity for errors without a limit.

    Raises:
        InputError: as `contrast`.

    >>> right = np.repeat([1.0, 0.0], [30, 10])
    >>> print(scores_interval(np.stack([right, right])))
    0.750 [0.605, 0.895]
    """
    array = np.asarray(scores, dtype=np.float64)
    nothing = np.zeros_like(array) if halves or array.ndim == 3 else np.zeros(array.shape[-1])
    found = contrast(
        array, nothing, units, share=share, halves=halves, own_seeds=own_seeds, largest=np.inf, level=level
    )
    if not found.known or found.n < FEWEST_UNITS:
        return unknown(found.mean, found.n)
    return Interval(found.mean, max(found.low, 0.0), min(found.high, largest), found.n)
