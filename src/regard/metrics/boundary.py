"""How well the outlines of what was found follow the true ones: the boundary F measure.

    precision = share of found boundary pixels that have a true one within r pixels; recall the other way round
    F = 2 precision recall / (precision + recall),   r = ceil(share * diagonal of the picture), at least 1

(Csurka et al. 2013, What is a good evaluation measure for semantic segmentation?, BMVC; Perazzi et al. 2016, DAVIS,
section 5.1, with share .008.) Distances are Euclidean between centres of pixels. A boundary pixel of a mask is in it
and has a neighbour above, below, left or right that counts and is not in it: the edge of the picture and of what does
not count makes no boundary. F is 0 where only one of the two has a boundary, and NaN where neither has; DAVIS's code
calls that 1, which rewards saying nothing of classes that are not there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number
from .average_precision import Scores, class_names, image_weights, mean_known, one_weighting
from .segmentation import IGNORED, checked_maps

SHARE = 0.0075  # of the diagonal, as Csurka et al.


def mask_boundary(mask: ArrayLike, counts: ArrayLike | None = None) -> np.ndarray:
    """Boundary pixels (H, W) bool of a mask (H, W) bool.

    Args:
        mask: what is in it.
        counts: (H, W) bool, which pixels are known; all if not given.

    Raises:
        InputError: not bool, or of different sizes.

    >>> mask_boundary(np.array([[False, True, True, True]])).tolist()
    [[False, True, False, False]]
    """
    inside = _mask("mask", mask)
    known = np.ones(inside.shape, dtype=bool) if counts is None else _mask("counts", counts)
    if known.shape != inside.shape:
        raise bad("counts", f"shape {known.shape}", f"that of the mask, {inside.shape}")
    inside, outside = inside & known, ~inside & known
    edge = np.zeros(inside.shape, dtype=bool)
    edge[1:] |= outside[:-1]
    edge[:-1] |= outside[1:]
    edge[:, 1:] |= outside[:, :-1]
    edge[:, :-1] |= outside[:, 1:]
    return edge & inside


def mask_boundary_f(truth: ArrayLike, found: ArrayLike, *, share: float = SHARE) -> float:
    """Boundary F of one found mask against the true one, both (H, W) bool, in [0, 1]; NaN where neither has an outline.

    Args:
        truth: (H, W) bool.
        found: (H, W) bool.
        share: of the diagonal that an outline may be off; .008 is DAVIS's.

    Raises:
        InputError: not bool, different sizes, a share below 0.

    >>> mask = np.zeros((9, 9), dtype=bool)
    >>> mask[2:6, 2:6] = True
    >>> mask_boundary_f(mask, np.roll(mask, 1, axis=1)), mask_boundary_f(mask, np.zeros_like(mask))
    (1.0, 0.0)
    """
    one, two = _mask("truth", truth), _mask("found", found)
    if one.shape != two.shape:
        raise bad("found", f"shape {two.shape}", f"that of the truth, {one.shape}")
    return _f(mask_boundary(one), mask_boundary(two), _reach(one.shape, share))


def class_boundary_f(
    truth: ArrayLike, predicted: ArrayLike, classes: int, ignored: int = IGNORED, *, share: float = SHARE
) -> np.ndarray:
    """Boundary F (classes,) of each class in one picture; NaN where it has no outline in either.

    Where the truth is `ignored`, neither has a class: outlines that lie there (VOC marks a rim of 5 pixels around all
    objects) are not scored.

    Args:
        truth: (H, W) classes from 0, or `ignored`.
        predicted: (H, W) classes.
        classes: how many.
        ignored: what pixels have that count neither way.
        share: of the diagonal that an outline may be off.

    Raises:
        InputError: different sizes, a class that is not there, a share below 0.
    """
    one, two = checked_maps(truth, predicted, classes, ignored)
    known, reach = one != ignored, _reach(one.shape, share)
    result = np.full(classes, np.nan)
    for each in np.union1d(one[known], two[known]):
        result[each] = _f(mask_boundary(one == each, known), mask_boundary(two == each, known), reach)
    return result


class BoundaryScores:
    """Takes pictures one at a time: F of a class is its mean over pictures with its outline, then over classes.

    Attributes:
        classes: names of the classes that whole numbers from 0 stand for.
    """

    def __init__(self, classes: Sequence[str], ignored: int = IGNORED, *, share: float = SHARE) -> None:
        self.classes = class_names(classes)
        self._ignored, self._share = int(check_number("ignored", ignored, whole=True)), share
        self._each: list[np.ndarray] = []

    @property
    def images(self) -> int:
        """How many pictures were added."""
        return len(self._each)

    def add(self, truth: ArrayLike, predicted: ArrayLike) -> None:
        """One picture (H, W), as `class_boundary_f`."""
        self._each.append(class_boundary_f(truth, predicted, len(self.classes), self._ignored, share=self._share))

    def scores(self, weights: ArrayLike | None = None) -> Scores:
        """`boundary_f`, over classes and for each, with the number of `images` that have an outline of it."""
        each = one_weighting(weights, self.images, "measured")
        values, count = (part[0] for part in self._by_class(each))
        rows = {
            name: {"boundary_f": float(values[one]), "images": float(count[one])}
            for one, name in enumerate(self.classes)
        }
        return Scores({"boundary_f": float(mean_known(values, 0))}, rows)

    def measured(self, weights: ArrayLike | None = None) -> np.ndarray:
        """`boundary_f` (b,) in each of b weightings (b, images) of the pictures."""
        return mean_known(self._by_class(image_weights(weights, self.images))[0], 1)

    def _by_class(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F (b, classes), and the weight of pictures that it is a mean of."""
        table = np.array(self._each).reshape(self.images, len(self.classes))
        known = ~np.isnan(table)
        count, total = weights @ known, weights @ np.where(known, table, 0.0)
        return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0), count


def _f(truth: np.ndarray, found: np.ndarray, reach: int) -> float:
    if not truth.any() or not found.any():
        return 0.0 if truth.any() or found.any() else float("nan")
    precision, recall = _near(found, truth, reach), _near(truth, found, reach)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _near(these: np.ndarray, those: np.ndarray, reach: int) -> float:
    """Share of these that have one of those within reach."""
    from scipy.ndimage import distance_transform_edt

    return float((distance_transform_edt(~those)[these] <= reach).mean())


def _reach(size: tuple[int, ...], share: float) -> int:
    check_number("share", share, 0, 1)
    return max(1, int(np.ceil(share * np.hypot(size[0], size[1]))))


def _mask(argument: str, mask: ArrayLike) -> np.ndarray:
    array = np.asarray(mask)
    if array.ndim != 2 or array.dtype != np.bool_:
        raise bad(argument, f"{array.dtype} of shape {array.shape}", "a mask of bool (H, W)")
    return array
