"""Overlapping windows that cover a picture."""

from dataclasses import dataclass
from itertools import product
from math import ceil

from ...core.checks import check_number

OVERLAP = 0.2  # share of a window's side that the next one covers again, at least
MOST = 0.9


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels of a picture, and the part of it, `core`, that no other window answers for.

    Attributes:
        left, top, right, bottom: its edges, half-open.
        core: likewise, in the picture's pixels; the cores of a picture's windows cover it once.
    """

    left: int
    top: int
    right: int
    bottom: int
    core: tuple[int, int, int, int]

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    def inner(self, size: tuple[int, int]) -> tuple[bool, bool, bool, bool]:
        """Which edges, left, top, right, bottom, lie inside a picture of `size` (height, width)."""
        return self.left > 0, self.top > 0, self.right < size[1], self.bottom < size[0]


def whole(size: tuple[int, int]) -> Window:
    """The window that is the picture."""
    return Window(0, 0, size[1], size[0], (0, 0, size[1], size[0]))


def windows_of(size: tuple[int, int], tile: int, overlap: float = OVERLAP) -> list[Window]:
    """The windows of a picture, row by row; the whole picture where it is no larger than a tile.

    They are as few as the overlap allows, lie as evenly as whole pixels do, and are all of one height and width. Where
    two overlap, the border of their cores is in the middle.

    Args:
        size: height and width of the picture.
        tile: side of a window in pixels.
        overlap: the least share of its side that two neighbours both show, from 0 to 0.9.

    >>> [(one.left, one.right) for one in windows_of((10, 25), 10, 0.2)]
    [(0, 10), (8, 18), (15, 25)]
    """
    check_number("tiles", tile, 1, whole=True)
    check_number("overlap", overlap, 0, MOST)
    down, across = (_spans(length, tile, overlap) for length in size)
    return [
        Window(left, top, right, bottom, (core_left, core_top, core_right, core_bottom))
        for (top, bottom, core_top, core_bottom), (left, right, core_left, core_right) in product(down, across)
    ]


def _spans(length: int, tile: int, overlap: float) -> list[tuple[int, int, int, int]]:
    if length <= tile:
        return [(0, length, 0, length)]
    step = max(1, int(tile * (1 - overlap) + 1e-9))
    last = length - tile
    count = ceil(last / step)
    starts = [(last * place + count // 2) // count for place in range(count + 1)]
    borders = [0, *((one + tile + other) // 2 for one, other in zip(starts, starts[1:])), length]
    return [(start, start + tile, *core) for start, core in zip(starts, zip(borders, borders[1:]))]
