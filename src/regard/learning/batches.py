"""Images become batches: decoded once where they fit in memory, streamed by threads where not."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import torch
from torch import Tensor

from ..core.checks import InputError
from ..data.decode import DecodeError, decode
from ..data.imageset import ImageSet
from ..representation.preprocess import Preprocess
from .batch import Batch

MEMORY = 1 << 30  # bytes of decoded training images that are kept; beyond that they are decoded for each batch


class Feed:
    """Makes the batch of some rows of an image set: `feed(rows) -> Batch` with uint8 images (N, 3, size, size).

    `classes` are all labels in order, shared by the training and the held-out feed; without them there are no labels.
    `targets` (n, ...) stand in their place where an image's label is no class among several.
    `failed` names the pictures that could not be decoded, by name, with the cause.
    """

    def __init__(
        self,
        images: ImageSet,
        preprocess: Preprocess,
        *,
        classes: Sequence[str] = (),
        targets: np.ndarray | None = None,
        memory: int = MEMORY,
        workers: int | None = None,
    ) -> None:
        self.images, self.preprocess, self.workers = images, preprocess, workers or images.readers
        self.failed: dict[str, str] = {}
        self.labels: Tensor | None = None
        if targets is not None:
            self.labels = torch.from_numpy(targets)
        elif classes and images.labels is not None:
            self.labels = torch.from_numpy(np.searchsorted(np.array(list(classes)), images.labels.astype(str)))
        self.held: Tensor | None = None
        if len(images) * 3 * prod(preprocess.shape) <= memory:
            self.held, self.shown = self._decoded(np.arange(len(images)))

    def __call__(self, rows: np.ndarray, held_out: bool = False) -> Batch:
        """The batch of these rows, in this order."""
        index = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        pixels, index = self._decoded(rows) if self.held is None else (self.held[index], self.shown[index])
        return Batch(pixels, index, None if self.labels is None else self.labels[index], held_out)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All images once, for scoring."""
        for start in range(0, len(self.images), size):
            yield self(np.arange(start, min(start + size, len(self.images))), held_out=True)

    def _decoded(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        with ThreadPoolExecutor(self.workers) as pool:
            found = list(pool.map(self._one, rows))
        return torch.stack([pixels for pixels, _ in found]), torch.tensor([row for _, row in found])

    def _one(self, wanted: int) -> tuple[Tensor, int]:
        # the next picture stands in for one that fails: which one depends on the data alone, so runs repeat
        n = len(self.images)
        for row in ((int(wanted) + offset) % n for offset in range(n)):
            item = self.images.items[row]
            try:
                return self.preprocess.apply(decode(item, self.preprocess.decode_side)), row
            except DecodeError as error:
                self.failed[self.images.called(row)] = str(error)
        raise InputError(f"images: none of {self.images.name} can be read")
