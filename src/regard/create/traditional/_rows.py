"""Rows of numbers in a file without a name: as many as there is disk for, and in memory no more than a slice."""

from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

import numpy as np


class RowFile:
    """float32 rows (M, D) that are appended, then read in slices; gone when it is closed or the process ends.

    Attributes:
        columns: D.
    """

    def __init__(self, folder: Path, columns: int) -> None:
        self.columns, self._count = columns, 0
        self._file = TemporaryFile(dir=folder)

    @property
    def shape(self) -> tuple[int, int]:
        """(M, D)."""
        return self._count, self.columns

    def append(self, x_MD: np.ndarray) -> None:
        """Rows at the end."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(x_MD, np.float32).tobytes())
        self._count += len(x_MD)

    def __getitem__(self, part: Any) -> np.ndarray:
        """The rows of a slice without steps."""
        start, stop, _ = part.indices(self._count)
        width = 4 * self.columns
        self._file.seek(start * width)
        read = self._file.read(max(0, stop - start) * width)
        return np.frombuffer(read, np.float32).reshape(-1, self.columns).copy()

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()
