"""CIE Lab: colours as lightness L in [0, 100] and two hues a, b; bins of ab, and what the tasks that colour share.

The colour part follows Zhang, Isola and Efros 2016 (arXiv 1603.08511): ab is cut into bins on a grid, a colour is
encoded as a soft vote for its nearest bins, rare colours weigh more, and a distribution is decoded by its annealed
mean. The bins here are those into which some sRGB colour falls: 261 on the paper's grid of 10. The paper counts 313;
the list published with it reaches beyond the colours of sRGB.
"""

from functools import lru_cache
from itertools import pairwise
from math import ceil, log2

import torch
from torch import Tensor, nn

from ...core.checks import InputError
from ...data.decode import DecodeError, decode
from ...data.imageset import ImageSet
from ...representation.preprocess import Preprocess

COLOURED = 5.0  # an image with |a| or |b| above this somewhere has colour (the paper's mask)
LEAST_COLOURED = 0.05  # share of the training images that must have colour
NEIGHBOURS = 5  # bins that a colour votes for
MIXED = 0.5  # share of the uniform distribution in the prior that weighs rare colours
STRIDE = 4  # pixels of the image in one cell of a colour map, along each side
SAMPLE = 500  # training images from which the prior is counted

# sRGB (IEC 61966-2-1) to XYZ under D65, and the white point, 2 degree observer
_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_WHITE = (0.95047, 1.0, 1.08883)


def rgb_to_lab(x_NCHW: Tensor) -> Tensor:
    """(N, 3, ...) sRGB in [0, 1] to L in [0, 100], a, b.

    >>> rgb_to_lab(torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])).round().abs().tolist()
    [[100.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    linear = torch.where(x_NCHW > 0.04045, ((x_NCHW + 0.055) / 1.055).clamp(min=0) ** 2.4, x_NCHW / 12.92)
    t = _mixed(linear, x_NCHW.new_tensor(_XYZ) / x_NCHW.new_tensor(_WHITE)[:, None])
    f = torch.where(t > 0.008856, t.clamp(min=1e-6) ** (1 / 3), 7.787 * t + 16 / 116)
    fx, fy, fz = f.unbind(1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], 1)


def lab_to_rgb(lab_NCHW: Tensor) -> Tensor:
    """The way back; what no screen can show is cut to [0, 1]."""
    lightness, a, b = lab_NCHW.unbind(1)
    fy = (lightness + 16) / 116
    f = torch.stack([fy + a / 500, fy, (fy - b / 200).clamp(min=0)], 1)
    t = torch.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787)
    back = torch.linalg.inv(torch.tensor(_XYZ, dtype=torch.float64)) * torch.tensor(_WHITE, dtype=torch.float64)
    linear = _mixed(t, back.to(lab_NCHW))
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=1e-6) ** (1 / 2.4) - 0.055, 12.92 * linear).clamp(
        0, 1
    )


def _mixed(x_NC: Tensor, matrix: Tensor) -> Tensor:
    return torch.stack([sum(row[c] * x_NC[:, c] for c in range(3)) for row in matrix], 1)


def grey_image(lightness_NHW: Tensor) -> Tensor:
    """L in [0, 100] as an image (N, 3, H, W) in [0, 1] with three equal channels."""
    return (lightness_NHW / 100).clamp(0, 1)[:, None].expand(-1, 3, -1, -1).contiguous()


def pooled_map(lab_NCHW: Tensor, stride: int = STRIDE) -> Tensor:
    """Means over squares of `stride` pixels: the map whose colours are to be found."""
    height, width = lab_NCHW.shape[-2:]
    return nn.functional.adaptive_avg_pool2d(lab_NCHW, (max(1, height // stride), max(1, width // stride)))


@lru_cache
def gamut_bins(grid: int) -> Tensor:
    """(Q, 2) centres, multiples of `grid`, of the squares of ab into which an sRGB colour falls; sorted, on the CPU.

    >>> [len(gamut_bins(grid)) for grid in (10, 20)]
    [261, 76]
    """
    levels = torch.arange(0, 256, 3, dtype=torch.float64) / 255
    ab = rgb_to_lab(torch.cartesian_prod(levels, levels, levels))[:, 1:]
    return ((ab / grid).round().unique(dim=0) * grid).float()


def soft_encode(ab_M2: Tensor, bins_Q2: Tensor, grid: float, neighbours: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """Soft votes: the places (M, k) of the nearest bins, nearest first, and their shares (M, k), which sum to 1.

    Shares fall as a Gaussian of the distance with sigma = grid / 2: 5 on the paper's grid of 10.
    """
    squared = (ab_M2[:, None] - bins_Q2).square().sum(2)
    near, place = squared.topk(min(neighbours, len(bins_Q2)), dim=1, largest=False)
    return place, (-near / (2 * (grid / 2) ** 2)).softmax(1)


def rebalancing(prior_Q: Tensor, mixed: float = MIXED) -> Tensor:
    """Weight of each bin, ((1 - mixed) p + mixed / Q)^-1, scaled so that its mean under the prior is 1.

    >>> [round(float(weight), 3) for weight in rebalancing(torch.tensor([0.75, 0.25]))]
    [0.857, 1.429]
    """
    weights = 1 / ((1 - mixed) * prior_Q + mixed / len(prior_Q)).clamp(min=1e-12)
    return weights / (prior_Q * weights).sum()


def annealed_mean(logits_NQHW: Tensor, bins_Q2: Tensor, temperature: float) -> Tensor:
    """(N, 2, H, W): the mean colour under softmax(logits / T); the commonest one as T goes to 0, the mean at T = 1."""
    with torch.autocast(logits_NQHW.device.type, enabled=False):
        shares = (logits_NQHW.float() / temperature).softmax(1)
        return torch.einsum("nqhw,qc->nchw", shares, bins_Q2)


def coloured(ab_N2HW: Tensor) -> Tensor:
    """(N,) true where an image has a colour anywhere: |a| or |b| above 5. Takes ab of any form (N, ...)."""
    return (ab_N2HW.abs() > COLOURED).flatten(1).any(1)


def bin_loss(
    logits_NQHW: Tensor, ab_N2HW: Tensor, bins_Q2: Tensor, weights_Q: Tensor, grid: float
) -> tuple[Tensor, Tensor]:
    """Cross-entropy to the soft votes, by pixel weighted as its nearest bin, over images with colour; and top-1.

    Top-1 is the share of pixels of the same images whose nearest bin is the likeliest one. A batch without colour
    gives 0 for both, with gradients of 0.
    """
    with torch.autocast(logits_NQHW.device.type, enabled=False):
        place, share = soft_encode(ab_N2HW.float().movedim(1, 3).flatten(0, 2), bins_Q2, grid)
        flat = logits_NQHW.float().movedim(1, 3).flatten(0, 2)
        entropy = -(share * flat.log_softmax(1).gather(1, place)).sum(1)
        kept = coloured(ab_N2HW).float().repeat_interleave(len(flat) // len(ab_N2HW))
        pixels = kept.sum().clamp(min=1)
        right = (flat.detach().argmax(1) == place[:, 0]).float()
        return (kept * weights_Q[place[:, 0]] * entropy).sum() / pixels, (kept * right).sum() / pixels


def colour_sample(images: ImageSet, task: str, stride: int = STRIDE) -> Tensor:
    """(M, 2, h, h) colour maps of those of up to 500 images, evenly spaced through the set, that have colour.

    Images are looked at with 32 pixels a side.

    Raises:
        InputError: less than one image in twenty has colour.
    """
    small, found = Preprocess(32, 32), []
    for row in range(0, len(images), ceil(len(images) / SAMPLE)):
        try:
            found.append(small.apply(decode(images.items[row], 32)))
        except DecodeError:  # reported by the feed
            continue
    ab = pooled_map(rgb_to_lab(torch.stack(found).float() / 255), stride)[:, 1:] if found else torch.zeros(0, 2, 1, 1)
    kept = ab[coloured(ab)]
    if len(kept) <= LEAST_COLOURED * len(ab):
        raise InputError(
            f"images: {task} needs colour images, and {len(ab) - len(kept)} of {len(ab)} looked at in {images.name} "
            "are grey. Give colour images, or choose another task, such as rotation or simclr."
        )
    return kept


def colour_prior(images: ImageSet, grid: int, task: str, stride: int = STRIDE) -> tuple[float, ...]:
    """How often each bin is the nearest one on coloured training images; raises as `colour_sample`."""
    bins = gamut_bins(grid)
    nearest, _ = soft_encode(colour_sample(images, task, stride).movedim(1, 3).flatten(0, 2), bins, grid, 1)
    counts = torch.bincount(nearest[:, 0], minlength=len(bins)).double()
    return tuple(round(float(share), 7) for share in counts / counts.sum())


def contest_rows(ab_N2HW: Tensor, candidates: int) -> Tensor:
    """Which images compete in matching: those with colour; all, where these are too few for one contest.

    Grey images all have the same answer, and would tie.
    """
    kept = coloured(ab_N2HW)
    return kept if int(kept.sum()) >= candidates else torch.ones_like(kept)


class MapHead(nn.Module):
    """A map (N, channels, h, h) to logits (N, bins, side, side).

    Up-convolutions with batch normalisation double the side until it is reached; where they end above it, or images
    are of another size, the logits are resized.

    Args:
        channels: of the map.
        side: its height and width.
        target: side of the logits' map at the encoder's own input size.
        bins: logits in a cell.
        hidden: channels between.
    """

    def __init__(self, channels: int, side: int, target: int, bins: int, hidden: int) -> None:
        super().__init__()
        ups = max(0, ceil(log2(target / side)))
        widths = [channels, *[hidden] * (ups + 1)]
        layers: list[nn.Module] = []
        for step, (before, after) in enumerate(pairwise(widths)):
            up = nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            layers += [nn.Conv2d(before, after, 3, 1, 1, bias=False) if step == ups else up]
            layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(hidden, bins, 1))

    def forward(self, map_NCHW: Tensor, size: tuple[int, int]) -> Tensor:
        """Logits, in float32, of a map of `size`."""
        logits = self.layers(map_NCHW).float()
        if logits.shape[-2:] != size:
            logits = nn.functional.interpolate(logits, size=size, mode="bilinear")
        return logits
