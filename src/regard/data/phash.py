"""Perceptual hashes: 64 bits that stay nearly the same when a picture is compressed, resized, lit or blurred.

Zauner 2010, Implementation and benchmarking of perceptual image hash functions (thesis): which of the low frequencies
of a 32 x 32 grey picture lie above their median.

What differs: the 8 x 8 lowest frequencies are taken with their first row and column, which hold most of the picture,
and the constant one, which says how bright it is, always gives 0. A picture without contrast has no hash: its bits
would be those of the noise. A hash changes altogether with a crop, a turn or a mirror: `dihedral_hashes` gives those of
the eight quarter turns and mirrors.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dctn

from ..core.checks import bad, check_number
from .pixels import pixels

SIDE = 32
FLAT = 2.0  # grey levels of standard deviation
SMALLEST = 16  # pixels a side
_LOW = 8
_AT_ONCE = 4_000_000  # pairs compared at once: 32 MB
_MOST = 20_000_000  # pairs that are returned at most
_WEIGHTS = np.left_shift(np.uint64(1), np.arange(_LOW * _LOW, dtype=np.uint64))


def grey_32(image: Any) -> np.ndarray:
    """An image (path, bytes or array) as (32, 32) uint8 grey, resized with a filter that averages.

    One with fewer than 16 pixels a side comes out without contrast: it shows too little to be told from others, as
    handwritten digits of 8 x 8 do.
    """
    from PIL import Image

    grey = Image.fromarray(pixels(image, SIDE)).convert("L")
    if min(grey.size) < SMALLEST:
        return np.full((SIDE, SIDE), 128, np.uint8)
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0))


def hash_of(grey: np.ndarray) -> int | None:
    """The hash of a (32, 32) grey picture in levels from 0 to 255; None where its deviation is below 2.

    Bit 8 v + u says whether the frequency (v down, u across) lies above the median of the 63; bit 0 is 0.

    >>> ramp = np.tile(np.arange(32.0) * 8, (32, 1))
    >>> hash_of(ramp) == hash_of(ramp / 2 + 50), hash_of(np.full((32, 32), 7.0))
    (True, None)
    """
    values = np.asarray(grey, np.float64)
    if values.shape != (SIDE, SIDE):
        raise bad("grey", f"shape {values.shape}", f"({SIDE}, {SIDE})")
    if values.std() < FLAT:
        return None
    low = dctn(values, norm="ortho")[:_LOW, :_LOW].ravel()
    # frequencies that are absent come out as rounding errors, of which the sign says nothing
    low[np.abs(low) < 1e-6 * np.abs(low[1:]).max()] = 0
    above = low > np.median(low[1:])
    above[0] = False
    return int(_WEIGHTS[above].sum(dtype=np.uint64))


def perceptual_hash(image: Any) -> int | None:
    """The hash of an image (path, bytes or array), below 2^64; None where it has no contrast."""
    return hash_of(grey_32(image))


def dihedral_hashes(grey: np.ndarray) -> list[int] | None:
    """The hashes of a (32, 32) grey picture's eight turns and mirrors; None where it has no contrast.

    Place k < 4 is that of `turned(picture, k)`: k quarter turns counterclockwise; 4 + k the same of the mirrored one.
    """
    found = [hash_of(turned(grey, place)) for place in range(8)]
    return None if found[0] is None else [one for one in found if one is not None]


def turned(picture: np.ndarray, place: int) -> np.ndarray:
    """The `place`-th of an image's (H, W, ...) eight turns and mirrors: mirrored from 4 on, then turned.

    >>> turned(np.array([[1, 2], [3, 4]]), 4)
    array([[2, 1],
           [4, 3]])
    """
    return np.rot90(picture[:, ::-1] if place >= 4 else picture, place % 4)


def as_hashes(found: Iterable[int | None]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes (n,) uint64 and whether each is one, (n,) bool; 0 stands where there is none.

    >>> as_hashes([3, None])
    (array([3, 0], dtype=uint64), array([ True, False]))
    """
    listed = list(found)
    return np.array([one or 0 for one in listed], np.uint64), np.array([one is not None for one in listed], bool)


def near_hashes(
    hashes_N: ArrayLike, radius: int, others_M: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find all pairs of hashes that differ in at most `radius` bits.

    Args:
        hashes_N: (n,) uint64.
        radius: from 0 to 64.
        others_M: (m,) uint64 to compare with; without it each pair i < j among the n.

    Returns:
        Rows i (p,), rows j (p,) and distances (p,), by i, then j. O(n m) at about a nanosecond a pair (10 s for
        100,000 among themselves), in pieces of 4 million pairs.

    Raises:
        InputError: not uint64, a radius out of range, or more than 20 million pairs.

    >>> near_hashes(np.array([0b0001, 0b0011, 0b1110], np.uint64), 1)
    (array([0]), array([1]), array([1]))
    """
    check_number("radius", radius, 0, 64, whole=True)
    first = _checked("hashes", hashes_N)
    second = first if others_M is None else _checked("others", others_M)
    rows, columns, distances, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    step = max(1, _AT_ONCE // max(len(second), 1))
    for start in range(0, len(first), step):
        # among themselves, what lies before this piece was compared with it already
        offset = start if others_M is None else 0
        distance = np.bitwise_count(first[start : start + step, None] ^ second[None, offset:])
        i, j = np.nonzero(distance <= radius)
        if others_M is None:
            i, j = i[i < j], j[i < j]
        rows.append(i + start)
        columns.append(j + offset)
        distances.append(distance[i, j].astype(np.int64))
        found += len(i)
        if found > _MOST:
            raise bad("radius", radius, f"one that gives at most {_MOST:,} pairs", "Give a smaller radius.")
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(distances)


def _checked(argument: str, hashes: ArrayLike) -> np.ndarray:
    array = np.asarray(hashes)
    if array.ndim != 1 or array.dtype != np.uint64:
        raise bad(argument, f"{array.dtype} of shape {array.shape}", "uint64 of shape (n,)", "See as_hashes.")
    return array
