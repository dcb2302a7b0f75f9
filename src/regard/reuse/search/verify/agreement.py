"""Do two images show the same pixels once one is laid on the other? What tells one photograph from one scene.

Normalised cross-correlation in small blocks, after the warp that verification found: light and contrast do not matter,
a caption or logo spoils only the blocks that it covers, and another view of the same place spoils most of them.
"""

from dataclasses import dataclass

import numpy as np

from .geometry import area, corners, project

SIDE = 128  # of the part that both show, in pixels
Box = tuple[float, float, float, float]
_BLOCK = 16
_FLAT = 2.0  # grey levels of standard deviation: blocks with less in both images say nothing
_ALIKE = 0.8  # correlation of a block that agrees


def agreement(a_HWC: np.ndarray, b_HWC: np.ndarray, matrix: np.ndarray) -> float:
    """Share of the blocks of 16 x 16 that correlate by more than 0.8 where a, mapped into b, and b overlap.

    Args:
        a_HWC: uint8 (H, W, 3).
        b_HWC: uint8, another size is fine.
        matrix: (3, 3) from a's pixels to b's.

    Returns:
        A share in [0, 1]; 0 where they do not overlap or what they share is flat.

    >>> picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    >>> agreement(picture, picture // 2, np.eye(3)), agreement(picture, picture[::-1], np.eye(3))
    (1.0, 0.0)
    """
    import cv2

    placed = lay(a_HWC, b_HWC, matrix, SIDE, exactly=True)
    if placed is None:
        return 0.0
    # a little blur, so that half a pixel does not matter
    laid, here = (
        cv2.GaussianBlur(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
        for part in (placed.there, placed.here)
    )
    alike, counted = _blocks(laid, here, placed.covered)
    return alike / counted if counted else 0.0


@dataclass(frozen=True)
class Laid:
    """Two images laid on each other: a as it falls, b, and where a lies.

    Attributes:
        there: a, warped, uint8 (h, w, 3).
        here: the part of b about it, uint8 (h, w, 3).
        covered: bool (h, w), where a lies.
        origin: left and top of that part in b's pixels.
        zoom: pixels of `here` to one of b, across and down.
    """

    there: np.ndarray
    here: np.ndarray
    covered: np.ndarray
    origin: tuple[int, int]
    zoom: tuple[float, float]

    def box_in_b(self, cells: tuple[int, int, int, int], step: int, size: int) -> Box:
        """The box in b's pixels of cells of `size` pixels, each `step` from the last, from one to another."""
        left, top, right, bottom = (value * step + (size if place > 1 else 0) for place, value in enumerate(cells))
        (x, y), (across, down) = self.origin, self.zoom
        return x + left / across, y + top / down, x + right / across, y + bottom / down


def lay(a_HWC: np.ndarray, b_HWC: np.ndarray, matrix: np.ndarray, side: int, exactly: bool = False) -> Laid | None:
    """Lay a on b; None where they do not overlap.

    Args:
        a_HWC: uint8 (H, W, 3).
        b_HWC: uint8, another size is fine.
        matrix: (3, 3) from a's pixels to b's.
        side: the longer side of what both show, in pixels.
        exactly: bring it to that size, be it enlarged; otherwise it is at most that, and as large as the coarser one.
    """
    import cv2

    quad = project(matrix, corners(a_HWC.shape[1], a_HWC.shape[0]))
    height, width = b_HWC.shape[:2]
    left, top = np.clip(np.floor(quad.min(axis=0)), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(quad.max(axis=0)), 0, (width, height)).astype(int).tolist()
    if right - left < 2 or bottom - top < 2:
        return None
    zoom = side / max(right - left, bottom - top)
    if not exactly:
        finer = float(np.sqrt(area(quad) / (a_HWC.shape[0] * a_HWC.shape[1])))
        zoom = min(zoom, 1.0, 1 / max(finer, 1e-6))
    size = (max(1, round((right - left) * zoom)), max(1, round((bottom - top) * zoom)))
    here = _resized(b_HWC[top:bottom, left:right], size)
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    to_here = _zoom(across, down) @ _shift(-left, -top)
    # a is reduced before the warp, which would leave pixels out otherwise
    shrink = min(1.0, float(np.sqrt(area(project(to_here, quad)) / (a_HWC.shape[0] * a_HWC.shape[1]))))
    small = (max(1, round(a_HWC.shape[1] * shrink)), max(1, round(a_HWC.shape[0] * shrink)))
    there = _resized(a_HWC, small)
    warp = to_here @ matrix @ _zoom(a_HWC.shape[1] / small[0], a_HWC.shape[0] / small[1])
    warped = cv2.warpPerspective(there, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.warpPerspective(np.ones(there.shape[:2], np.uint8), warp, size, flags=cv2.INTER_NEAREST) > 0
    return Laid(warped, here, covered, (left, top), (across, down))


def resizing(a_HWC: np.ndarray, b_HWC: np.ndarray) -> np.ndarray:
    """The map that lays a on b corner to corner, (3, 3)."""
    return _zoom(b_HWC.shape[1] / a_HWC.shape[1], b_HWC.shape[0] / a_HWC.shape[0])


def overlap(matrix: np.ndarray, a_HWC: np.ndarray, b_HWC: np.ndarray) -> tuple[float, float, Box, Box]:
    """How much of a and of b, as shares of their areas, the other one shows, and the upright boxes of these parts.

    Args:
        matrix: (3, 3) from a's pixels to b's.
        a_HWC: an image.
        b_HWC: an image.

    Returns:
        Share of a, share of b, and in each one's pixels the box (left, top, right, bottom) of what it shares.

    >>> wide, crop = np.zeros((10, 20)), np.zeros((10, 5))
    >>> overlap(np.array([[1, 0, 4], [0, 1, 0], [0, 0, 1.0]]), crop, wide)[:2]
    (1.0, 0.25)
    """
    of_b, box_b = _covered(matrix, a_HWC, b_HWC)
    of_a, box_a = _covered(np.linalg.inv(matrix), b_HWC, a_HWC)
    return of_a, of_b, box_a, box_b


def _covered(matrix: np.ndarray, a_HWC: np.ndarray, b_HWC: np.ndarray) -> tuple[float, Box]:
    import cv2

    height, width = b_HWC.shape[:2]
    # from here on an image begins at 0, as boxes do
    quad = (project(matrix, corners(a_HWC.shape[1], a_HWC.shape[0])) + 0.5).astype(np.float32)
    whole = (corners(width, height) + 0.5).astype(np.float32)
    shared, _ = cv2.intersectConvexConvex(quad, whole)
    (left, top), (right, bottom) = np.clip([quad.min(axis=0), quad.max(axis=0)], 0, (width, height)).tolist()
    return min(1.0, float(shared) / (width * height)), (left, top, right, bottom)


def _blocks(first: np.ndarray, second: np.ndarray, covered: np.ndarray) -> tuple[int, int]:
    """How many blocks agree, of how many that are covered and not flat in both."""
    rows, columns = first.shape[0] // _BLOCK, first.shape[1] // _BLOCK
    if not rows or not columns:
        return 0, 0
    one, two, inside = (
        values[: rows * _BLOCK, : columns * _BLOCK]
        .reshape(rows, _BLOCK, columns, _BLOCK)
        .swapaxes(1, 2)
        .reshape(-1, _BLOCK**2)
        for values in (first, second, covered)
    )
    one, two = one[inside.all(axis=1)], two[inside.all(axis=1)]
    one, two = one - one.mean(axis=1, keepdims=True), two - two.mean(axis=1, keepdims=True)
    spread_one, spread_two = one.std(axis=1), two.std(axis=1)
    textured = np.maximum(spread_one, spread_two) > _FLAT
    product = np.maximum(spread_one * spread_two, 1e-6)
    alike = (one * two).mean(axis=1) / product > _ALIKE
    return int((alike & textured).sum()), int(textured.sum())


def _resized(rgb_HWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Brought to (width, height)."""
    import cv2

    shrinks = size[0] < rgb_HWC.shape[1]
    return cv2.resize(
        np.ascontiguousarray(rgb_HWC), size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def _zoom(across: float, down: float) -> np.ndarray:
    """Scale an image about its outer corner, with the first pixel's centre at (0, 0) before and after."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
