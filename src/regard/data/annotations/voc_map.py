"""The numbers and colours of Pascal VOC's index pictures, and the names of their classes."""

from pathlib import Path

import numpy as np

from ...core.checks import bad
from ...core.reading import read_bytes
from .masks import IGNORE

CLASSES = tuple(
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep "
    "sofa train tvmonitor".split()
)


def palette() -> np.ndarray:
    """VOC's colours (256, 3) uint8: the bits of a number, three at a time, spread over red, green and blue.

    >>> palette()[:4].tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    numbers = np.arange(256)
    bits = (numbers[:, None] >> np.arange(8)) & 1
    colours = np.zeros((256, 3), dtype=np.int64)
    for bit in range(8):
        colours[:, bit % 3] |= bits[:, bit] << (7 - bit // 3)
    return colours.astype(np.uint8)


def places_of(colours_HW3: np.ndarray) -> np.ndarray:
    """Numbers of colours, where a program wrote VOC's palette as colours; what is none of them becomes 255."""
    packed = colours_HW3.astype(np.int64) @ np.array([65536, 256, 1])
    known = palette().astype(np.int64) @ np.array([65536, 256, 1])
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], packed), 255)
    return np.where(known[order][place] == packed, order[place], IGNORE).astype(np.uint8)


def read_labelmap(root: Path) -> tuple[str, ...] | None:
    """The classes of `labelmap.txt`, in its order; None where there is none. Raises InputError where it is damaged."""
    file = root / "labelmap.txt"
    if not file.is_file():
        return None
    try:
        lines = read_bytes(file, "a list of classes", 2**22).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise bad("file", f"{file.name} ({error})", "text in UTF-8") from None
    names = tuple(line.rsplit(":", 3)[0].strip() for line in lines if line.strip() and not line.startswith("#"))
    if not names or len(set(names)) < len(names):
        raise bad("file", f"{file.name} of {len(names)} classes, {len(set(names))} different", "each class once")
    return names
