"""Random changes of where things are: crop, flip, turn, move, erase. Batched; each image draws its own numbers.

All take x (N, 3, H, W) with values in [0, 1] and a torch generator, and return a new tensor of the same type, range
and, unless said otherwise, size.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def draw(x: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """One uniform number in [low, high) for each image, (N,), on the images' device."""
    unit = torch.rand(len(x), generator=generator, device=generator.device)
    return low + (high - low) * unit.to(x.device, x.dtype)


def chosen(x: Tensor, generator: Generator, p: float) -> Tensor:
    """True for a share p of the images, (N,)."""
    return draw(x, generator, 0, 1) < p


def random_resized_crop(
    x: Tensor,
    generator: Generator,
    scale: tuple[float, float] = (0.2, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    size: int | None = None,
) -> Tensor:
    """Cut a rectangle out of each image and resize it to (H, W), or to (size, size).

    Area = U(scale) * H * W, log(width / height) = U(log(ratio)), each side at most the image's; the place is uniform
    (Szegedy et al. 2015; SimCLR's strongest view). Linear interpolation, which does not average: `size` should not be
    below half of what is cut out.
    """
    height, width = x.shape[-2:]
    area = draw(x, generator, *scale)
    aspect = draw(x, generator, math.log(ratio[0]), math.log(ratio[1])).exp()
    h = (area / aspect * width / height).sqrt().clamp(max=1)
    w = (area * aspect * height / width).sqrt().clamp(max=1)
    # in coordinates from -1 to 1 the rectangle is 2w wide, and its centre lies between w - 1 and 1 - w
    across, down = draw(x, generator, -1, 1) * (1 - w), draw(x, generator, -1, 1) * (1 - h)
    nought = torch.zeros_like(w)
    theta = torch.stack([w, nought, across, nought, h, down], 1).view(-1, 2, 3)
    grid = F.affine_grid(theta, [len(x), 1, size or height, size or width], align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0, 1)


def horizontal_flip(x: Tensor, generator: Generator, p: float = 0.5) -> Tensor:
    """Mirror a share p of the images left to right."""
    return torch.where(chosen(x, generator, p)[:, None, None, None], x.flip(-1), x)


def rotate90(x: Tensor, k: int | Tensor) -> Tensor:
    """Turn by k quarter turns counterclockwise, exactly: only transposes and flips, no pixel is computed anew.

    Args:
        x: (N, 3, H, W); square where k differs between images.
        k: one number for all, or (N,) whole numbers, one for each.

    >>> x = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
    >>> rotate90(x, 1).tolist()
    [[[[1.0, 0.0], [0.0, 0.0]]]]
    """
    if isinstance(k, int):
        return torch.rot90(x, k, (-2, -1))
    turns = (k % 4)[:, None, None, None]
    x = torch.where(turns >= 2, x.flip((-2, -1)), x)
    return torch.where(turns % 2 == 1, torch.rot90(x, 1, (-2, -1)), x)


def random_affine(
    x: Tensor,
    generator: Generator,
    degrees: float = 10,
    translate: float = 0.1,
    scale: tuple[float, float] = (0.9, 1.1),
    shear: float = 0.0,
) -> Tensor:
    """Slant, turn, zoom and move each image about its centre.

    Slant by U(-shear, shear) degrees from the upright, angle U(-degrees, degrees) counterclockwise, zoom U(scale)
    (above 1 enlarges), shift U(-translate, translate) of the width and of the height. Linear interpolation; beyond
    the edge the edge is repeated.
    """
    height, width = x.shape[-2:]
    angle = draw(x, generator, -math.radians(degrees), math.radians(degrees))
    across, down = draw(x, generator, -translate, translate), draw(x, generator, -translate, translate)
    zoom = draw(x, generator, *scale)
    slant = draw(x, generator, -math.radians(shear), math.radians(shear)).tan()
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    # the map from output to source, in coordinates from -1 to 1, where a pixel is 2 / W wide and 2 / H high
    turned = torch.stack([cos + slant * sin, (slant * cos - sin) * height / width, sin * width / height, cos], 1).view(
        -1, 2, 2
    )
    shift = torch.stack([-2 * across, -2 * down], 1)[:, :, None]
    grid = F.affine_grid(torch.cat([turned, turned @ shift], 2), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0, 1)


def random_erasing(
    x: Tensor,
    generator: Generator,
    p: float = 0.5,
    area: tuple[float, float] = (0.02, 0.2),
    ratio: tuple[float, float] = (0.3, 3.3),
    value: float = 0.0,
) -> Tensor:
    """Paint a rectangle over in a share p of the images (Zhong et al. 2017; with ratio (1, 1) it is Cutout).

    Area = U(area) * H * W, log(height / width) = U(log(ratio)), each side at most the image's; the place is uniform.
    """
    height, width = x.shape[-2:]
    pixels = draw(x, generator, *area) * height * width
    aspect = draw(x, generator, math.log(ratio[0]), math.log(ratio[1])).exp()
    h = (pixels * aspect).sqrt().clamp(max=height)
    w = (pixels / aspect).sqrt().clamp(max=width)
    rows = _span(draw(x, generator, 0, 1) * (height - h), h, height)
    columns = _span(draw(x, generator, 0, 1) * (width - w), w, width)
    box = rows[:, :, None] & columns[:, None, :] & chosen(x, generator, p)[:, None, None]
    return x.masked_fill(box[:, None], value)


def _span(start: Tensor, length: Tensor, pixels: int) -> Tensor:
    centres = torch.arange(pixels, device=start.device, dtype=start.dtype) + 0.5
    return (centres >= start[:, None]) & (centres < (start + length)[:, None])
