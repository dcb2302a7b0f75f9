"""Grid: each channel pooled in every cell of a coarse grid, so that the vector says where.

Zhang, Isola and Efros 2017, "Split-brain autoencoders", CVPR, section 4, and others that compare layers: maps of each
layer are pooled to about 9,000 numbers, conv5 of AlexNet to 6 x 6 x 256, and a linear classifier stands on these.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...core.checks import check_choice, check_number
from ._common import check_maps

KINDS = ("max", "mean")


def grid(x_NCHW: Tensor, cells: int = 6, kind: str = "max") -> Tensor:
    """Pool maps (N, C, h, w) to (N, C * cells^2), not brought to length 1: channel by channel, its cells in rows.

    Cell i of k along a side of n goes from floor(i n / k) to ceil((i + 1) n / k), as in adaptive pooling; of a map
    with fewer cells than the grid some count twice.

    Args:
        x_NCHW: maps.
        cells: of the grid along each side, at least 1.
        kind: max | mean, of each cell.

    >>> grid(torch.arange(16.0).view(1, 1, 4, 4), cells=2)
    tensor([[ 5.,  7., 13., 15.]])
    """
    check_number("cells", cells, 1, whole=True)
    check_choice("kind", kind, KINDS)
    x = check_maps(x_NCHW)
    for axis in (2, 3):  # rows, then columns: a maximum or mean of a rectangle is one of its rows'
        n = int(x.shape[axis])
        parts = [x.narrow(axis, i * n // cells, -(-(i + 1) * n // cells) - i * n // cells) for i in range(cells)]
        x = torch.stack([one.amax(axis) if kind == "max" else one.mean(axis) for one in parts], axis)
    return x.flatten(1)


@dataclass(frozen=True)
class Method:
    """A grid of maxima or means; one cell of means is the plain average."""

    cells: int = 6
    kind: Literal["max", "mean"] = "max"

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w) to vectors (N, C * cells^2)."""
        return grid(maps_NCHW, self.cells, self.kind)
