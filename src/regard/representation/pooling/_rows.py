"""Descriptors (M, D) that are read a piece at a time: an array in memory, or whatever gives slices of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ...core.runtime import numpy_rng

PIECE = 8192  # rows at a time: with 256 words 8 MiB of a temporary array


class Rows(Protocol):
    """An array (M, D) of float32 or float64, or something that is sliced like one and need not be in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, D)."""
        ...

    def __getitem__(self, part: Any) -> np.ndarray:
        """The rows of a slice."""
        ...


@dataclass(frozen=True)
class Scaled:
    """Rows minus `centre`, divided by `spread`, as they are read."""

    rows: Rows
    centre: np.ndarray
    spread: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """(M, D)."""
        return self.rows.shape

    def __getitem__(self, part: Any) -> np.ndarray:
        """The rows of a slice, in their own precision."""
        x = self.rows[part]
        return ((x - self.centre) / self.spread).astype(x.dtype)


def pieces(rows: Rows, device: str = "cpu") -> Iterator[Tensor]:
    """All rows in order, (m, D) at a time, on a device."""
    for start in range(0, rows.shape[0], PIECE):
        yield torch.from_numpy(np.ascontiguousarray(rows[start : start + PIECE])).to(device)


def some(rows: Rows, most: int, seed: int, purpose: str) -> np.ndarray:
    """At most so many of the rows, drawn without replacement, in their order."""
    n = rows.shape[0]
    if n <= most:
        return np.concatenate([np.asarray(rows[start : start + PIECE]) for start in range(0, n, PIECE)])
    chosen = np.sort(numpy_rng(seed, purpose, "some").choice(n, most, replace=False))
    cuts = np.searchsorted(chosen, np.arange(0, n + PIECE, PIECE))
    found = [
        np.asarray(rows[at * PIECE : (at + 1) * PIECE])[chosen[low:high] - at * PIECE]
        for at, (low, high) in enumerate(zip(cuts[:-1], cuts[1:]))
        if high > low
    ]
    return np.concatenate(found)


@dataclass
class Moments:
    """Mean (D,) and covariance (D, D) of rows that come in pieces; sums in double precision about the first piece."""

    count: int = 0
    origin: np.ndarray | None = None
    total: np.ndarray | None = None
    outer: np.ndarray | None = None

    def add(self, x_MD: np.ndarray) -> None:
        """Take a piece in."""
        x = np.asarray(x_MD, np.float64)
        if not len(x):
            return
        if self.origin is None or self.total is None or self.outer is None:
            self.origin = x.mean(axis=0)
            self.total, self.outer = np.zeros(x.shape[1]), np.zeros((x.shape[1],) * 2)
        x = x - self.origin
        self.count += len(x)
        self.total += x.sum(axis=0)
        self.outer += x.T @ x

    @property
    def mean(self) -> np.ndarray:
        """(D,)."""
        assert self.origin is not None and self.total is not None
        return self.origin + self.total / self.count

    @property
    def covariance(self) -> np.ndarray:
        """(D, D), divided by the count."""
        assert self.total is not None and self.outer is not None
        shift = self.total / self.count
        return self.outer / self.count - np.outer(shift, shift)


def moments(rows: Rows) -> Moments:
    """Of all rows; O(M D^2)."""
    found = Moments()
    for start in range(0, rows.shape[0], PIECE):
        found.add(np.asarray(rows[start : start + PIECE]))
    return found
