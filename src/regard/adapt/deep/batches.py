"""Target batches: images without a label, shuffled or in order, and beside them some of those whose label is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ...core import processes
from ...learning.batch import Batch
from ...learning.sampling import Batches


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
        unknown: without labels.
        known: with labels, of which a few do: in each step it gives as many as its batches hold. None: there are none.
    """

    def __init__(self, unknown: Batches, known: Batches | None = None) -> None:
        self.unknown, self.known = unknown, known
        self.images = unknown.images + (known.images if known else 0)
        self.size = unknown.size + (known.size if known else 0)

    @property
    def steps_per_epoch(self) -> int:
        """Of the images without labels."""
        return self.unknown.steps_per_epoch

    def __call__(self, step: int) -> Batch:
        """`images`, `rows` (-1 where the label is known), and with known labels `labels` and `known`."""
        first = self.unknown(step)
        if self.known is None:
            return Batch(first.images, first.rows)
        more = self.known(step)
        none, one = torch.zeros(len(first.images), dtype=torch.long), torch.ones(len(more.images), dtype=torch.long)
        return Batch(
            torch.cat([first.images, more.images]),
            torch.cat([first.rows, -one]),
            torch.cat([none, more.labels]),
            known=torch.cat([none, one]).bool(),
        )
