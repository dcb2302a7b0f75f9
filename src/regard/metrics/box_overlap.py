"""How far boxes overlap: intersection over union, and COCO's rule for crowds.

A box is left, top, right, bottom in pixels, half-open: its area is (right - left) * (bottom - top). Pascal VOC's own
files count both ends in; there, add 1 to right and bottom first.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad


def box_areas(boxes: ArrayLike) -> np.ndarray:
    """Areas (n,) float64 in square pixels of boxes (n, 4).

    Raises:
        InputError: another shape, NaN or infinity, a box whose right is left of its left or bottom above its top.

    >>> box_areas([[0, 0, 2, 3]])
    array([6.])
    """
    corners = checked_boxes("boxes", boxes)
    return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def box_overlap(found: ArrayLike, truth: ArrayLike, crowd: ArrayLike | None = None) -> np.ndarray:
    """Overlap of every found box with every true one.

        IoU = |A and B| / |A or B|;   of a crowd: |A and B| / |A|, with A the found box

    Of a region with many objects that are not told apart, a box around one covers little: what counts is how much of
    the found box lies within it (COCO, Lin et al. 2014, and its `iscrowd`).

    Args:
        found: (n, 4) boxes in pixels, left, top, right, bottom; one without area overlaps with nothing.
        truth: (m, 4).
        crowd: (m,) bool, which of the true ones are crowds; none if not given.

    Returns:
        (n, m) float64 in [0, 1].

    Raises:
        InputError: as `box_areas`, or `crowd` of another length.

    >>> box_overlap([[0, 0, 2, 2]], [[0, 0, 2, 1], [1, 0, 9, 9]], crowd=[False, True]).tolist()
    [[0.5, 0.5]]
    """
    one, two = checked_boxes("found", found), checked_boxes("truth", truth)
    many = flags("crowd", crowd, len(two))
    width = np.minimum(one[:, None, 2], two[None, :, 2]) - np.maximum(one[:, None, 0], two[None, :, 0])
    height = np.minimum(one[:, None, 3], two[None, :, 3]) - np.maximum(one[:, None, 1], two[None, :, 1])
    common = np.maximum(width, 0) * np.maximum(height, 0)
    return shares(common, box_areas(one), box_areas(two), many)


def shares(common: np.ndarray, found: np.ndarray, truth: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Overlaps (n, m) of intersections (n, m) and areas (n,), (m,): over the union, of a crowd over what was found."""
    own = np.broadcast_to(found[:, None], common.shape)
    whole = np.where(crowd[None, :], own, own + truth[None, :] - common)
    return np.divide(common, whole, out=np.zeros(common.shape), where=whole > 0)


def checked_boxes(argument: str, boxes: ArrayLike) -> np.ndarray:
    """Boxes as float64 (n, 4); an empty list is no box."""
    array = np.asarray(boxes, dtype=np.float64)
    array = array.reshape(0, 4) if array.size == 0 and array.ndim < 3 else array
    if array.ndim != 2 or array.shape[1] != 4:
        raise bad(argument, f"shape {array.shape}", "boxes (n, 4): left, top, right, bottom in pixels")
    if not np.isfinite(array).all():
        raise bad(argument, "NaN or infinity", "finite numbers of pixels")
    turned = (array[:, 2:] < array[:, :2]).any(axis=1)
    if turned.any():
        row = int(turned.argmax())
        raise bad(
            argument,
            f"box {row} of {array[row].tolist()}",
            "left <= right and top <= bottom",
            "Are they x, y, width, height? Add x and y to the last two.",
        )
    return array


def flags(argument: str, values: ArrayLike | None, n: int) -> np.ndarray:
    """Yes or no for each of n; all no if not given."""
    if values is None:
        return np.zeros(n, dtype=bool)
    array = np.asarray(values)
    array = array.astype(bool) if array.size == 0 else array
    if array.shape != (n,) or array.dtype.kind not in "biu":
        raise bad(argument, f"{array.dtype} of shape {array.shape}", f"True or False for each of the {n} objects")
    return array.astype(bool)
