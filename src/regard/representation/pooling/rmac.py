"""R-MAC: maxima of square regions at several sizes, each at length 1, summed.

Tolias, Sicre and Jégou 2016, "Particular object retrieval with integral max-pooling of CNN activations", arXiv
1511.05879, section 3.2. A small object thus counts as much as what fills the picture. Sides and places are rounded
down to whole cells; regions that coincide on a small map count once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ._common import check_maps, unit

OVERLAP = 0.4  # of neighbouring regions of the first level, along the longer side
Whiten = Callable[[np.ndarray], np.ndarray]


def region_grid(height: int, width: int, levels: int = 3) -> list[tuple[int, int, int]]:
    """The regions (top, left, side) on a map of height x width cells, level after level.

    At level 1 squares of side s = min(height, width) lie along the longer side, as many (m) as bring the overlap of
    neighbours, 1 - (max - s) / (s (m - 1)), nearest to 40 %; one where the map is square. At level l there are l
    along the shorter and l + m - 1 along the longer side, of side 2 s / (l + 1), evenly spaced from edge to edge.

    >>> region_grid(4, 4, levels=2)
    [(0, 0, 4), (0, 0, 2), (0, 2, 2), (2, 0, 2), (2, 2, 2)]
    """
    for name, value in (("height", height), ("width", width), ("levels", levels)):
        check_number(name, value, 1, whole=True)
    short, long = min(height, width), max(height, width)
    along = _along(short, long)
    found = []
    for level in range(1, levels + 1):
        side = max(1, 2 * short // (level + 1))
        rows, columns = (_places(length, side, level + (along - 1) * (length > short)) for length in (height, width))
        found += [(top, left, side) for top in rows for left in columns]
    return list(dict.fromkeys(found))


def region_vectors(x_NCHW: Tensor, levels: int = 3) -> Tensor:
    """The maxima of each region at length 1, (N, regions, C): what to fit a whitening on."""
    x = check_maps(x_NCHW)
    grid = region_grid(int(x.shape[2]), int(x.shape[3]), levels)  # int: while traced they are tensors
    return unit(
        torch.stack([x[:, :, top : top + side, left : left + side].amax((2, 3)) for top, left, side in grid], 1)
    )


def rmac(x_NCHW: Tensor, levels: int = 3, whiten: Whiten | None = None) -> Tensor:
    """Pool maps (N, C, h, w) to vectors (N, D) of length 1: the sum over regions of their vectors.

    Args:
        x_NCHW: maps.
        levels: sizes of regions, 3 in the paper; 14 regions on a square map.
        whiten: applied to regions (M, C) as an array, giving (M, D), which are brought to length 1 again;
            `PCAWhiten.fit(region_vectors(x).flatten(0, 1)).apply` is one.

    Raises:
        InputError: no maps, NaN, levels below 1.
    """
    regions = region_vectors(x_NCHW, levels)
    if whiten is not None:
        flat = np.asarray(whiten(regions.flatten(0, 1).detach().cpu().numpy()))
        if flat.ndim != 2 or len(flat) != regions.shape[0] * regions.shape[1]:
            raise bad("whiten", f"a function that gives shape {flat.shape}", "one row for each region")
        regions = unit(torch.from_numpy(flat).to(regions).unflatten(0, regions.shape[:2]))
    return unit(regions.sum(1))


@dataclass(frozen=True)
class Method:
    """R-MAC with its settings."""

    levels: int = 3
    whiten: Whiten | None = None

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w) to vectors (N, D) of length 1."""
        return rmac(maps_NCHW, self.levels, self.whiten)


def _along(short: int, long: int) -> int:
    """How many squares of side `short` lie along `long`, at least two where they differ."""
    if short == long:
        return 1
    gaps = (long - short) / (short * (1 - OVERLAP))  # m - 1 at an overlap of exactly 40 %
    candidates = [max(1, int(gaps)), int(gaps) + 1]
    return 1 + min(candidates, key=lambda gap: abs(1 - (long - short) / (short * gap) - OVERLAP))


def _places(length: int, side: int, count: int) -> list[int]:
    return [place * (length - side) // max(count - 1, 1) for place in range(count)]
