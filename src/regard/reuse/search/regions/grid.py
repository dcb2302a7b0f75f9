"""Regions of an image as vectors: squares of the last map, each pooled by itself.

The squares are those of R-MAC (Tolias, Sicre and Jégou 2016, arXiv 1511.05879): at three levels 14 on a square map, the
first of them the whole map. What differs: they are pooled by GeM, images of a collection are seen at twice the size
where the map has few cells, and the whole picture is brought to the square, as a centre crop would leave out what lies
at the sides. Queries are seen at the network's own size: a thing that fills a query then has about as many cells as it
has in a region of the collection. `bench/search_regions.py` says what that is worth.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....core.checks import check_number
from ....representation.pooled import Pooled
from ....representation.pooling.gem import gem
from ....representation.pooling.rmac import region_grid
from ....representation.preprocess import Preprocess
from ....representation.representation import Representation

LEVELS = 3
ASKED = 2  # levels of the query: the whole of it, and four parts
CELLS = 12  # along the map's side: with fewer, pictures are seen at twice the size
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class RegionPool:
    """Maps (N, C, h, w) to the vectors of all regions behind one another, each of length 1.

    Attributes:
        levels: sizes of regions; see `region_grid`.
        pool: gem | average.
    """

    levels: int
    pool: str

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """(N, R C): region after region, the whole map first."""
        pool = gem if self.pool == "gem" else _average
        grid = region_grid(int(maps_NCHW.shape[2]), int(maps_NCHW.shape[3]), self.levels)
        parts = [pool(maps_NCHW[:, :, top : top + side, left : left + side]) for top, left, side in grid]
        return torch.cat([torch.nn.functional.normalize(part) for part in parts], 1)

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What tells its vectors from others: see `Pooled.state`."""
        return {"levels": self.levels, "pool": self.pool}, {}


@dataclass(frozen=True)
class Regions:
    """What gives regions.

    Attributes:
        collection: gives (n, R C) vectors of a collection's images.
        query: gives (n, l C) vectors of queries.
        channels: C.
        parts_R4: left, top, right, bottom of each region of a collection's image, as shares of its width and height.
    """

    collection: Representation
    query: Representation
    channels: int
    parts_R4: np.ndarray

    def apart(self, flat_ND: np.ndarray) -> np.ndarray:
        """(n, regions, C) of what either of the two gives."""
        return flat_ND.reshape(len(flat_ND), -1, self.channels)


def regions_of(rep: Representation, levels: int = LEVELS) -> Regions:
    """The regions of a representation; a pooling and whitening of its own are left out.

    By GeM, or by the average where the last map has negative numbers, of which GeM would lose the sign.

    Args:
        rep: any.
        levels: 1 to 6.
    """
    check_number("levels", levels, 1, 6, whole=True)
    own = rep.preprocess.shape
    double = (2 * own[0], 2 * own[1])
    small = _map_of(rep, own)
    assert small is not None
    pool = "average" if (small < 0).any() else "gem"
    large = _map_of(rep, double) if min(small.shape[2:]) < CELLS else None
    size, maps = (own, small) if large is None else (double, large)
    height, width = map(int, maps.shape[2:])
    grid = region_grid(height, width, levels)
    parts = [(x / width, y / height, (x + side) / width, (y + side) / height) for y, x, side in grid]
    collection, query = (
        replace(
            rep,
            preprocess=Preprocess(side, side, rep.preprocess.interpolation, "squash"),
            pooled=Pooled("regions", RegionPool(depth, pool)),
            transform=None,
        )
        for side, depth in ((size, levels), (own, ASKED))
    )
    return Regions(collection, query, int(maps.shape[1]), np.array(parts))


def box_of(part: np.ndarray, size: tuple[int, int]) -> Box:
    """Where a region lies in an upright image of (width, height) pixels: left, top, right, bottom.

    The squares are squares of the picture as the network sees it, so a wide picture's regions are wide.

    >>> box_of(np.array([0.5, 0.0, 1.0, 0.5]), (640, 320))
    (320.0, 0.0, 640.0, 160.0)
    """
    width, height = size
    x0, y0, x1, y1 = part.tolist()
    return x0 * width, y0 * height, x1 * width, y1 * height


def _average(maps_NCHW: Tensor) -> Tensor:
    return maps_NCHW.mean((2, 3))


@torch.inference_mode()
def _map_of(rep: Representation, size: tuple[int, int]) -> Tensor | None:
    """The last map of noise; None where the network takes no pictures of another size than its own."""
    noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    rep.encoder.eval()
    try:
        return rep.encoder.last_map(noise.to(rep.encoder.mean.device))
    except (AssertionError, RuntimeError, ValueError):
        if size == rep.preprocess.shape:
            raise
        return None
