"""Anchors: the boxes that a detector starts from, sized as the objects of the training set are.

Ren, He, Girshick, Sun 2015 (Faster R-CNN, NeurIPS) give each cell boxes of a few sizes and shapes; Lin et al. 2017
leave one size to each level of a pyramid. Here sizes and shapes are those of the training boxes: the usual ones, 32 to
512 pixels, find no cells and no platelets. They divide what is between quantiles evenly; clusters, which k-means would
look for, follow the frequent class and leave the rare one out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import bad, check_number

CELLS = (4.0, 8.0)  # how many cells across an object is on its level
RATIOS = (0.5, 1.0, 2.0)
RARE = 0.05  # share of the objects of a level, the smallest and the largest, that its sizes need not reach
ALIKE = 1.25  # two shapes whose ratios differ by less are one


@dataclass(frozen=True)
class Anchors:
    """Sizes and shapes of anchors.

    Attributes:
        sizes: for each level the square roots of their areas in pixels; as many on each.
        ratios: height / width, the same on all levels.
    """

    sizes: tuple[tuple[float, ...], ...]
    ratios: tuple[float, ...] = RATIOS

    def __post_init__(self) -> None:
        values = [*self.ratios, *(one for level in self.sizes for one in level)]
        counts = {len(level) for level in self.sizes}
        if len(counts) != 1 or 0 in counts or not self.ratios or not all(one > 0 for one in values):
            raise bad("anchors", (self.sizes, self.ratios), "as many sizes above 0 on each level, and ratios above 0")

    @property
    def each(self) -> int:
        """How many a cell has."""
        return len(self.sizes[0]) * len(self.ratios)

    def grid(self, cells: Sequence[tuple[int, int]], strides: Sequence[int], device: torch.device) -> list[Tensor]:
        """The anchors of each level, (height * width * each, 4), about the middles of its cells, row by row.

        Args:
            cells: height and width of each level.
            strides: of each level, in pixels.
            device: where they are wanted.
        """
        ratios = torch.tensor(self.ratios, device=device)
        made = []
        for sizes, (height, width), stride in zip(self.sizes, cells, strides):
            size = torch.tensor(sizes, device=device)[:, None]
            half = torch.stack([size / ratios.sqrt(), size * ratios.sqrt()], -1).view(-1, 2) / 2
            shape = torch.cat([-half, half], 1)
            middle = middles(height, width, stride, device)
            made.append((middle.repeat(1, 2)[:, None] + shape).view(-1, 4))
        return made


def middles(height: int, width: int, stride: int, device: torch.device) -> Tensor:
    """The middles (height * width, 2) of a level's cells, x and y in pixels, row by row."""
    down, across = ((torch.arange(count, device=device) + 0.5) * stride for count in (height, width))
    rows, columns = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([columns, rows], -1).view(-1, 2)


def anchors_from(boxes: Tensor | None = None, strides: Sequence[int] = (4, 8, 16, 32), sizes: int = 2) -> Anchors:
    """Anchors for objects like these.

    An object belongs to the level on which it is 4 to 8 cells across (smaller ones to the finest, larger ones to the
    coarsest). The sizes of a level divide what is between the smallest and the largest twentieth of its objects evenly,
    in octaves; one without objects gets sizes in that range.

    Args:
        boxes: (n, 4), of the training set, in pixels of the input; None or none: usual ones.
        strides: of the levels, in pixels.
        sizes: how many on each level.

    >>> anchors_from(torch.tensor([[0.0, 0, 20, 20], [5, 5, 29, 29]]), (4, 8), 2)
    Anchors(sizes=((21.0, 22.8), (38.1, 53.8)), ratios=(1.0,))
    """
    check_number("sizes", sizes, 1, whole=True)
    parts = (torch.arange(sizes, dtype=torch.float64) + 0.5) / sizes
    rare = torch.tensor([RARE, 1 - RARE], dtype=torch.float64)
    given = torch.zeros(0, 4) if boxes is None else boxes.detach().cpu()
    sides = (given[:, 2:] - given[:, :2]).double()
    sides = sides[(sides > 0).all(1)]
    across = sides.prod(1).log2() / 2
    ends = torch.tensor([stride * CELLS[1] for stride in strides[:-1]], dtype=torch.float64).log2()
    level = torch.bucketize(across, ends, right=True)
    found = []
    for place, stride in enumerate(strides):
        own = across[level == place]
        usual = torch.tensor([stride * one for one in CELLS], dtype=torch.float64).log2()
        low, high = torch.quantile(own, rare) if len(own) else usual
        found.append(tuple(round(float(one), 1) for one in (low + (high - low) * parts).exp2()))
    return Anchors(tuple(tuple(max(one, 1.0) for one in level) for level in found), _ratios(sides))


def _ratios(sides: Tensor) -> tuple[float, ...]:
    if not len(sides):
        return RATIOS
    ratios = (sides[:, 1] / sides[:, 0]).log()
    low, middle, high = torch.quantile(ratios, torch.tensor([1 / 6, 1 / 2, 5 / 6], dtype=torch.float64)).exp().tolist()
    kept = [middle]
    for other in (low, high):
        if max(other / middle, middle / other) >= ALIKE:
            kept.append(other)
    return tuple(round(one, 2) for one in sorted(kept))
