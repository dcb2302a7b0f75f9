"""How maps are read as local descriptors: several of a cell, where they lie, blank ones left out, parts of the picture.

Positions as two more numbers: Sánchez, Perronnin and de Campos 2012, "Modeling the spatial layout of images beyond
spatial pyramids", Pattern Recognition Letters 33. The spatial pyramid: Lazebnik, Schmid and Ponce 2006, "Beyond bags of
features", CVPR; here each part weighs the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from math import prod
from typing import Any

import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ._common import _NUMBERS, check_descriptors, project

# a field that folders of before do not have: at its default it is not written, so that their fingerprints stay
LATER = {"later": True}
MOST_PARTS = 64


@dataclass(frozen=True)
class Read:
    """Local descriptors of some images.

    Attributes:
        x: (N, P, d), projected.
        counted: (N, P) which of them count; None: all.
        pieces: (P_i,) which descriptors, for each piece of a picture that lies in the same parts; None: one piece.
        parts: (parts, pieces) 1 where a piece is in a part of the pyramid.
    """

    x: Tensor
    counted: Tensor | None
    pieces: list[Tensor] | None
    parts: Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Local:
    """How maps (N, C, h, w) are read.

    Attributes:
        per_cell: how many descriptors a cell's channels hold, one after the other.
        positions: two more numbers, x / w - 0.5 and y / h - 0.5 of the cell's middle, in [-0.5, 0.5].
        skip_blank: descriptors that are all zeros do not count, as of a place without structure there is nothing to
            say; in a picture that has no others they do.
        pyramid: parts of the picture, each with a vector of its own: rows x columns, such as `1x1,2x2,3x1`.
    """

    per_cell: int = field(default=1, metadata=LATER)
    positions: bool = field(default=False, metadata=LATER)
    skip_blank: bool = field(default=False, metadata=LATER)
    pyramid: str = field(default="1x1", metadata=LATER)

    def read(self, maps: Tensor, mean: Tensor | None, axes: Tensor | None) -> Read:
        """Descriptors of maps (N, C, h, w), or descriptors (N, P, D) where neither places nor parts are asked for."""
        x, grid = self._descriptors(maps)
        counted = None
        if self.skip_blank:
            counted = _there(x)
            counted = counted | ~counted.any(1, keepdim=True)  # a picture that is blank all over is described as that
        pieces, parts = self._pieces(*grid)
        where = self.places(*grid).to(x) if self.positions else None
        return Read(_projected(x, where, mean, axes), counted, pieces, parts.to(x))

    def each(self, maps: Tensor) -> Iterator[Tensor]:
        """Some images at a time, so that what is made of their descriptors stays in the processor's reach."""
        numbers = maps[0].numel() if isinstance(maps, Tensor) and maps.ndim > 2 and len(maps) else 1
        yield from maps.split(max(1, _NUMBERS // max(1, numbers))) if numbers > 1 else [maps]

    def rows(self, maps: Tensor) -> Tensor:
        """(M, D) what there is to learn a vocabulary from: descriptors that count, with their positions."""
        x, grid = self._descriptors(maps)
        counted = _there(x)
        if self.positions:
            x = _with(x, self.places(*grid).to(x))
        return x[counted] if self.skip_blank else x.flatten(0, 1)

    def places(self, height: int, width: int) -> Tensor:
        """(P, 2) x and y of descriptors on a map of height x width cells."""
        down, across = ((torch.arange(side, dtype=torch.float64) + 0.5) / side - 0.5 for side in (height, width))
        y = down.view(-1, 1, 1).expand(height, width, self.per_cell)
        x = across.view(1, -1, 1).expand(height, width, self.per_cell)
        return torch.stack([x.flatten(), y.flatten()], 1)

    def _descriptors(self, maps: Tensor) -> tuple[Tensor, tuple[int, int]]:
        check_number("per_cell", self.per_cell, 1, whole=True)
        x = check_descriptors(maps)
        if maps.ndim == 3:
            if self.positions or self.pyramid != "1x1":
                raise bad("maps", "descriptors (N, P, D), which have no place", "maps (N, C, h, w)")
            return x, (1, x.shape[1] // self.per_cell)
        if x.shape[2] % self.per_cell:
            raise bad("maps", f"{x.shape[2]} channels", f"a multiple of {self.per_cell}, as so many are in a cell")
        x = x.unflatten(2, (self.per_cell, x.shape[2] // self.per_cell)).flatten(1, 2)
        return x, (int(maps.shape[2]), int(maps.shape[3]))  # int: while traced they are tensors

    def _pieces(self, height: int, width: int) -> tuple[list[Tensor] | None, Tensor]:
        levels = levels_of(self.pyramid)
        if levels == [(1, 1)]:
            return None, torch.ones(1, 1)
        codes = []
        for rows, columns in levels:
            # a cell is where its middle is, in whole numbers, which know what lies on a border
            down, across = (
                (2 * torch.arange(n) + 1) * many // (2 * n) for n, many in ((height, rows), (width, columns))
            )
            part = down[:, None] * columns + across
            codes.append(part[:, :, None].expand(height, width, self.per_cell).flatten())
        kinds, piece = torch.unique(torch.stack(codes, 1), dim=0, return_inverse=True)
        member = [(kinds[:, level] == part).double() for level, both in enumerate(levels) for part in range(prod(both))]
        return [torch.nonzero(piece == one)[:, 0] for one in range(len(kinds))], torch.stack(member)


def _projected(x_NPD: Tensor, where_P2: Tensor | None, mean: Tensor | None, axes: Tensor | None) -> Tensor:
    """Descriptors with their positions along the axes, or as they are where there are none."""
    if mean is None or axes is None or where_P2 is None:
        return project(x_NPD if where_P2 is None else _with(x_NPD, where_P2), mean, axes)
    own = x_NPD.shape[2]
    if own + 2 != len(mean):
        raise bad("maps", f"{own} channels", f"{len(mean) - 2}, as at the fit")
    mean, axes = mean.to(x_NPD), axes.to(x_NPD)
    # equal to the projection of all of them together, which would be copied for it
    return x_NPD @ axes[:own] + ((where_P2 - mean[own:]) @ axes[own:] - mean[:own] @ axes[:own])


def _there(x_NPD: Tensor) -> Tensor:
    """(N, P) which descriptors are not all zeros."""
    return torch.linalg.vector_norm(x_NPD, 1, dim=2) > 0


def _with(x_NPD: Tensor, where_P2: Tensor) -> Tensor:
    return torch.cat([x_NPD, where_P2.expand(len(x_NPD), -1, -1)], 2)


def told(form: Local) -> dict[str, Any]:
    """The settings of how maps are read, by name."""
    return {one.name: getattr(form, one.name) for one in fields(Local)}


def levels_of(pyramid: str) -> list[tuple[int, int]]:
    """Rows and columns of each level of a pyramid.

    >>> levels_of("1x1,2x2,3x1")
    [(1, 1), (2, 2), (3, 1)]
    """
    said = [re.fullmatch(r"\s*([1-9]\d?)\s*x\s*([1-9]\d?)\s*", one) for one in str(pyramid).split(",")]
    levels = [(int(one[1]), int(one[2])) for one in said if one]
    if not levels or len(levels) < len(said) or sum(map(prod, levels)) > MOST_PARTS:
        raise bad(
            "pyramid", repr(pyramid), f"rows x columns, at most {MOST_PARTS} parts in all", "For example 1x1,2x2,3x1."
        )
    return levels
