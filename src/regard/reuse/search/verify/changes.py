"""What differs between two images that are laid on each other: colours as a whole, and the largest change at full size.

Agreement (`agreement.py`) asks whether most of two pictures is the same, small and in grey. That holds, too, for a
photograph whose hue was turned and for two forms filled in with other figures. Before two images are called one
photograph, this looks at colour, and for the place where they differ most, at the resolution of the smaller one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import Box, lay
from .tones import CELL, same_blur, same_tones

SIDE = 1024  # of the part that both show, in pixels, at most
_STEP = 8  # cells lie so close: each shares half of the last
_UNLIKE = 16.0  # levels: of what one cell shows and the other does not explain, root mean square
_SHIFTED = 40.0  # levels between a cell's means, after one curve of tones for the whole picture
_HUED = 40.0  # levels of Cb and Cr between a cell's means
_PALE = 4.0  # levels of Cb and Cr, root mean square: below, a picture is grey
_TURNED = 0.875  # correlation of colours: copies in warm light reach 0.88, a twelfth of a turn of all hues 0.87
_REPAINTED = 0.02  # share of cells
_PLACE = 3  # pixels by which a cell may lie beside where the map puts it
_MANY = 3000  # cells that are looked for one by one
_PAPER = 0.5  # share of pixels about one level
_FORM = 0.5  # share of cells with something in them that a form has in common with another


@dataclass(frozen=True)
class Changes:
    """What differs between a and b.

    Attributes:
        colour: correlation of colours in [-1, 1]: 1 where they are the same, -1 where each hue is turned by half a
            circle; 1 where one or both are grey.
        grey: one of them is grey, and the other is not.
        box: the largest place that differs, in b's pixels (left, top, right, bottom); None where there is none.
        captioned: a bar along a side differs: a caption, a frame. It is no place that counts for `box`.
        paper: more than half of what both show is about one level, as on a form, a receipt or a chart.
        alike: share of the cells with something in them that show the same.
        repainted: share of all cells that show the same in another colour.
    """

    colour: float
    grey: bool
    box: Box | None
    captioned: bool
    paper: bool
    alike: float = 1.0
    repainted: float = 0.0

    @property
    def recoloured(self) -> bool:
        """Whether the colours are others, as no light or camera makes them."""
        return self.colour < _TURNED or self.repainted > _REPAINTED

    @property
    def refilled(self) -> bool:
        """Whether they are a form and the same form filled in otherwise: most is the same to the pixel, some is not."""
        return self.paper and self.box is not None and self.alike >= _FORM


def changes(a_HWC: np.ndarray, b_HWC: np.ndarray, matrix: np.ndarray) -> Changes:
    """Compare a, mapped into b, with b.

    Each is brought to the coarser one's resolution and blur, and the tones of one to those of the other by one rising
    curve, so that size, light, contrast, compression and a little noise do not count. Then cells of 16 x 16 are
    compared, where a cell may lie three pixels beside its place.

    Args:
        a_HWC: uint8 (H, W, 3).
        b_HWC: uint8, another size is fine.
        matrix: (3, 3) from a's pixels to b's.
    """
    import cv2

    placed = lay(a_HWC, b_HWC, matrix, SIDE)
    if placed is None or min(placed.here.shape[:2]) < CELL:
        return Changes(1.0, False, None, False, False)
    covered = cv2.erode(placed.covered.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    one, two = (
        cv2.GaussianBlur(cv2.cvtColor(part, cv2.COLOR_RGB2YCrCb).astype(np.float32), (0, 0), 1.0)
        for part in (placed.there, placed.here)
    )
    tones_one, tones_two = same_tones(*same_blur(one[..., 0], two[..., 0]), covered)
    unlike, alike = _cells(tones_one, tones_two, covered)
    # where something else is shown, its colour says nothing of the rest
    same = covered.copy()
    for row, column in zip(*(places.tolist() for places in np.nonzero(unlike))):
        same[row * _STEP : row * _STEP + CELL, column * _STEP : column * _STEP + CELL] = False
    colour, grey = _colours(one, two, same)
    hued = _hues(one, two, covered) & (not grey)
    repainted = float((hued & ~unlike).mean())
    unlike |= hued
    components, boxes = _regions(unlike)
    bars = [box for place, box in boxes.items() if _is_bar(components == place, unlike.shape)]
    others = {place: box for place, box in boxes.items() if not any(_within(box, bar) for bar in bars)}
    largest = max(others, key=lambda place: int((components == place).sum())) if others else None
    level = np.bincount(tones_two[covered].astype(np.uint8), minlength=256)
    paper = bool(np.convolve(level, np.ones(17))[8:-8].max() > _PAPER * max(1, level.sum()))
    return Changes(
        colour,
        grey,
        None if largest is None else placed.box_in_b(boxes[largest], _STEP, CELL),
        bool(bars),
        paper,
        alike,
        repainted,
    )


def _colours(one: np.ndarray, two: np.ndarray, covered: np.ndarray) -> tuple[float, bool]:
    """Correlation of colours as vectors about grey, and whether one alone is grey."""
    first, second = (part[covered][:, 1:] - 128 for part in (one, two))
    if not len(first):
        return 1.0, False
    size_one, size_two = (float(np.sqrt((part**2).sum(axis=1).mean())) for part in (first, second))
    if min(size_one, size_two) < _PALE:
        return 1.0, min(size_one, size_two) < _PALE / 3 and max(size_one, size_two) > _PALE / 2
    about_grey = float((first * second).sum(axis=1).mean() / (size_one * size_two))
    # about their own means, too, so that a cast of the light does not count
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    sizes = float(np.sqrt((first**2).sum() * (second**2).sum()))
    about_means = float((first * second).sum()) / sizes if sizes > len(first) * _PALE**2 else -1.0
    return max(about_grey, about_means), False


def _cells(one: np.ndarray, two: np.ndarray, covered: np.ndarray) -> tuple[np.ndarray, float]:
    """Which cells (rows, columns) show something else, and of those with something in them the share that do not."""
    mean_one, mean_two = _means(one), _means(two)
    spread_one, spread_two = _means(one * one) - mean_one**2, _means(two * two) - mean_two**2
    product = _means(one * two) - mean_one * mean_two
    likeness = product / np.sqrt(np.maximum(spread_one * spread_two, 1e-6))
    spread = np.sqrt(np.maximum(np.maximum(spread_one, spread_two), 0))
    suspect = (_unexplained(spread, likeness) > _UNLIKE) | (np.abs(mean_one - mean_two) > _SHIFTED)
    inside = _means(covered.astype(np.float32)) > 0.999
    suspect &= inside
    rows, columns = np.nonzero(suspect)
    if len(rows) <= _MANY:
        for row, column in zip(rows.tolist(), columns.tolist()):
            suspect[row, column] = _unlike_anywhere(one, two, row * _STEP, column * _STEP)
    filled = inside & ((spread > _UNLIKE) | suspect)
    return suspect, 1 - float(suspect.sum() / max(1, filled.sum()))


def _unlike_anywhere(one: np.ndarray, two: np.ndarray, top: int, left: int) -> bool:
    import cv2

    cell = one[top : top + CELL, left : left + CELL]
    around = two[max(0, top - _PLACE) : top + CELL + _PLACE, max(0, left - _PLACE) : left + CELL + _PLACE]
    found = cv2.matchTemplate(around, cell, cv2.TM_SQDIFF)
    y, x = np.unravel_index(int(found.argmin()), found.shape)
    there = around[y : y + CELL, x : x + CELL]
    spread = max(float(cell.std()), float(there.std()))
    product = float(((cell - cell.mean()) * (there - there.mean())).mean())
    likeness = product / max(float(cell.std() * there.std()), 1e-3)
    return bool(_unexplained(spread, likeness) > _UNLIKE or abs(cell.mean() - there.mean()) > _SHIFTED)


def _unexplained(spread: Any, likeness: Any) -> Any:
    """Deviation of the richer cell that the other does not explain; an inverted one explains nothing."""
    return spread * np.sqrt(np.maximum(0, 1 - np.clip(likeness, 0, 1) ** 2))


def _hues(one: np.ndarray, two: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Which cells have another colour, where more or less of all colour does not count."""
    first, second = (np.stack([_means(part[..., 1] - 128), _means(part[..., 2] - 128)], -1) for part in (one, two))
    inside = _means(covered.astype(np.float32)) > 0.999
    if not inside.any():
        return inside
    spread_one, spread_two = (part[inside] - part[inside].mean(axis=0) for part in (first, second))
    ratio = float(np.clip((spread_one * spread_two).sum() / max(float((spread_one**2).sum()), 1e-6), 0.5, 2))
    apart = first * ratio - second
    apart -= np.median(apart[inside], axis=0)  # a cast of the light
    return (np.linalg.norm(apart, axis=-1) > _HUED * max(1.0, ratio)) & inside


def _means(values: np.ndarray) -> np.ndarray:
    """Means of the cells (rows, columns), from the first pixel on, each 8 from the last."""
    import cv2

    mean = cv2.boxFilter(values, -1, (CELL, CELL), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    return mean[: values.shape[0] - CELL + 1 : _STEP, : values.shape[1] - CELL + 1 : _STEP]


def _regions(unlike: np.ndarray) -> tuple[np.ndarray, dict[int, tuple[int, int, int, int]]]:
    """Cells by the connected region that they belong to, and each region's box in cells (last ones included)."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(unlike.astype(np.uint8), connectivity=8)
    boxes = {
        place: (int(left), int(top), int(left + width - 1), int(top + height - 1))
        for place, (left, top, width, height, _) in enumerate(stats.tolist())
        if place
    }
    return labels, boxes


def _is_bar(region: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a region holds nearly all of the cells along one side of what both show."""
    sides = (region[0], region[-1], region[:, 0], region[:, -1])
    return any(side.mean() > 0.7 for side in sides) and bool(region.mean() < 0.4) and min(shape) > 2


def _within(box: tuple[int, int, int, int], bar: tuple[int, int, int, int]) -> bool:
    """Whether a box lies in another, or one cell beside it."""
    return all(box[k] >= bar[k] - 1 for k in (0, 1)) and all(box[k] <= bar[k] + 1 for k in (2, 3))
