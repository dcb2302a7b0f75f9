"""Masks of what was found as run lengths: a hundred in a photograph are some kilobytes in place of a gigabyte."""

from typing import Any

import numpy as np

from ...data.annotations import rle
from ...data.annotations.masks import Masks
from .answer import Answer


def masks_of(answer: Answer) -> Masks | None:
    """The masks of an answer, which tells them as arrays or as run lengths; None where it tells none."""
    if answer.runs is not None or answer.masks is None:
        return answer.runs
    return Masks(answer.size, tuple(run_lengths(one, answer.size) for one in answer.masks))


def run_lengths(mask_HW: Any, size: tuple[int, int]) -> np.ndarray:
    """The runs of a mask (H, W) of bool, a tensor or an array; only the columns that it reaches are walked through."""
    columns = np.flatnonzero(np.asarray(mask_HW.any(0)))
    if not columns.size:
        return np.array([size[0] * size[1]], dtype=np.int64)
    left, right = int(columns[0]), int(columns[-1]) + 1
    return placed(np.asarray(mask_HW[:, left:right]), left, 0, size)


def placed(part_hw: np.ndarray, left: int, top: int, size: tuple[int, int]) -> np.ndarray:
    """The runs of a mask that is `part_hw` with its corner at (left, top) of a picture of `size`, and empty elsewhere.

    >>> placed(np.ones((1, 2), bool), 1, 1, (3, 4)).tolist()
    [4, 1, 2, 1, 4]
    """
    height, width = size
    rows, columns = part_hw.shape
    strip = np.zeros((height, columns), dtype=bool)
    strip[top : top + rows] = part_hw
    runs = rle.encode(strip)
    if not runs.size:
        return np.array([height * width], dtype=np.int64)
    runs[0] += left * height
    after = (width - left - columns) * height
    if len(runs) % 2:  # they end in zeros
        runs[-1] += after
        return runs
    return np.append(runs, after) if after else runs
