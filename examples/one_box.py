"""One box: where is the object? Four numbers an image, learned by the smooth L1 loss (Girshick 2015, ICCV, eq. 3).

Batches carry `boxes` (N, 4): x0, y0, x1, y1 as shares of the picture's width and height. Scored by intersection over
union, larger is better.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from regard.learning.batch import Batch
from regard.learning.objective import Objective
from regard.learning.trainable import START, Moment


def iou(a_N4: Tensor, b_N4: Tensor) -> Tensor:
    """Intersection over union of each pair of boxes, (N,).

    >>> iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2]]))
    tensor([0.3333])
    """
    low, high = torch.maximum(a_N4[:, :2], b_N4[:, :2]), torch.minimum(a_N4[:, 2:], b_N4[:, 2:])
    both = (high - low).clamp(min=0).prod(1)
    areas = [(box[:, 2:] - box[:, :2]).clamp(min=0).prod(1) for box in (a_N4, b_N4)]
    return both / (areas[0] + areas[1] - both).clamp(min=1e-9)


@dataclass(frozen=True)
class Method(Objective):
    """One box an image.

    Attributes:
        beta: below this difference the loss is quadratic, above it linear.
    """

    beta: float = 0.1
    main: ClassVar[str] = "iou"

    def head(self, encoder: Any) -> nn.Module:
        """Centre and size between 0 and 1, read from the last map, which knows where things are."""
        info = encoder.feature_info[-1]
        cells = (encoder.input_size // info.reduction) ** 2
        return nn.Sequential(nn.Flatten(), nn.Linear(info.channels * cells, 4), nn.Sigmoid())

    def boxes(self, encoder: Any, head: Any, inputs: Tensor) -> Tensor:
        """(N, 4) corners."""
        centre, size = head(encoder.maps(inputs)[-1]).float().chunk(2, 1)
        return torch.cat([centre - size / 2, centre + size / 2], 1)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The images and their boxes."""
        return batch.images, batch["boxes"]

    def loss(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START) -> Any:
        """Smooth L1 over the four corners' numbers."""
        return smooth_l1_loss(self.boxes(encoder, head, inputs), targets, beta=self.beta), {}

    def measure(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Intersection over union with the true box, (N,)."""
        return {"iou": iou(self.boxes(encoder, head, inputs), targets)}
