"""Batches of several streams: source domains in equal shares; target images, and beside them some with their label."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ...core import processes
from ...core.checks import bad
from ...learning.batch import Batch
from ...learning.sampling import Batches, Shuffled


class InOrder:
    """Rows as they stand, again from the first after the last; all batches are of one size.

    Args:
        make: makes the batch of some rows.
        images: how many rows there are.
        size: rows a step, over all processes together; at most `images`.

    >>> [InOrder(lambda rows: rows.tolist(), 5, 2)(step) for step in range(3)]
    [[0, 1], [2, 3], [4, 0]]
    """

    def __init__(self, make: Callable[[np.ndarray], Any], images: int, size: int) -> None:
        self.make, self.images, self.size = make, images, size

    @property
    def steps_per_epoch(self) -> int:
        """After so many each row has been there."""
        return -(-self.images // self.size)

    def __call__(self, step: int) -> Any:
        """The batch of a step."""
        rows = (step * self.size + np.arange(self.size)) % self.images
        return self.make(rows[processes.rank() :: processes.world_size()])


class PartlyKnown:
    """Images of two streams in one batch: those of the second have labels, and the mask `known` says so.

    Args:
        unknown: without labels; None: there are none of these.
        known: with labels, of which a few do: in each step it gives as many as its batches hold. None: there are none.
    """

    def __init__(self, unknown: Batches | None, known: Batches | None = None) -> None:
        self.unknown, self.known = unknown, known
        streams = [one for one in (unknown, known) if one is not None]
        self.images, self.size = sum(one.images for one in streams), sum(one.size for one in streams)
        self._main = streams[0]

    @property
    def steps_per_epoch(self) -> int:
        """Of the images without labels, where there are some."""
        return self._main.steps_per_epoch

    def __call__(self, step: int) -> Batch:
        """`images`, `rows` (-1 where the label is known), and with known labels `labels` and `known`."""
        first = None if self.unknown is None else self.unknown(step)
        if self.known is None:
            assert first is not None  # one of the two streams is there
            return Batch(first.images, first.rows)
        more = self.known(step)
        one = torch.ones(len(more.images), dtype=torch.long)
        if first is None:
            return Batch(more.images, -one, more.labels, known=one.bool())
        none = torch.zeros(len(first.images), dtype=torch.long)
        return Batch(
            torch.cat([first.images, more.images]),
            torch.cat([first.rows, -one]),
            torch.cat([none, more.labels]),
            known=torch.cat([none, one]).bool(),
        )


class Pooled:
    """Images of several streams with labels in one batch, such as those of several sources."""

    def __init__(self, streams: Sequence[Batches]) -> None:
        self.streams = list(streams)
        self.images, self.size = sum(one.images for one in streams), sum(one.size for one in streams)

    @property
    def steps_per_epoch(self) -> int:
        """Of the stream that has the most; the others begin anew as often as needed."""
        return max(one.steps_per_epoch for one in self.streams)

    def __call__(self, step: int) -> Batch:
        """`images`, `rows` and `labels`, stream after stream."""
        made = [one(step) for one in self.streams]
        images, rows, labels = (torch.cat([batch[key] for batch in made]) for key in ("images", "rows", "labels"))
        return Batch(images, rows, labels)


def in_equal_shares(make: Callable[[np.ndarray], Any], domains: np.ndarray, size: int, seed: int) -> Pooled:
    """Batches that hold as many images of one domain as of another, as nearly as `size` goes, in orders of its own.

    A domain of fewer images than its share gives all of them.

    Args:
        make: makes the batch of some rows.
        domains: (n,) the domain of each row.
        size: rows a step.
        seed: of the orders.

    Raises:
        InputError: fewer rows a step than there are domains.

    >>> rows = lambda rows: Batch(torch.zeros(len(rows)), torch.from_numpy(rows), torch.zeros(len(rows)))
    >>> sorted(in_equal_shares(rows, np.array(["a"] * 2 + ["b"] * 8), 4, 0)(0).rows.tolist())[:2]
    [0, 1]
    """
    names = np.unique(domains)
    if size < len(names):
        raise bad("--batch", size, f"at least {len(names)}, one image of each domain of SOURCE")
    streams = []
    for place, name in enumerate(names):
        rows = np.flatnonzero(domains == name)
        share = min(size // len(names) + (place < size % len(names)), len(rows))
        streams.append(Shuffled(_Some(make, rows), len(rows), share, seed, f"source {name}"))
    return Pooled(streams)


class _Some:
    """Batches of some rows alone, which are counted from 0."""

    def __init__(self, make: Callable[[np.ndarray], Any], rows: np.ndarray) -> None:
        self.make, self.rows = make, rows

    def __call__(self, places: np.ndarray) -> Any:
        return self.make(self.rows[places])
