"""A sketch of a collection: one bit for each number of a vector, by which candidates are found in a few milliseconds.

A bit says on which side of the collection's mean a number lies (Charikar 2002, "Similarity estimation techniques from
rounding algorithms", STOC, with the axes as directions). The share of bits in which two vectors differ grows with the
angle between them, seen from the mean: without taking that off, vectors of positive numbers would have all bits alike.
What is near in bits is then compared exactly, so that errors are only of omission; how many there are is measured
(`recall_estimate`), not assumed.

Memory is n·d / 8 bytes, 1/32 of float32; building is one pass; adding writes one column and taking out clears one mark.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ....core.checks import bad, check_matrix, check_number
from ....core.runtime import numpy_rng, threads

LEAST_BITS = 256  # shorter vectors are turned at random into so many directions
_PIECE = 2**18  # words that are compared at once: 2 MiB, a processor's own cache
_ROWS = 65_536  # vectors whose bits are taken at once


class Sketch:
    """Bits of n vectors of length d, as words of 64 in columns: (words, n).

    Attributes:
        mean: (d,) what is taken off before the signs are.
        turn: (d, bits) random directions, where d is under 256; None: the vector's own numbers are used.
    """

    def __init__(self, dim: int, mean_D: np.ndarray | None = None, seed: int = 0) -> None:
        self.mean = np.zeros(dim, np.float32) if mean_D is None else np.asarray(mean_D, np.float32)
        if self.mean.shape != (dim,):
            raise bad("mean", f"shape {self.mean.shape}", f"shape ({dim},)")
        self.turn = None if dim >= LEAST_BITS else _directions(dim, seed)
        self.bits = dim if self.turn is None else LEAST_BITS
        self._words = np.zeros((-(-self.bits // 64), 0), np.uint64)
        self._count = 0

    @classmethod
    def of(cls, vectors_ND: Any, seed: int = 0) -> "Sketch":
        """The sketch of these vectors, read in slices, about their own mean. O(n d)."""
        sketch = cls(vectors_ND.shape[1], _mean(vectors_ND), seed)
        sketch._words = np.zeros((len(sketch._words), len(vectors_ND)), np.uint64)
        for start in range(0, len(vectors_ND), _ROWS):
            sketch.add(vectors_ND[start : start + _ROWS])
        return sketch

    @classmethod
    def again(cls, mean_D: np.ndarray, words: np.ndarray, seed: int = 0) -> "Sketch":
        """The sketch that had this `mean` and these `words`."""
        sketch = cls(len(mean_D), mean_D, seed)
        sketch._words, sketch._count = np.ascontiguousarray(words, np.uint64), words.shape[1]
        return sketch

    def __len__(self) -> int:
        return self._count

    @property
    def words(self) -> np.ndarray:
        """(words, n) uint64, the bits of vector i in column i; a view."""
        return self._words[:, : self._count]

    @property
    def nbytes(self) -> int:
        """Memory of the bits that are in use."""
        return int(self.words.nbytes)

    def add(self, vectors_ND: np.ndarray) -> None:
        """Append vectors. Room is made for an eighth more than is needed, so that adding one costs the same always."""
        vectors = check_matrix("vectors", vectors_ND, min_rows=0, columns=len(self.mean))
        first, self._count = self._count, self._count + len(vectors)
        if self._count > self._words.shape[1]:
            grown = np.zeros((len(self._words), self._count + self._count // 8), np.uint64)
            grown[:, :first] = self._words[:, :first]
            self._words = grown
        for start in range(0, len(vectors), _ROWS):
            part = self.encode(vectors[start : start + _ROWS])
            self._words[:, first + start : first + start + part.shape[1]] = part

    def encode(self, vectors_ND: np.ndarray) -> np.ndarray:
        """(words, n) of vectors (n, d): bit i is whether number i is above the mean's."""
        centred = np.asarray(vectors_ND, np.float32) - self.mean
        if self.turn is not None:
            centred = centred @ self.turn
        packed = np.packbits(centred > 0, axis=1)
        whole = np.zeros((len(packed), 8 * len(self._words)), np.uint8)
        whole[:, : packed.shape[1]] = packed
        return np.ascontiguousarray(whole.view(np.uint64).T)

    def distances(self, query_D: np.ndarray, pool: ThreadPoolExecutor | None = None) -> np.ndarray:
        """(n,) uint16: in how many bits each vector differs from the query. O(n d / 64)."""
        query = self.encode(np.asarray(query_D)[None])[:, 0]
        found = np.empty(self._count, np.uint16)
        parts = threads() if pool else 1
        ends = np.linspace(0, self._count, parts + 1).astype(int).tolist()
        jobs = [(self._words, query, start, end, found) for start, end in zip(ends, ends[1:])]
        list(pool.map(lambda job: _count_bits(*job), jobs)) if pool else _count_bits(*jobs[0])
        return found

    def candidates(
        self, query_D: np.ndarray, many: int, alive_N: np.ndarray | None = None, pool: ThreadPoolExecutor | None = None
    ) -> np.ndarray:
        """Rows of the `many` vectors that differ in the fewest bits, in the order of the collection.

        All that are as far as the last one come too, so that which are found does not depend on their order.

        Args:
            query_D: the query.
            many: at least 1.
            alive_N: (n,) booleans: others are left out.
            pool: threads to share the work.
        """
        check_number("many", many, 1, whole=True)
        distances = self.distances(query_D, pool)
        if alive_N is not None:
            distances[~alive_N] = np.iinfo(np.uint16).max
        if many >= self._count:
            return np.flatnonzero(distances <= self.bits)
        last = np.partition(distances, many - 1)[many - 1]
        return np.flatnonzero(distances <= min(int(last), self.bits))


def _count_bits(words: np.ndarray, query: np.ndarray, start: int, end: int, out: np.ndarray) -> None:
    # few large calls: each takes and gives back Python's lock, for which the threads would otherwise wait
    piece = max(1, _PIECE // len(words))
    differ, counts = np.empty((len(words), piece), np.uint64), np.empty((len(words), piece), np.uint8)
    for low in range(start, end, piece):
        high = min(low + piece, end)
        d, c = differ[:, : high - low], counts[:, : high - low]
        np.bitwise_xor(words[:, low:high], query[:, None], out=d)
        np.bitwise_count(d, out=c)
        np.add.reduce(c, axis=0, dtype=np.uint16, out=out[low:high])


def _mean(vectors_ND: Any) -> np.ndarray:
    total = np.zeros(vectors_ND.shape[1])
    for start in range(0, len(vectors_ND), _ROWS):
        total += vectors_ND[start : start + _ROWS].sum(axis=0, dtype=np.float64)
    return (total / max(1, len(vectors_ND))).astype(np.float32)


def _directions(dim: int, seed: int) -> np.ndarray:
    return numpy_rng(seed, "sketch").standard_normal((dim, LEAST_BITS)).astype(np.float32)
