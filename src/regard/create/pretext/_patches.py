"""Patches: cut out of images at places of their own, and freed of what would betray where they lay.

Shared by the tasks that ask where things are.
"""

from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...backbones.encoder import Encoder, evaluating
from ...core.checks import bad
from ...data.views import luma

Colour = Literal["drop", "projection", "keep", "gray"]

LEAST_SIDE = 16  # a network gets no smaller patches: what is cut smaller is enlarged
FLAT = 1e-4  # variance below which a patch counts as flat: a hundredth of the range
RMS = 50 / 255  # of a patch after `recoloured`
GREEN_MAGENTA = (-1.0, 2.0, -1.0)  # the axis of lateral chromatic aberration in RGB


def cut(x_NCHW: Tensor, top_NK: Tensor, left_NK: Tensor, side: int) -> Tensor:
    """(N, K, C, side, side): K squares of each image, by the whole numbers of their top left pixels; nothing resampled.

    Places may also be (N, K, C), one for each channel.

    >>> x = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> cut(x, torch.tensor([[1]]), torch.tensor([[2]]), 2).flatten().tolist()
    [6.0, 7.0, 10.0, 11.0]
    """
    n, channels = x_NCHW.shape[:2]
    top, left = (p if p.ndim == 3 else p[:, :, None].expand(-1, -1, channels) for p in (top_NK, left_NK))
    span = torch.arange(side, device=x_NCHW.device)
    rows, columns = (top[..., None] + span)[..., None], (left[..., None] + span)[..., None, :]
    image = torch.arange(n, device=x_NCHW.device)[:, None, None, None, None]
    channel = torch.arange(channels, device=x_NCHW.device)[:, None, None]
    return x_NCHW[image, channel, rows, columns]


def whole_numbers(low: int | Tensor, high: int | Tensor, shape: Any, generator: torch.Generator) -> Tensor:
    """Whole numbers of this shape, uniform from `low` to `high`, both included; the bounds may be tensors."""
    u = torch.rand(shape, generator=generator, device=generator.device)
    width = high - low + 1
    limit = width - 1 if torch.is_tensor(width) else torch.tensor(width - 1, device=u.device)
    return low + (u * width).floor().long().minimum(limit)


def enlarged(patches_NCHW: Tensor) -> Tensor:
    """Patches of at least 16 pixels: smaller ones are brought to 16, by linear interpolation."""
    if patches_NCHW.shape[-1] >= LEAST_SIDE:
        return patches_NCHW
    return F.interpolate(patches_NCHW, size=(LEAST_SIDE, LEAST_SIDE), mode="bilinear", align_corners=False)


def standardised(patches_NCHW: Tensor) -> Tensor:
    """Each channel of each patch with mean 0.5 and standard deviation 0.25; a flat one becomes 0.5 everywhere."""
    centred = patches_NCHW - patches_NCHW.mean((2, 3), keepdim=True)
    return 0.5 + 0.25 * centred / (centred.square().mean((2, 3), keepdim=True) + FLAT).sqrt()


def projected(x_NCHW: Tensor) -> Tensor:
    """Take away each colour's part along the green-magenta axis a = (-1, 2, -1): x (I - a'a / a a').

    >>> projected(torch.tensor([0.0, 0.6, 0.0]).view(1, 3, 1, 1)).flatten().tolist()  # green becomes gray
    [0.2, 0.2, 0.2]
    """
    axis = x_NCHW.new_tensor(GREEN_MAGENTA)[:, None, None]
    return x_NCHW - axis * (x_NCHW * axis).sum(1, keepdim=True) / axis.square().sum()


def recoloured(patches_NCHW: Tensor, colour: Colour, generator: torch.Generator) -> Tensor:
    """Patches whose colours no longer tell where in a lens they were seen, with mean 0.5 and a fixed contrast.

    - `drop`: one channel, drawn for each patch, stays; the others become noise of a hundredth of its deviation.
    - `projection`: see `projected`. `gray`: luma in all channels. `keep`: all colours stay.

    Then each channel's mean is taken off, and the whole patch is scaled to a root mean square of 50 grey levels.
    """
    n, channels = patches_NCHW.shape[:2]
    x = patches_NCHW
    if colour == "projection":
        x = projected(x)
    elif colour == "gray":
        x = luma(x).expand(-1, channels, -1, -1)
    x = x - x.mean((2, 3), keepdim=True)
    if colour == "drop":
        kept = whole_numbers(0, channels - 1, (n,), generator).to(x.device)
        noise = torch.randn(x.shape, generator=generator, device=generator.device).to(x.device, x.dtype)
        one = x.gather(1, kept[:, None, None, None].expand(-1, 1, *x.shape[2:]))
        mine = (torch.arange(channels, device=x.device) == kept[:, None])[:, :, None, None]
        x = torch.where(mine, one, 0.01 * one.square().mean((1, 2, 3), keepdim=True).sqrt() * noise)
    return 0.5 + RMS * x / (x.square().mean((1, 2, 3), keepdim=True) + FLAT).sqrt()


@lru_cache(maxsize=8)
def coarser(side: int, least: int) -> Tensor:
    """(K, side, side): row k is the matrix that brings a line of `side` pixels to `least + k` pixels and back."""
    line = torch.eye(side).T[None]  # (1, pixels of unit lines, side): each line is resized along the last axis
    sizes = range(least, side)
    back = []
    for size in sizes:
        small = F.interpolate(line[:, :, None], size=(1, size), mode="bilinear", antialias=True, align_corners=False)
        back.append(F.interpolate(small, size=(1, side), mode="bilinear", align_corners=False)[0, :, 0].T)
    return torch.stack(back)


def resampled(patches_NCHW: Tensor, p: float, generator: torch.Generator, low: float = 10 / 96) -> Tensor:
    """A share p of the patches made coarse: brought to a side from `low` of theirs (4 pixels at least) and back.

    So that the sharpness of a patch tells nothing. Each patch draws its own side; patches under 6 pixels stay.
    """
    n, side = len(patches_NCHW), patches_NCHW.shape[-1]
    least = max(4, round(low * side))
    if side < 6 or not p:
        return patches_NCHW
    x, bank = patches_NCHW, coarser(side, least).to(patches_NCHW)
    chosen = (torch.rand(n, generator=generator, device=generator.device) < p).to(x.device)
    matrix = bank[whole_numbers(0, len(bank) - 1, (n,), generator).to(x.device)][:, None]
    return torch.where(chosen[:, None, None, None], matrix @ x @ matrix.transpose(2, 3), x)


def check_takes(encoder: Encoder, side: int) -> None:
    """Raise InputError where a network does not take patches of this side."""
    try:
        with evaluating(encoder), torch.no_grad():
            encoder(torch.zeros(1, 3, side, side, device=next(encoder.parameters()).device))
    except Exception as error:
        fix = "Take a convolutional one such as convnet4 or resnet18, or a larger --size."
        raise bad("--backbone", encoder.name, f"a network that takes patches of {side} pixels", fix) from error
