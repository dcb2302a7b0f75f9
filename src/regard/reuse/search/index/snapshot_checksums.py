"""Kept vectors are compared with their checksums as they are read: a file of gigabytes is not read whole to be opened.

One CRC-32 a vector, four bytes. A vector is compared once in the life of a process, the first time that a search looks
at it; one that does not fit is read from the store instead, and what is kept is made anew at the next opening.
"""

from collections.abc import Callable
from zlib import crc32

import numpy as np


def sums_of(vectors_ND: np.ndarray) -> np.ndarray:
    """(n,) uint32: the CRC-32 of each vector's bytes. O(n d), at about 1.5 GB/s.

    >>> sums_of(np.zeros((2, 1), np.float32)).tolist()
    [558161692, 558161692]
    """
    rows = np.ascontiguousarray(vectors_ND)
    return np.fromiter((crc32(row) for row in rows), np.uint32, len(rows))


class Compared:
    """What reads of kept vectors go through; see `Growable`.

    Args:
        sums_N: as they were when the vectors were written.
        again: gives the vectors (k, d) at some places (k,) from the store.
    """

    def __init__(self, sums_N: np.ndarray, again: Callable[[np.ndarray], np.ndarray]) -> None:
        self._sums, self._again = sums_N, again
        self._good = np.zeros(len(sums_N), bool)

    def __call__(self, rows: np.ndarray, values_KD: np.ndarray) -> np.ndarray:
        """The vectors that were read at these rows, with the right ones in place of those that do not fit."""
        new = np.flatnonzero(~self._good[rows])
        if not len(new):
            return values_KD
        fits = sums_of(values_KD[new]) == self._sums[rows[new]]
        self._good[rows[new[fits]]] = True
        if fits.all():
            return values_KD
        wrong, mended = new[~fits], np.array(values_KD)
        mended[wrong] = self._again(rows[wrong])
        return mended
