"""One vector for each box: the part of the picture in it, brought to the network's own size whatever its shape.

Girshick, Donahue, Darrell, Malik 2014, Rich feature hierarchies, CVPR, appendix A: warped with some of what is around.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import roi_align

from ...core.storage import hash_json
from ...representation.preprocess import sides
from ...representation.representation import Representation
from ...representation.runner import make_runner

Tag = TypeVar("Tag")


def warped(square: Tensor, boxes: Tensor, shape: tuple[int, int], context: float, colour: tuple[float, ...]) -> Tensor:
    """Parts (n, 3, height, width) uint8 of a picture (3, S, S) uint8.

    Each pixel is the mean of bilinear samples, as many as the part has pixels for it.

    Args:
        square: the picture.
        boxes: (n, 4) in it.
        shape: height and width of the parts.
        context: share of a part's side, in [0, 0.5), that lies beyond the box on each side.
        colour: (3,) in [0, 1], of what is beyond the picture.
    """
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 / (1 - 2 * context)
    around = torch.cat([middle - half, middle + half], 1)
    ground = 255 * torch.tensor(colour).view(1, 3, 1, 1)
    # beyond the picture a sample is 0
    parts = roi_align(square[None].float() - ground, [around], shape, 1.0, -1, aligned=True)
    return (parts + ground).round().clamp(0, 255).to(torch.uint8)


class RegionVectors:
    """Vectors of boxes, in batches, as pictures come.

    Args:
        representation: what sees them; it does not learn.
        size: side of the parts in pixels; None: what the representation prepares pictures to.
        context: see `warped`.
        batch: parts a call of the network.
        precision: as `embed` takes it, without int8.
        device: likewise.
    """

    def __init__(
        self,
        representation: Representation,
        *,
        size: int | None = None,
        context: float = 0.07,
        batch: int = 16,
        precision: str = "auto",
        device: str = "auto",
    ) -> None:
        self.representation, self.context, self.batch = representation, context, batch
        self.shape = sides(size or representation.preprocess.size)
        self.colour = tuple(float(one) for one in representation.encoder.config["mean"])
        self.runner = make_runner(
            representation.encoder,
            layer=None,
            size=self.shape[0] if self.shape[0] == self.shape[1] else self.shape,
            batch=batch,
            precision=precision,
            device=device,
            key=hash_json([representation.network_fingerprint, None]),
            pooled=representation.pooled,
        )

    def __call__(self, pictures: Iterable[tuple[Tag, Tensor, Tensor]]) -> Iterator[tuple[Tag, np.ndarray]]:
        """Pairs (tag, vectors (n, D) float32), in order, of triples (tag, picture (3, S, S) uint8, boxes (n, 4))."""
        waiting: list[np.ndarray] = []
        step = self.representation.transform
        for (tag, count, is_last), vectors in self.runner.run(self._batches(pictures)):
            waiting.append(vectors[:count])
            if not is_last:
                continue
            found, waiting = np.concatenate(waiting), []
            if step is not None and len(found):
                found = step.apply(found.astype(np.float64)).astype(np.float32)
            yield tag, found

    def _batches(
        self, pictures: Iterable[tuple[Tag, Tensor, Tensor]]
    ) -> Iterator[tuple[tuple[Tag, int, bool], np.ndarray]]:
        """Batches of one picture each, with how many parts count and whether it is the picture's last."""
        for tag, square, boxes in pictures:
            if not len(boxes):
                yield (tag, 0, True), np.zeros((1, 3, *self.shape), np.uint8)
            for start in range(0, len(boxes), self.batch):
                some = boxes[start : start + self.batch]
                parts = warped(square, some, self.shape, self.context, self.colour)
                yield (tag, len(some), start + self.batch >= len(boxes)), parts.numpy()
