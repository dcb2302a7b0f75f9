"""Random changes of what things look like: colour, blur, noise. Batched; each image draws its own numbers.

All take x (N, 3, H, W) with values in [0, 1] and a torch generator, and return a new tensor of the same type, range
and size.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._geometry import chosen, draw

# how bright red, green and blue look (ITU-R BT.601)
_LUMA = (0.299, 0.587, 0.114)


def luma(x: Tensor) -> Tensor:
    """Brightness 0.299 R + 0.587 G + 0.114 B, (N, 1, H, W)."""
    return _LUMA[0] * x[:, :1] + _LUMA[1] * x[:, 1:2] + _LUMA[2] * x[:, 2:]


def colour_jitter(
    x: Tensor,
    generator: Generator,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
    p: float = 1.0,
) -> Tensor:
    """Change brightness, contrast, saturation and hue, in this order, in a share p of the images.

    Brightness b x, contrast c x + (1 - c) mean(luma(x)), saturation s x + (1 - s) luma(x), each cut to [0, 1], with
    factors U(max(0, 1 - strength), 1 + strength); hue turned by U(-hue, hue) of the circle (hue at most 0.5).
    torchvision's ColorJitter draws the order too; one order is faster in a batch and makes views as varied.
    """
    applied = chosen(x, generator, p)

    def factor(strength: float) -> Tensor:
        number = draw(x, generator, max(0.0, 1 - strength), 1 + strength)
        return torch.where(applied, number, 1.0)[:, None, None, None]

    b, c, s = factor(brightness), factor(contrast), factor(saturation)
    turn = torch.where(applied, draw(x, generator, -hue, hue), 0.0)
    if brightness:
        x = (b * x).clamp(0, 1)
    if contrast:
        x = (c * x + (1 - c) * luma(x).mean((-2, -1), keepdim=True)).clamp(0, 1)
    if saturation:
        x = (s * x + (1 - s) * luma(x)).clamp(0, 1)
    return shift_hue(x, turn) if hue else x.clone()


def shift_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue of each image by a share of the circle, (N,): hue + turn modulo 1 in HSV.

    With chroma d = max - min and hue h in sixths: channel = max - d * clamp(min(k, 4 - k), 0, 1), where
    k = (n + h) modulo 6 and n = 5, 3, 1 for red, green, blue (Smith 1978, in the closed form).
    """
    high = x.amax(1, keepdim=True)
    d = high - x.amin(1, keepdim=True)
    r, g, b = x.unbind(1)
    top, spread = high[:, 0], d[:, 0].clamp(min=torch.finfo(x.dtype).tiny)
    sixths = torch.where(top == r, (g - b) / spread, torch.where(top == g, 2 + (b - r) / spread, 4 + (r - g) / spread))
    sixths = sixths + 6 * turn[:, None, None]
    k = torch.remainder(sixths[:, None] + x.new_tensor([5.0, 3.0, 1.0])[:, None, None], 6)
    turned = high - d * torch.minimum(k, 4 - k).clamp(0, 1)
    return torch.where((turn == 0)[:, None, None, None], x, turned.clamp(0, 1))


def grayscale(x: Tensor, generator: Generator, p: float = 0.2) -> Tensor:
    """Replace the colours of a share p of the images by their luma, in all three channels."""
    return torch.where(chosen(x, generator, p)[:, None, None, None], luma(x).clamp(0, 1), x)


def gaussian_blur(x: Tensor, generator: Generator, sigma: tuple[float, float] = (0.1, 2.0), p: float = 0.5) -> Tensor:
    """Blur a share p of the images with a Gaussian of U(sigma) pixels.

    Along each axis out_i = sum_t g(t) x_(i+t), with g(t) = exp(-t^2 / 2 sigma^2) scaled to sum 1, |t| at most 3 times
    the largest sigma; beyond the edge the image is mirrored. Each image is a group of one grouped convolution.
    """
    n, channels, height, width = x.shape
    radius = min(max(1, math.ceil(3 * sigma[1])), height - 1, width - 1)
    spread = torch.where(chosen(x, generator, p), draw(x, generator, *sigma), 0.0)
    offsets = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
    kernels = torch.exp(-offsets.square() / (2 * spread.square().clamp(min=1e-6))[:, None])  # sigma 0: 1 in the middle
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None, None]
    out = F.pad(x.reshape(1, n * channels, height, width), (radius,) * 4, mode="reflect")
    out = F.conv2d(F.conv2d(out, kernels, groups=n * channels), kernels.mT, groups=n * channels)
    return out.view_as(x).clamp(0, 1)


def gaussian_noise(x: Tensor, generator: Generator, std: tuple[float, float] = (0.0, 0.05)) -> Tensor:
    """Add normal noise to every value, with a standard deviation U(std) for each image, and cut to [0, 1]."""
    noise = torch.randn(x.shape, generator=generator, device=generator.device).to(x.device, x.dtype)
    return (x + draw(x, generator, *std)[:, None, None, None] * noise).clamp(0, 1)
