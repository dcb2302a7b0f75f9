"""What was found in one picture beside what is there: all that measures of detection need of it.

A `Pairs` is small (no pixels), so that pictures are scored one at a time and only this is kept. Boxes, masks and run
lengths differ in how far they overlap, and in nothing else: every measure takes any of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad
from .box_overlap import box_areas, box_overlap, flags
from .mask_overlap import mask_areas, mask_overlap, run_areas, run_overlap


@dataclass(frozen=True)
class Pairs:
    """n found and m true objects of one picture.

    Attributes:
        scores: (n,) float64, the higher the surer.
        classes: (n,) int64, from 0.
        areas: (n,) float64 in square pixels.
        truth_classes: (m,) int64.
        truth_areas: (m,) float64; for COCO those of masks, also where boxes are scored, if the file tells them.
        crowd: (m,) bool: a region of many objects; any number of found ones may lie in it.
        ignore: (m,) bool: neither hurts nor helps (crowds, difficult objects).
        overlap: (n, m) float64 in [0, 1], also between classes.
    """

    scores: np.ndarray
    classes: np.ndarray
    areas: np.ndarray
    truth_classes: np.ndarray
    truth_areas: np.ndarray
    crowd: np.ndarray
    ignore: np.ndarray
    overlap: np.ndarray

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or not np.isfinite(self.scores).all():
            raise bad("scores", f"shape {self.scores.shape}, or NaN or infinity", "finite numbers (n,)")
        n, m = len(self.scores), len(self.crowd)
        sizes = {"classes": n, "areas": n, "truth_classes": m, "truth_areas": m, "ignore": m}
        for name, size in sizes.items():
            value = getattr(self, name)
            if value.shape != (size,):
                raise bad(name, f"shape {value.shape}", f"one for each of the {size} objects, shape ({size},)")
        for name in ("classes", "truth_classes"):
            value = getattr(self, name)
            if value.dtype.kind not in "iu" or (value < 0).any():
                raise bad(name, f"{value.dtype}, or below 0", "whole numbers from 0", "Drop rows of padding (-1).")
        if not (self.truth_areas >= 0).all():
            raise bad("truth_areas", "NaN or below 0", "square pixels of at least 0")
        if self.overlap.shape != (n, m):
            raise bad("overlap", f"shape {self.overlap.shape}", f"found by true objects, ({n}, {m})")


def box_pairs(
    boxes: ArrayLike,
    scores: ArrayLike,
    classes: ArrayLike,
    truth_boxes: ArrayLike,
    truth_classes: ArrayLike,
    *,
    crowd: ArrayLike | None = None,
    ignore: ArrayLike | None = None,
    truth_areas: ArrayLike | None = None,
) -> Pairs:
    """One picture's boxes.

    Args:
        boxes: (n, 4) found, in pixels: left, top, right, bottom, half-open.
        scores: (n,).
        classes: (n,) whole numbers from 0.
        truth_boxes: (m, 4).
        truth_classes: (m,).
        crowd: (m,) bool; none if not given.
        ignore: (m,) bool; crowds are ignored in any case.
        truth_areas: (m,) square pixels by which an object is small, medium or large; of the boxes if not given.

    Raises:
        InputError: shapes that do not match, NaN, classes below 0.

    >>> box_pairs([[0, 0, 4, 4]], [0.9], [0], [[0, 0, 4, 2]], [0]).overlap.tolist()
    [[0.5]]
    """
    areas = box_areas(truth_boxes)
    many = flags("crowd", crowd, len(areas))
    overlap = box_overlap(boxes, truth_boxes, many)
    own = areas if truth_areas is None else truth_areas
    return _pairs(overlap, box_areas(boxes), own, scores, classes, truth_classes, many, ignore)


def mask_pairs(
    masks: ArrayLike,
    scores: ArrayLike,
    classes: ArrayLike,
    truth_masks: ArrayLike,
    truth_classes: ArrayLike,
    *,
    crowd: ArrayLike | None = None,
    ignore: ArrayLike | None = None,
    truth_areas: ArrayLike | None = None,
) -> Pairs:
    """One picture's masks, bool (n, H, W) and (m, H, W); the rest as in `box_pairs`."""
    areas = mask_areas(truth_masks)
    many = flags("crowd", crowd, len(areas))
    overlap = mask_overlap(masks, truth_masks, many)
    own = areas if truth_areas is None else truth_areas
    return _pairs(overlap, mask_areas(masks), own, scores, classes, truth_classes, many, ignore)


def run_pairs(
    runs: Sequence[np.ndarray],
    scores: ArrayLike,
    classes: ArrayLike,
    truth_runs: Sequence[np.ndarray],
    truth_classes: ArrayLike,
    *,
    crowd: ArrayLike | None = None,
    ignore: ArrayLike | None = None,
    truth_areas: ArrayLike | None = None,
) -> Pairs:
    """One picture's masks by run lengths (see `run_overlap`); the rest as in `box_pairs`."""
    many = flags("crowd", crowd, len(truth_runs))
    overlap = run_overlap(runs, truth_runs, many)
    own = run_areas(truth_runs) if truth_areas is None else truth_areas
    return _pairs(overlap, run_areas(runs), own, scores, classes, truth_classes, many, ignore)


def present(found: np.ndarray, true: np.ndarray, classes: Sequence[str]) -> list[int]:
    """The classes of one picture's objects, found (n,) and true (m,), in order.

    Raises:
        InputError: one that has no name.
    """
    met = np.union1d(found, true).tolist()
    if met and met[-1] >= len(classes):
        raise bad("classes", f"class {met[-1]}", f"classes from 0 to {len(classes) - 1}, as named")
    return met


def _pairs(
    overlap: np.ndarray,
    areas: np.ndarray,
    truth_areas: ArrayLike,
    scores: ArrayLike,
    classes: ArrayLike,
    truth_classes: ArrayLike,
    crowd: np.ndarray,
    ignore: ArrayLike | None,
) -> Pairs:
    given, found = np.asarray(scores, dtype=np.float64), len(overlap)
    if given.shape != (found,):
        raise bad("scores", f"shape {given.shape}", f"one for each of the {found} found objects, shape ({found},)")
    return Pairs(
        given,
        _whole(classes),
        areas,
        _whole(truth_classes),
        np.asarray(truth_areas, dtype=np.float64),
        crowd,
        flags("ignore", ignore, len(crowd)) | crowd,
        overlap,
    )


def _whole(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.int64) if array.size == 0 or array.dtype.kind in "iu" else array
