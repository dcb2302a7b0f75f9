"""An array that rows can be added to: what is there already, perhaps on disk, and what came since, in memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

Check = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows of the base, what was read there -> what is right


class Growable:
    """(n, d): `base`, which may be a file's rows in float16, and a tail that grows by an eighth at a time.

    Reading gives the tail's type: float16 rows come as float32. What is read of a base with a `check` goes through it.
    """

    def __init__(self, base: np.ndarray, check: Check | None = None) -> None:
        self.base, self._check = base, check
        kind = np.dtype(np.float32) if base.dtype == np.float16 else base.dtype
        self._tail, self._count = np.empty((0, base.shape[1]), kind), 0

    def __len__(self) -> int:
        return len(self.base) + self._count

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        return len(self), self.base.shape[1]

    @property
    def dtype(self) -> Any:
        """The type that reading gives."""
        return self._tail.dtype

    def append(self, rows_MD: np.ndarray) -> None:
        """Add rows at the end; for a row at a time the cost does not depend on how many there are."""
        if not len(self):
            self.base = np.ascontiguousarray(rows_MD, self.dtype)
            return
        first, self._count = self._count, self._count + len(rows_MD)
        if self._count > len(self._tail):
            grown = np.empty((self._count + max(len(self), self._count) // 8, self.base.shape[1]), self.dtype)
            grown[:first] = self._tail[:first]
            self._tail = grown
        self._tail[first : self._count] = rows_MD

    def all(self) -> np.ndarray:
        """The whole as one array; copied where there is a tail, and then kept as the base."""
        if self._check:
            self.base, self._check = self._read(slice(0, len(self.base))), None
        if self._count:
            self.base, self._count = np.concatenate([self.base, self._tail[: self._count]]), 0
        return self.base

    def set(self, rows: Any, value: Any) -> None:
        """Write to rows in memory."""
        self.all()[rows] = value

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, slice):
            start, end, _ = rows.indices(len(self))
            cut = len(self.base)
            if start >= cut:
                return self._tail[start - cut : end - cut]
            if end <= cut:
                return self._read(slice(start, end))
            return np.concatenate([self._read(slice(start, cut)), self._tail[: end - cut]])
        rows = np.asarray(rows)
        if not self._count:
            return self._read(rows)
        found, old = np.empty((len(rows), self.base.shape[1]), self.dtype), rows < len(self.base)
        found[old] = self._read(rows[old])
        found[~old] = self._tail[rows[~old] - len(self.base)]
        return found

    def _read(self, rows: Any) -> np.ndarray:
        values = np.asarray(self.base[rows], self.dtype)
        if self._check is None:
            return values
        return self._check(np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows, values)
