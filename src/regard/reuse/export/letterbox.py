"""How a picture is laid into a square, as plain tensor arithmetic, so that it can stand inside an exported graph.

As in `resize.py` a resize is a product with a matrix of weights from each side, which follow from the picture's height
and width in whole numbers. It is what `dense.frame.Framed.picture` does: one scale for both sides, linear, averaging
where the square is smaller, the picture's last pixels repeated beyond its end, the rest in one colour. Computed in 8
bits as there: rounded after each direction where it averages, at the end where it enlarges; and with weights in whole
numbers of 16 bits where it averages, as `interpolate` has them. A grey level in a thousandth of the pixels would be
enough to let another of two objects that nearly tie survive non-maximum suppression.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..dense.frame import colour_bytes


class Letterbox(nn.Module):
    """uint8 pictures of one size, any size, to squares; and what is told of squares back to the pictures' pixels.

    Args:
        size: side S of the square.
        colour: (3,) in [0, 1] of what fills it up.
    """

    def __init__(self, size: int, colour: Sequence[float]) -> None:
        super().__init__()
        self.size = size
        fill = torch.tensor(colour_bytes(list(colour)), dtype=torch.float32).view(1, 3, 1, 1)
        self.register_buffer("fill", fill, persistent=False)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 to (N, 3, S, S) float32 of whole numbers from 0 to 255."""
        height, width = sides_of(images_NCHW)
        longer = torch.maximum(height, width)
        averaged = longer > self.size
        x = images_NCHW.float()
        seen = []
        for axis, side in ((3, width), (2, height)):
            # as far as the last pixels of the square look
            beyond = torch.div(2 * longer, self.size, rounding_mode="floor") + 3
            place = torch.arange(side + beyond)
            x = x.index_select(axis, torch.minimum(place, side - 1))
            weights = self._weights(place, longer)
            shown = torch.div(side * self.size + longer - 1, longer, rounding_mode="floor")
            there = (torch.arange(self.size) < shown).float()
            steps = _steps(weights * there[:, None])  # rows beyond the picture do not look at all their pixels
            weights = torch.where(averaged, torch.floor(weights * steps + 0.5) / steps, weights)
            x = x @ weights.transpose(0, 1) if axis == 3 else weights @ x
            x = torch.where(averaged, _levels(x), x) if axis == 3 else _levels(x)
            seen.append(there)
        inside = seen[1][:, None] * seen[0][None, :]
        return x * inside + self.fill * (1 - inside)

    def _weights(self, place: Tensor, longer: Tensor) -> Tensor:
        """Of the square's pixels along one side, (S, pixels of the picture)."""
        at = torch.arange(self.size)
        # centre of a pixel of the picture less that of one of the square, times 2 * size: exact in whole numbers
        apart = (2 * place[None, :] + 1) * self.size - (2 * at[:, None] + 1) * longer
        weights = torch.clamp(1 - (apart.float() / (2 * longer.clamp(min=self.size)).float()).abs(), min=0)
        return weights / weights.sum(1, keepdim=True).clamp(min=1e-12)

    def boxes_out(self, boxes: Tensor, images_NCHW: Tensor) -> Tensor:
        """Boxes (n, 4) of the square in the picture's pixels, cut at its edges."""
        height, width = sides_of(images_NCHW)
        own = boxes * (torch.maximum(height, width).float() / self.size)
        most = torch.stack([width, height, width, height]).float()
        return torch.minimum(own.clamp(min=0), most)

    def map_out(self, values: Tensor, images_NCHW: Tensor) -> Tensor:
        """Values (..., S, S) of the square as (..., H, W) of the picture, by the pixels' middles."""
        height, width = sides_of(images_NCHW)
        longer = torch.maximum(height, width)
        for axis, side in ((-1, width), (-2, height)):  # while there are few rows: whole rows go fast
            index = torch.div((2 * torch.arange(side) + 1) * self.size, 2 * longer, rounding_mode="floor")
            values = values.index_select(axis, index.clamp(max=self.size - 1))
        return values


def sides_of(images_NCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Height and width as tensors, not numbers, so that a trace keeps how all that follows depends on them."""
    return torch.as_tensor(images_NCHW.shape[2]), torch.as_tensor(images_NCHW.shape[3])


def _steps(weights: Tensor) -> Tensor:
    """In how many steps 1 is divided, (1,): the largest power of 2 up to 2^22 with which the weights fit in 15 bits."""
    powers = 2.0 ** torch.arange(23)
    bits = (torch.floor(weights.max() * powers[1:] + 0.5) < 2**15).sum()
    return powers.index_select(0, bits.view(1))


def _levels(x: Tensor) -> Tensor:
    return torch.clamp(torch.floor(x + 0.5), 0, 255)
