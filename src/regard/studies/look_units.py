"""The units of one layer that are shown: their nine patches, and what each answered to, carried back to the pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..backbones.layers import Layer
from ..data.imageset import ImageSet
from ..representation.representation import Representation
from ..representation.seeing.deconvnet import deconvnet, one_unit
from ..representation.seeing.maps import LayerMap
from ..representation.seeing.patches import Nine, Patch, varied_units
from ..representation.seeing.receptive import Rectangle, receptive_fields
from ..representation.seeing.survey import prepared


@dataclass(frozen=True, eq=False)
class PatchSeen:
    """A patch, cut out.

    Attributes:
        image: row of the picture in the collection.
        value: the unit's answer.
        field: the pixels that the answer depends on, in the prepared picture.
        cell: the pixels that the cell stands over, inside the field.
        crop: (h, w, 3) uint8, the field's pixels.
        back: (h, w, 3) what the deconvnet carries back to them, of either sign; None where it has no rule.
    """

    image: int
    value: float
    field: Rectangle
    cell: Rectangle
    crop: np.ndarray
    back: np.ndarray | None


@dataclass(frozen=True, eq=False)
class UnitSeen:
    """A unit with the patches of the collection that it answers to most, from the most on."""

    unit: int
    patches: list[PatchSeen]


@dataclass(frozen=True, eq=False)
class LayerSeen:
    """One layer.

    Attributes:
        name: as it was asked for.
        channels: how many units.
        cells: rows and columns of its map.
        field: height and width in pixels of the largest field among its patches.
        units: those that are shown.
    """

    name: str
    channels: int
    cells: tuple[int, int]
    field: tuple[int, int]
    units: list[UnitSeen]


def seen_layer(
    rep: Representation,
    images: ImageSet,
    layer: Layer,
    nine: Nine,
    shape: tuple[int, int, int],
    *,
    count: int,
    carried: bool,
) -> LayerSeen:
    """The units of a layer that stand out most, with their patches.

    Args:
        rep: the representation.
        images: the collection.
        layer: of its network.
        nine: what the pass over the collection kept of the layer.
        shape: channels, rows and columns of its map.
        count: how many units.
        carried: whether the deconvnet has a rule for all that lies before the layer.
    """
    see = LayerMap(layer)
    device = rep.encoder.mean.device
    size = rep.preprocess.shape
    fields = receptive_fields(see, torch.full((1, 3, *size), 0.5, device=device), layer.network)
    units = []
    for unit in varied_units(nine, count):
        patches = nine.of(unit)
        rows, pixels = prepared(rep, images, [one.image for one in patches], len(patches))
        patches = [one for one in patches if one.image in rows]
        backs: Sequence[np.ndarray | None] = [None] * len(patches)
        if carried and patches:
            x = torch.from_numpy(pixels).to(device).float() / 255
            cells = torch.tensor([one.cell[0] * nine.width + one.cell[1] for one in patches], device=device)
            which = torch.full_like(cells, unit)
            made = deconvnet(see, x, lambda found, which=which, cells=cells: one_unit(found, which, cells))  # type: ignore[misc]
            backs = list(made.permute(0, 2, 3, 1).cpu().numpy())
        seen = []
        for patch, own, back in zip(patches, pixels, backs):
            field = fields(unit, *patch.cell)
            top, left, bottom, right = field
            crop = own.transpose(1, 2, 0)[top:bottom, left:right]
            part = None if back is None else back[top:bottom, left:right]
            seen.append(PatchSeen(patch.image, patch.value, field, _cell(patch, shape, size), crop, part))
        units.append(UnitSeen(unit, seen))
    sides = [
        (bottom - top, right - left) for one in units for top, left, bottom, right in (p.field for p in one.patches)
    ]
    largest = max(sides, default=(0, 0))
    return LayerSeen(layer.name, shape[0], shape[1:], largest, units)


def _cell(patch: Patch, shape: tuple[int, int, int], size: tuple[int, int]) -> Rectangle:
    """The share of the picture that a cell of the map stands over."""
    (row, column), (_, rows, columns), (height, width) = patch.cell, shape, size
    return (
        row * height // rows,
        column * width // columns,
        -(-(row + 1) * height // rows),
        -(-(column + 1) * width // columns),
    )
