"""Depth in metres from a file: a PNG of whole numbers, an array of NumPy, or OpenEXR."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np

from ...core.checks import InputError, bad
from ...core.reading import read_bytes
from ._reading import index_picture
from .depth_exr import read_exr

SUFFIXES = (".png", ".npy", ".exr")
NONE = (0, 65535)  # what whole numbers are where nothing was measured
UNIT = 0.001  # metres of one step: millimetres
NOTHING = 1e9  # metres: renderers write 1e10 where there is nothing
_MOST_BYTES = 2**30


def metres_of(file: Path, size: tuple[int, int] | None, unit: float = UNIT, none: Sequence[int] = NONE) -> np.ndarray:
    """(H, W) float32 metres, NaN where nothing was measured.

    That is said by `none` among whole numbers, and by NaN, infinity, 0, and 1e9 or more among others.
    Whole numbers are steps of `unit`, floats are metres.

    Args:
        file: `.png`, `.npy` or `.exr`.
        size: height and width of its picture.
        unit: metres of one step.
        none: whole numbers that stand for none.

    Raises:
        InputError: no such file, one that cannot be read, another size than the picture's, or a depth below 0.
    """
    readers = {".npy": _array, ".exr": read_exr}
    values = readers.get(file.suffix.lower(), index_picture)(file)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "uif":
        raise bad("file", f"{file.name}: {values.dtype} of shape {values.shape}", "a depth for each pixel, (H, W)")
    if size is not None and values.shape != size:
        raise InputError(f"a depth map of {values.shape[1]}x{values.shape[0]} pixels, not the picture's size")
    if values.dtype.kind == "f":
        metres = values.astype(np.float32)
        metres[~np.isfinite(values) | (values == 0) | (values >= NOTHING)] = np.nan
    else:
        metres = (values * unit).astype(np.float32)
        metres[np.isin(values, none)] = np.nan
    if (metres < 0).any():
        raise InputError("a depth below 0")
    return metres


def _array(file: Path) -> np.ndarray:
    content = read_bytes(file, "an array of depth", _MOST_BYTES)
    try:
        found = np.load(BytesIO(content), allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("it holds several arrays")
        return found
    except Exception as error:  # damaged files raise ValueError, EOFError, OSError, SyntaxError ...
        raise bad("file", str(file), "an array that numpy.save wrote", f"It cannot be read: {error}") from None
