"""A pyramid whose levels all know what is seen, as wide as is asked.

Paper: Lin, Dollár, Girshick, He, Hariharan, Belongie 2017, Feature pyramid networks for object detection, CVPR.

The idea: each level is brought to one width by a 1 x 1 convolution, then gets the next coarser one, doubled, added;
a 3 x 3 convolution smooths the sum.

As in the paper the convolutions of the neck are not normalised: with group normalisation (Wu and He 2018) after each, a
detector of blood cells was much slower to learn the rare small ones. Heads that normalise do so by `normalised`: unlike
batch normalisation, groups do not mix pictures, of which a batch on a CPU has few.
"""

from collections.abc import Sequence
from math import gcd

from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from ...backbones.contract import FeatureInfo
from ...core.checks import bad, check_number

GROUPS = 8


class Neck(nn.Module):
    """Levels (N, C, h, w) of a `Pyramid` to levels (N, width, h, w), with a coarser one more where asked.

    Args:
        info: the pyramid's, fine to coarse, each stride twice the one before.
        width: channels of every level.
        coarser: add a level of twice the coarsest stride: every second cell of the coarsest, as in the paper.

    Attributes:
        strides: of the levels that it gives, in pixels.
    """

    def __init__(self, info: Sequence[FeatureInfo], width: int = 64, coarser: bool = False) -> None:
        super().__init__()
        check_number("width", width, 1, whole=True)
        strides = [one.reduction for one in info]
        if not strides or any(b != 2 * a for a, b in zip(strides, strides[1:])):
            raise bad("info", f"levels of strides {strides}", "each stride twice the one before", "Such as 4, 8, 16.")
        self.width, self.coarser = width, coarser
        self.strides = (*strides, 2 * strides[-1]) if coarser else tuple(strides)
        self.lateral = nn.ModuleList(convolution(one.channels, width, 1) for one in info)
        self.smooth = nn.ModuleList(convolution(width, width, 3) for _ in info)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """The levels, fine to coarse."""
        inner = [lateral(level) for lateral, level in zip(self.lateral, levels)]
        for place in range(len(inner) - 1, 0, -1):
            inner[place - 1] = inner[place - 1] + enlarged(inner[place], 2, inner[place - 1], "nearest")
        found = [smooth(level) for smooth, level in zip(self.smooth, inner)]
        return [*found, max_pool2d(found[-1], 1, 2)] if self.coarser else found


def convolution(channels: int, width: int, kernel: int, dilation: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution that keeps the number of cells, and about the scale of what it gets."""
    made = nn.Conv2d(channels, width, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=bias)
    nn.init.kaiming_uniform_(made.weight, a=1)
    if bias:
        nn.init.zeros_(made.bias)
    return made


def normalised(channels: int, width: int, kernel: int, dilation: int = 1) -> nn.Sequential:
    """The same, and group normalisation."""
    inside = convolution(channels, width, kernel, dilation, bias=False)
    return nn.Sequential(inside, nn.GroupNorm(gcd(width, GROUPS), width))


def enlarged(level: Tensor, times: int, like: Tensor, mode: str = "bilinear") -> Tensor:
    """Each cell `times` cells wide and high, cut to the cells of a finer level: what is beyond them is no picture."""
    if times > 1:
        smooth = {"align_corners": False} if mode == "bilinear" else {}
        level = interpolate(level, scale_factor=times, mode=mode, **smooth)
    return level[:, :, : like.shape[2], : like.shape[3]]
