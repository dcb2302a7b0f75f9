"""Target batches: images without a label, and beside them some of those whose label is known."""

import torch

from ...learning.batch import Batch
from ...learning.sampling import Batches


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
