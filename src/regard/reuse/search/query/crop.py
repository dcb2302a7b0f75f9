"""A part of an image as a query: a box in pixels, cut out of the upright picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ....core.checks import bad
from ....data.decode import decode

LEAST = 8  # pixels a side


def read_box(given: str | Sequence[float]) -> tuple[float, float, float, float]:
    """A box from `x0,y0,x1,y1` or four numbers: left, top, right, bottom, in pixels of the upright image.

    >>> read_box("10, 20, 110.5, 220")
    (10.0, 20.0, 110.5, 220.0)

    Raises:
        InputError: not four numbers, or right and bottom not beyond left and top.
    """
    try:
        left, top, right, bottom = (float(part) for part in (given.split(",") if isinstance(given, str) else given))
    except (ValueError, TypeError):
        raise bad("--box", repr(given), "four numbers x0,y0,x1,y1", "For example: --box 10,20,110,220.") from None
    if not (right > left and bottom > top):
        raise bad("--box", repr(given), "x1 above x0 and y1 above y0: left, top, right, bottom")
    return left, top, right, bottom


def cut_out(item: Path | np.ndarray, box: Sequence[float]) -> np.ndarray:
    """The pixels (h, w, 3) uint8 of an image inside a box; edges are rounded outwards.

    Raises:
        InputError: the box is not inside the image, or smaller than 8 pixels a side.
    """
    pixels = decode(item).permute(1, 2, 0).numpy()
    height, width = pixels.shape[:2]
    left, top = (int(np.floor(value)) for value in box[:2])
    right, bottom = (int(np.ceil(value)) for value in box[2:])
    named = ",".join(f"{value:g}" for value in box)
    if left < 0 or top < 0 or right > width or bottom > height:
        raise bad("--box", named, f"a box inside the image of {width}x{height} pixels")
    if min(right - left, bottom - top) < LEAST:
        raise bad("--box", named, f"at least {LEAST}x{LEAST} pixels")
    return np.ascontiguousarray(pixels[top:bottom, left:right])
