"""How far masks overlap, of pixels or of run lengths, with COCO's rule for crowds (see `box_overlap`).

Neither way holds all pairs' pixels at once: pixels go through a matrix product some at a time, and run lengths are
never made into pixels.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad
from .box_overlap import flags, shares

_AT_ONCE = 1 << 22  # pixels of all masks together that are float32 at one time: 16 MB


def mask_overlap(found: ArrayLike, truth: ArrayLike, crowd: ArrayLike | None = None) -> np.ndarray:
    """Overlap of every found mask with every true one: IoU, and of a crowd the share of the found mask within it.

    Args:
        found: (n, H, W) bool.
        truth: (m, H, W) bool.
        crowd: (m,) bool, which of the true ones are crowds; none if not given.

    Returns:
        (n, m) float64 in [0, 1]; an empty mask overlaps with nothing. O(n m H W) time, 16 MB besides the masks.

    Raises:
        InputError: masks that are not bool, or of different sizes.

    >>> mask_overlap([[[True, True]]], [[[True, False]], [[False, True]]], crowd=[False, True]).tolist()
    [[0.5, 0.5]]
    """
    one, two = _pixels("found", found), _pixels("truth", truth)
    if one.shape[1:] != two.shape[1:] and len(one) and len(two):
        raise bad("truth", f"masks of {two.shape[1:]}", f"height and width of the found ones, {one.shape[1:]}")
    many = flags("crowd", crowd, len(two))
    common = np.zeros((len(one), len(two)))
    if len(one) and len(two):
        flat, other = one.reshape(len(one), -1), two.reshape(len(two), -1)
        step = max(1, min(_AT_ONCE // (len(one) + len(two)), 1 << 24))  # so many ones float32 counts exactly
        for start in range(0, flat.shape[1], step):
            piece = slice(start, start + step)
            common += flat[:, piece].astype(np.float32) @ other[:, piece].astype(np.float32).T
    return shares(common, mask_areas(one), mask_areas(two), many)


def mask_areas(masks: ArrayLike) -> np.ndarray:
    """Pixels (n,) float64 that each mask (n, H, W) covers."""
    pixels = _pixels("masks", masks)
    return np.count_nonzero(pixels, axis=(1, 2)).astype(np.float64)


def run_overlap(found: Sequence[np.ndarray], truth: Sequence[np.ndarray], crowd: ArrayLike | None = None) -> np.ndarray:
    """The same of masks given by run lengths: pixels of 0, of 1, of 0, ... in one and the same order of all pixels.

    Args:
        found: n arrays of whole numbers, each of which add up to the pixels of the picture.
        truth: m such arrays.
        crowd: (m,) bool, which of the true ones are crowds; none if not given.

    Returns:
        (n, m) float64 in [0, 1]. O(m R log r) for R runs of all found masks and r of a true one.

    Raises:
        InputError: runs that are negative or no whole numbers, or that do not add up to the same number of pixels.

    >>> run_overlap([np.array([0, 4, 2])], [np.array([2, 4]), np.array([0, 2, 4])]).tolist()
    [[0.3333333, 0.5]]
    """
    _same_size([("found", found), ("truth", truth)])
    many = flags("crowd", crowd, len(truth))
    common = np.zeros((len(found), len(truth)))
    edges = [_edges(runs) for runs in found]
    if edges and len(truth):
        starts, stops = np.concatenate([one[0::2] for one in edges]), np.concatenate([one[1::2] for one in edges])
        owner = np.repeat(np.arange(len(edges)), [len(one) // 2 for one in edges])
        for column, runs in enumerate(truth):
            within = _covered(np.asarray(runs), stops) - _covered(np.asarray(runs), starts)
            common[:, column] = np.bincount(owner, within, minlength=len(edges))
    return shares(common, run_areas(found), run_areas(truth), many)


def run_areas(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Pixels (n,) float64 that each mask of run lengths covers."""
    return np.array([np.asarray(runs)[1::2].sum() for runs in masks], dtype=np.float64)


def _edges(runs: np.ndarray) -> np.ndarray:
    """Where runs of ones start and stop, in turn."""
    ends = np.cumsum(np.asarray(runs, dtype=np.int64))
    return ends[: len(ends) // 2 * 2]


def _covered(runs: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many ones there are before each place: a line through the ends of runs, exact as all of it is whole."""
    lengths = runs.astype(np.int64)
    ones = np.where(np.arange(len(lengths)) % 2 == 1, lengths, 0)
    return np.interp(places, np.r_[0, np.cumsum(lengths)], np.r_[0, np.cumsum(ones)])


def _pixels(argument: str, masks: ArrayLike) -> np.ndarray:
    array = np.asarray(masks)
    array = np.zeros((0, 0, 0), dtype=bool) if array.size == 0 and array.ndim < 3 else array
    if array.ndim != 3 or array.dtype != np.bool_:
        raise bad(argument, f"{array.dtype} of shape {array.shape}", "masks of bool (n, height, width)")
    return array


def _same_size(parts: Sequence[tuple[str, Sequence[np.ndarray]]]) -> None:
    """Refuse what are no run lengths, or of pictures of different size."""
    pixels = None
    for argument, masks in parts:
        for row, runs in enumerate(masks):
            array = np.asarray(runs)
            if array.ndim != 1 or array.dtype.kind not in "iu" or not array.size or (array < 0).any():
                raise bad(argument, f"mask {row} of {array.dtype} {array.shape}", "whole numbers of pixels (runs,)")
            pixels = int(array.sum()) if pixels is None else pixels
            if int(array.sum()) != pixels:
                raise bad(argument, f"mask {row} of {int(array.sum())} pixels", f"the {pixels} of the other masks")
