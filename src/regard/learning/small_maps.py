"""Convolutions over very small maps as one matrix product, which a processor in bf16 does twice as fast.

oneDNN spreads the work of a convolution over the cells of its map. Where a deep layer has four cells and hundreds of
channels, as ResNet-18 has at 64 pixels, little is left to spread: 512 to 512 channels, 3x3, on 256 maps of 2x2 took
42 ms forward and backward, and 19 ms as below (two processors with AVX-512 bf16; a step as a whole: a sixth less). In
fp32, and for maps of 4x4 and more, oneDNN is faster.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

CELLS = 4  # the largest map, counted at the output


class _Product(torch.autograd.Function):
    """`conv2d` of one stride and padding: every patch a row, times the kernels as columns."""

    @staticmethod
    def forward(ctx: Any, x_NCHW: Tensor, kernel_OCKL: Tensor, stride: int, padding: int) -> Tensor:
        n, channels, height, width = x_NCHW.shape
        places = _places(x_NCHW.shape, kernel_OCKL.shape, stride, padding)
        padded = nn.functional.pad(x_NCHW.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
        patches = torch.stack([padded[:, rows, columns] for rows, columns in places], 3)
        down, across = patches.shape[1:3]
        patches = patches.view(n * down * across, -1)
        columns = kernel_OCKL.permute(0, 2, 3, 1).reshape(len(kernel_OCKL), -1)
        ctx.save_for_backward(patches, columns)
        ctx.about = x_NCHW.shape, kernel_OCKL.shape, stride, padding
        return (patches @ columns.T).view(n, down, across, -1).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        patches, columns = ctx.saved_tensors
        shape, (out, channels, high, wide), stride, padding = ctx.about
        n, _, height, width = shape
        down, across = grads[0].shape[2:]
        rows_MO = grads[0].permute(0, 2, 3, 1).reshape(-1, out)
        of_x = of_kernel = None
        if ctx.needs_input_grad[1]:
            of_kernel = (rows_MO.T @ patches).view(out, high, wide, channels).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[0]:
            parts = (rows_MO @ columns).view(n, down, across, high * wide, channels)
            padded = parts.new_zeros(n, height + 2 * padding, width + 2 * padding, channels)
            for place, (rows, cells) in enumerate(_places(shape, (out, channels, high, wide), stride, padding)):
                padded[:, rows, cells] += parts[:, :, :, place]
            of_x = padded[:, padding : padding + height, padding : padding + width].permute(0, 3, 1, 2)
        return of_x, of_kernel, None, None


def _places(x: Any, kernel: Any, stride: int, padding: int) -> list[tuple[slice, slice]]:
    """For each tap of a kernel the cells of the padded map that it meets."""
    spans = [
        [slice(tap, tap + stride * _steps(side, taps, stride, padding), stride) for tap in range(taps)]
        for side, taps in zip(x[2:], kernel[2:])
    ]
    return [(rows, columns) for rows in spans[0] for columns in spans[1]]


def _steps(side: int, taps: int, stride: int, padding: int) -> int:
    return (side + 2 * padding - taps) // stride + 1


class _Conv2d(nn.Conv2d):
    """A plain convolution that takes the product where that is faster."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        low = input.device.type == "cpu" and torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()
        if not low or not self._plain() or input.ndim != 4 or self._cells(input) > CELLS:
            return super()._conv_forward(input, weight, bias)
        kind = torch.get_autocast_dtype("cpu")
        stride, padding = self.stride[0], int(self.padding[0])
        found = _Product.apply(input.to(kind), weight.to(kind), stride, padding)
        return found if bias is None else found + bias.to(kind)[:, None, None]

    def _plain(self) -> bool:
        square = len({*self.stride}) == len({*self.padding}) == 1 and not isinstance(self.padding, str)
        return square and self.groups == 1 and self.dilation == (1, 1) and self.padding_mode == "zeros"

    def _cells(self, x_NCHW: Tensor) -> int:
        sides = zip(x_NCHW.shape[2:], self.kernel_size)
        down, across = (_steps(side, taps, self.stride[0], int(self.padding[0])) for side, taps in sides)
        return down * across


@contextmanager
def small_maps_as_products(module: nn.Module) -> Iterator[None]:
    """Inside the block a module's plain convolutions take the product, in bf16 with gradients on a CPU, where it pays.

    The result differs from oneDNN's by rounding alone. Weights, names and what is saved stay as they are.
    """
    plain = [layer for layer in module.modules() if type(layer) is nn.Conv2d]
    for layer in plain:
        layer.__class__ = _Conv2d
    try:
        yield
    finally:
        for layer in plain:
            layer.__class__ = nn.Conv2d
