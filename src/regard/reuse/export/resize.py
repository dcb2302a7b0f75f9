"""A representation's preprocessing as plain tensor arithmetic, so that it can stand inside an exported graph.

A resize with antialiasing is a product with a matrix of weights from each side: rows @ picture @ columns. The weights
follow from the picture's height and width by a closed form, so one graph takes pictures of any size; only the rows and
columns that the crop keeps are computed. Operators for resizing differ from one runtime to another (whether they
antialias, which cubic they mean, where they round), products do not.

As `Preprocess.apply` computes in 8 bits, so does this: rounded and cut to 0..255 after each direction, columns first.
What is left between both is a grey level where rounding falls the other way. O(size * H * W) a picture.
"""

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor, nn

from ...representation.preprocess import Preprocess, sides

Filter = Callable[[Tensor], Tensor]


class Prepared(nn.Module):
    """uint8 pictures of one size, any size, to the uint8 levels that the network sees, as `preprocess.apply` does."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.steps = preprocess
        self.register_buffer("fill", torch.tensor(preprocess.fill, dtype=torch.float32).view(1, 3, 1, 1), False)

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 to (N, 3, height, width) float32 of whole numbers from 0 to 255."""
        # tensors, not numbers, so that a trace keeps how all that follows depends on the size
        down, across = (torch.arange(images_NCHW.shape[at], device=images_NCHW.device) for at in (2, 3))
        height, width = down[-1:] + 1, across[-1:] + 1
        first = [torch.zeros_like(height), torch.zeros_like(width)]
        if self.steps.mode == "crop":
            longest = 32 * torch.minimum(height, width) * -(-max(self.steps.shape) // min(self.steps.shape))
            first = [_half(torch.clamp(side - longest, min=0)) for side in (height, width)]
            height, width = torch.minimum(height, longest), torch.minimum(width, longest)
        target = _target(self.steps, height, width)
        rows, seen_rows = self._weights(down - first[0], height, target[0], self.steps.shape[0])
        columns, seen_columns = self._weights(across - first[1], width, target[1], self.steps.shape[1])
        x = _levels(images_NCHW.float() @ columns.transpose(0, 1))
        x = _levels(rows @ x)
        seen = seen_rows[:, None] * seen_columns[None, :]
        return x * seen + self.fill * (1 - seen)

    def _weights(self, place: Tensor, side: Tensor, target: Tensor, seen: int) -> tuple[Tensor, Tensor]:
        """Weights (seen, side) of the pixels along one direction, and 1 where there is picture, 0 where fill (seen,).

        Args:
            place: (side,) the pixels' numbers, counted from the first that is used.
            side: (1,) how many are used.
            target: (1,) how many they become.
            seen: how many of those, about the middle, the network sees.
        """
        whole = torch.clamp(target, min=seen)
        # where the crop begins, rounded half to even as Python does, less where the picture begins in its border
        first = _halves_to_even(whole - seen) - _half(whole - target)
        at = torch.arange(seen, device=place.device) + first
        inside = ((at >= 0) & (at < target)).float()
        kernel = FILTERS[self.steps.interpolation]
        if kernel is None:  # nearest: the input pixel in which the centre of the output pixel lies
            source = _floor((2 * at + 1) * side, 2 * target)
            return (place[None, :] == source[:, None]).float(), inside
        # centre of output pixel i less that of input pixel j, times 2 * target: exact in whole numbers
        apart = (2 * at[:, None] + 1) * side - (2 * place[None, :] + 1) * target
        stretch = torch.maximum(side, target)  # smaller pictures are interpolated with the filter as it is
        weights = kernel(apart.float() / (2 * stretch).float())
        used = ((place >= 0) & (place < side)).float()
        weights = weights * used[None, :]
        return weights / weights.sum(1, keepdim=True).clamp(min=1e-12), inside


def _target(steps: Preprocess, height: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """`Preprocess._target` in whole numbers: height and width (1,) after the resize."""
    rows, columns = (torch.full_like(height, side) for side in sides(steps.resize))
    if steps.mode == "squash":
        return rows, columns
    short = torch.minimum(height, width)
    if steps.mode == "crop" and sides(steps.resize)[0] == sides(steps.resize)[1]:
        return _floor(rows * height, short), _floor(rows * width, short)
    # which side decides: the one that is shorter (crop) or longer (border) in proportion
    by_rows = (height * columns <= width * rows) if steps.mode == "crop" else (height * columns >= width * rows)
    other_columns, other_rows = _rounded(width * rows, height), _rounded(height * columns, width)
    return (
        torch.clamp(torch.where(by_rows, rows, other_rows), min=1),
        torch.clamp(torch.where(by_rows, other_columns, columns), min=1),
    )


def _half(value: Tensor) -> Tensor:
    return torch.div(value, 2, rounding_mode="floor")


def _floor(over: Tensor, under: Tensor) -> Tensor:
    return torch.div(over, under, rounding_mode="floor")


def _halves_to_even(value: Tensor) -> Tensor:
    """round(value / 2) of whole numbers from 0 on, a half to the even one."""
    low = _half(value)
    return low + (value - 2 * low) * (low - 2 * _half(low))


def _rounded(over: Tensor, under: Tensor) -> Tensor:
    """round(over / under) of whole numbers, a half upwards."""
    return _floor(2 * over + under, 2 * under)


def _levels(x: Tensor) -> Tensor:
    return torch.clamp(torch.floor(x + 0.5), 0, 255)


def _bilinear(x: Tensor) -> Tensor:
    return torch.clamp(1 - x.abs(), min=0)


def _bicubic(x: Tensor) -> Tensor:
    """Keys' cubic with a = -0.5, as Pillow's and torch's with antialiasing."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _box(x: Tensor) -> Tensor:
    return ((x >= -0.5) & (x < 0.5)).float()


def _hamming(x: Tensor) -> Tensor:
    x = x.abs()
    return torch.where(x < 1, _sinc(x) * (0.54 + 0.46 * torch.cos(pi * x)), torch.zeros_like(x))


def _lanczos(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, _sinc(x) * _sinc(x / 3), torch.zeros_like(x))


def _sinc(x: Tensor) -> Tensor:
    safe = torch.where(x == 0, torch.ones_like(x), pi * x)
    return torch.where(x == 0, torch.ones_like(x), torch.sin(safe) / safe)


# by name: the filter, of distances in pixels of the coarser picture
FILTERS: dict[str, Filter | None] = {
    "bilinear": _bilinear,
    "bicubic": _bicubic,
    "box": _box,
    "hamming": _hamming,
    "lanczos": _lanczos,
    "nearest": None,
}
