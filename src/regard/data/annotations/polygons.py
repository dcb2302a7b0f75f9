"""Polygons to masks as COCO draws them, and masks to polygons that draw the very same mask again.

COCO (maskApi, Lin et al. 2014) rounds corners to a fifth of a pixel, walks along each side in fifths, and notes where
the outline passes the middle of a column of pixels; between two such places the column is inside (even-odd rule).
"""

from collections.abc import Sequence

import numpy as np

from ...core.checks import bad

_FINE = 5  # steps to a pixel
_MOST = 2**20  # pixels that a corner may lie from the origin


def draw(polygons: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """The union (H, W) of bool of polygons, each (k, 2) of x, y in pixels.

    Raises:
        InputError: a polygon of fewer than three corners, or one with NaN.
    """
    mask = np.zeros(size, dtype=bool)
    for polygon in polygons:
        _add(mask, polygon)
    return mask


def _add(mask: np.ndarray, polygon: np.ndarray) -> None:
    size = mask.shape
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
        raise bad("polygon", f"shape {corners.shape}", "at least three corners (k, 2)")
    if not np.isfinite(corners).all() or np.abs(corners).max() > _MOST:
        raise bad("polygon", "NaN, infinity or a corner far away", "corners in pixels")
    u, v = _outline(np.trunc(_FINE * corners + 0.5).astype(np.int64))
    moved = np.flatnonzero(u[1:] != u[:-1])
    low_u, low_v = np.minimum(u[moved], u[moved + 1]), np.minimum(v[moved], v[moved + 1])
    middle = low_u % _FINE == _FINE // 2  # the step between 5 x + 2 and 5 x + 3 passes the middle of column x
    columns = (low_u - _FINE // 2)[middle] // _FINE
    rows = np.ceil(np.clip((low_v[middle] + 0.5) / _FINE - 0.5, 0, size[0])).astype(np.int64)
    there = (columns >= 0) & (columns < size[1])
    rows, columns = rows[there], columns[there]
    if not len(rows):
        return
    left, top = int(columns.min()), int(rows.min())
    # each crossing turns the column from there on: the last row of the table is below the polygon
    turns = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), dtype=np.int64)
    np.add.at(turns, (rows - top, columns - left), 1)
    inside = np.cumsum(turns[:-1], axis=0) % 2 == 1
    mask[top : top + inside.shape[0], left : left + inside.shape[1]] |= inside


def _outline(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every point (in fifths) on the closed outline, one after another: along the longer axis in steps of one."""
    start, end = corners, np.roll(corners, -1, axis=0)
    across = np.abs(end - start)
    flat = across[:, 0] >= across[:, 1]
    # a side is walked from its lower end on the longer axis, whichever way it is given, so that both give one line
    turned = np.where(flat, start[:, 0] > end[:, 0], start[:, 1] > end[:, 1])
    first, last = np.where(turned[:, None], end, start), np.where(turned[:, None], start, end)
    steps = across.max(axis=1)
    side = np.repeat(np.arange(len(corners)), steps + 1)
    along = np.arange(len(side)) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    along = np.where(turned[side], steps[side] - along, along)
    slope = (last - first) / np.maximum(steps, 1)[:, None]
    points = first[side] + slope[side] * along[:, None]
    exact = first[side] + along[:, None]  # on the longer axis
    rounded = np.trunc(points + 0.5).astype(np.int64)
    u = np.where(flat[side], exact[:, 0], rounded[:, 0])
    v = np.where(flat[side], rounded[:, 1], exact[:, 1])
    return u, v


def loops(mask_HW: np.ndarray) -> list[np.ndarray]:
    """The outlines of a mask along the edges of its pixels: closed loops (k, 2) of whole x, y, holes too.

    Only corners are given. Together, by the even-odd rule, they cover the mask exactly.
    """
    mask: np.ndarray = np.asarray(mask_HW, dtype=bool)
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return []
    left, top = int(columns[0]), int(rows[0])
    inside = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1).astype(np.int8)
    down, right = np.diff(inside, axis=0)[:, 1:-1], np.diff(inside, axis=1)[1:-1]
    follow: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for y, x in np.argwhere(down).tolist():  # the mask lies to the right of each step
        a, b = ((x, y), (x + 1, y)) if down[y, x] > 0 else ((x + 1, y), (x, y))
        follow.setdefault(a, []).append(b)
    for y, x in np.argwhere(right).tolist():
        a, b = ((x, y + 1), (x, y)) if right[y, x] > 0 else ((x, y), (x, y + 1))
        follow.setdefault(a, []).append(b)
    found = []
    for start in sorted(follow):
        while follow.get(start):
            path = [start]
            while True:
                after = follow[path[-1]].pop()
                if after == start:
                    break
                path.append(after)
            found.append(_corners(np.array(path)) + np.array([left, top]))
    return found


def _corners(path: np.ndarray) -> np.ndarray:
    before, after = path - np.roll(path, 1, axis=0), np.roll(path, -1, axis=0) - path
    return path[(before != after).any(axis=1)]


def outline(mask_HW: np.ndarray) -> np.ndarray:
    """One polygon (k, 2) that draws exactly the mask: pieces and holes are joined by cuts of no width.

    A format that has a single polygon for an object, as YOLO's, keeps the mask so. Each further loop is reached from
    the first corner and left the same way, and what is passed twice does not count by the even-odd rule.

    Raises:
        InputError: an empty mask.
    """
    found = loops(mask_HW)
    if not found:
        raise bad("mask", "an empty mask", "at least one pixel")
    first = found[0]
    parts = [first]
    for loop in found[1:]:
        parts += [first[:1], loop, loop[:1]]
    return np.concatenate(parts) if len(parts) == 1 else np.concatenate([*parts, first[:1]])
