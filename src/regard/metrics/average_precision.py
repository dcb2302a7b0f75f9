"""Average precision of ranked answers, of which each may count more or less: the three rules in use.

With the answers sorted by falling score, and TP_j and FP_j what is right and wrong down to the j-th,

    recall_j = TP_j / positives,   precision_j = TP_j / (TP_j + FP_j),   p(r) = max of precision where recall >= r

`voc07`: mean of p at 0, .1, ..., 1 (Everingham et al. 2010, The Pascal VOC challenge, section 4.2); `voc10`: area under
p (VOC devkit 2010); `coco`: mean of p at 0, .01, ..., 1 (Lin et al. 2014). p is 0 where that recall is not reached.

Answers and positives carry the weight of their picture: with 2 it counts as if it were there twice, with 0 as if it
were not there. That is what intervals over pictures are made of (`image_resampling`), as AP is no mean over pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad

POINTS = {"voc07": np.arange(11) / 10, "coco": np.linspace(0.0, 1.0, 101)}  # voc10 has none: it is an area
RULES = (*POINTS, "voc10")
_AT_ONCE = 1 << 21  # weights of answers at one time: 16 MB


@dataclass(frozen=True)
class Scores:
    """What detections are worth.

    Attributes:
        metrics: by name, each in [0, 1]; NaN where no object was there to be found.
        by_class: the same for each class, and how many `objects` it has; NaN where it has none.
    """

    metrics: Mapping[str, float]
    by_class: Mapping[str, Mapping[str, float]]

    @staticmethod
    def of(classes: Sequence[str], objects: ArrayLike, tables: Mapping[str, np.ndarray]) -> "Scores":
        """Of tables (classes,) by measure, NaN where nothing tells one, and of how many objects each class has."""
        many = np.asarray(objects, dtype=np.float64)
        rows = {
            name: {"objects": float(many[one]), **{measure: float(table[one]) for measure, table in tables.items()}}
            for one, name in enumerate(classes)
        }
        return Scores({name: float(mean_known(table, 0)) for name, table in tables.items()}, rows)


def average_precision(
    right: ArrayLike, wrong: ArrayLike, positives: ArrayLike, weights: ArrayLike | None = None, *, rule: str = "coco"
) -> np.ndarray:
    """Average precision of answers sorted by falling score.

    Args:
        right: (d,) bool, who found an object.
        wrong: (d,) bool, who did not; who is neither does not count.
        positives: (b,) or a number, how many objects there are to find, in each weighting.
        weights: (b, d) of at least 0, what each answer counts in each of b weightings; one, of ones, if not given.
        rule: `coco`, `voc07` or `voc10`.

    Returns:
        (b,) in [0, 1]; NaN where there is no object. O(b d).

    Two right, one wrong between them, of two objects: p is 1 up to recall 1/2 and 2/3 from there on.

    >>> [average_precision([1, 0, 1], [0, 1, 0], 2, rule=rule).tolist() for rule in ("voc10", "voc07", "coco")]
    [[0.8333333], [0.8484848], [0.8349835]]
    """
    if rule not in RULES:
        raise bad("rule", repr(rule), f"one of {', '.join(RULES)}")
    hit, miss = np.asarray(right, dtype=bool), np.asarray(wrong, dtype=bool)
    if hit.ndim != 1 or hit.shape != miss.shape:
        raise bad("right, wrong", f"shapes {hit.shape} and {miss.shape}", "the same answers, shape (d,)")
    total = np.atleast_1d(np.asarray(positives, dtype=np.float64))
    each = np.ones((1, len(hit))) if weights is None else np.asarray(weights, dtype=np.float64)
    if each.ndim != 2 or each.shape != (len(total), len(hit)):
        raise bad("weights", f"shape {each.shape}", f"({len(total)}, {len(hit)}): weightings by answers")
    result = np.full(len(total), np.nan)
    for rows in row_parts(len(total), len(hit)):
        result[rows] = _average(hit, miss, total[rows], each[rows], rule)
    result[total <= 0] = np.nan
    return result


def _average(hit: np.ndarray, miss: np.ndarray, total: np.ndarray, weights: np.ndarray, rule: str) -> np.ndarray:
    places = np.flatnonzero(hit)  # recall moves nowhere else, and p has its steps there
    if not len(places):
        return np.zeros(len(total))
    weights, miss = weights[:, : places[-1] + 1], miss[: places[-1] + 1]  # what is wrong further down changes nothing
    true = weights[:, places].cumsum(axis=1)
    false = (weights * miss).cumsum(axis=1)[:, places]
    whole = true + false
    precision = np.divide(true, whole, out=np.zeros_like(true), where=whole > 0)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = np.divide(true, total[:, None], out=np.zeros_like(true), where=total[:, None] > 0)
    if rule == "voc10":
        return (np.diff(recall, axis=1, prepend=0.0) * best).sum(axis=1)
    fractions = (weights != np.floor(weights)).any(axis=1)
    recall[fractions] *= 1 + 1e-12  # sums of fractions are rounded: all found is to be a recall of 1
    best = np.pad(best, ((0, 0), (0, 1)))  # where a recall is not reached
    at = np.stack([np.searchsorted(row, POINTS[rule]) for row in recall])
    return np.take_along_axis(best, at, axis=1).mean(axis=1)


def row_parts(rows: int, width: int) -> Iterator[slice]:
    """Slices of so many rows that arrays of this width stay small."""
    step = max(1, _AT_ONCE // max(width, 1))
    return (slice(start, start + step) for start in range(0, rows, step))


def image_weights(weights: ArrayLike | None, images: int) -> np.ndarray:
    """Weights (b, images) of b weightings; a single one, of ones, if not given.

    Raises:
        InputError: another number of pictures, negative weights, NaN or infinity.
    """
    if weights is None:
        return np.ones((1, images))
    array = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if array.ndim != 2 or array.shape[1] != images or not len(array):
        raise bad("weights", f"shape {array.shape}", f"a weight for each of the {images} images, (b, {images})")
    if not np.isfinite(array).all() or (array < 0).any():
        raise bad("weights", "NaN, infinity or a negative weight", "finite weights of at least 0")
    return array


def one_weighting(weights: ArrayLike | None, images: int, several: str) -> np.ndarray:
    """A single weighting (1, images), as `image_weights`; `several` names the method that takes more of them."""
    each = image_weights(weights, images)
    if len(each) != 1:
        raise bad("weights", f"shape {each.shape}", f"one weighting, ({images},)", f"{several}() takes several.")
    return each


def mean_known(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over what is not NaN; NaN, without a warning, where all is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes that whole numbers stand for, of which there is at least one, each named once."""
    names = tuple(str(name) for name in classes)
    if isinstance(classes, str) or not names or len(set(names)) < len(names):
        raise bad("classes", repr(classes)[:80], "a list of different names, at least one")
    return names
