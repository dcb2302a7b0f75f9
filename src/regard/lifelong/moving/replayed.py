"""Images in a memory: one array of bytes each, with what the network said of them, and batches made of them.

A sample is the prepared picture, uint8 (3, H, W), and where a method keeps logits their float32 bytes behind it; so the
memory's budget counts both. The number of logits says which classes were known then: the first so many.
"""

import numpy as np
import torch
from torch import Tensor

from ...learning.batch import Batch
from ..memory import Kept


def packed(picture_CHW: np.ndarray, logits_K: np.ndarray | None = None) -> np.ndarray:
    """One array of bytes for a picture and its logits."""
    parts = [np.ascontiguousarray(picture_CHW, np.uint8).reshape(-1)]
    if logits_K is not None:
        parts.append(np.ascontiguousarray(logits_K, "<f4").view(np.uint8))
    return np.concatenate(parts)


def unpacked(sample: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The picture (3, H, W) and the logits (k,), k = 0 where none were kept.

    >>> picture, logits = unpacked(packed(np.ones((3, 2, 2)), np.array([0.5, -1.0])), (2, 2))
    >>> picture.shape, logits.tolist()
    ((3, 2, 2), [0.5, -1.0])
    """
    pixels = 3 * shape[0] * shape[1]
    return sample[:pixels].reshape(3, *shape), sample[pixels:].copy().view("<f4")


class Replay:
    """Makes the batch of some samples of a memory.

    Args:
        held: the samples.
        shape: (H, W) of the pictures.
        classes: K, to which kept logits are filled with NaN.
        keeps_logits: whether there are any.
    """

    def __init__(self, held: list[Kept], shape: tuple[int, int], classes: int, keeps_logits: bool) -> None:
        both = [unpacked(one.item, shape) for one in held]
        self.images = torch.from_numpy(np.stack([picture for picture, _ in both]))
        self.labels = torch.tensor([int(one.label) for one in held])
        self.kept: Tensor | None = None
        if keeps_logits:
            self.kept = torch.full((len(held), classes), torch.nan)
            for row, (_, logits) in enumerate(both):
                self.kept[row, : len(logits)] = torch.from_numpy(logits)

    def __len__(self) -> int:
        return len(self.labels)

    def __call__(self, rows: np.ndarray) -> Batch:
        """The batch of these samples."""
        at = torch.from_numpy(np.asarray(rows, dtype=np.int64))
        return Batch(self.images[at], at, self.labels[at], kept=None if self.kept is None else self.kept[at])
