"""The units of one layer that are shown: their nine patches, and what each answered to, carried back to the pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..backbones.layers import Layer
from ..representation.representation import Representation
from ..representation.seeing.deconvnet import deconvnet, one_unit
from ..representation.seeing.guided import guided_backpropagation
from ..representation.seeing.maps import LayerMap, blank
from ..representation.seeing.patches import Nine, Patch, varied_units
from ..representation.seeing.receptive import Rectangle, receptive_fields


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
        guided: the same by guided backpropagation.
    """

    image: int
    value: float
    field: Rectangle
    cell: Rectangle
    crop: np.ndarray
    back: np.ndarray | None
    guided: np.ndarray | None


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
    layer: Layer,
    nine: Nine,
    shape: tuple[int, int, int],
    pixels_of: Callable[[int], np.ndarray | None],
    *,
    count: int,
    carried: bool,
    guided: bool,
) -> LayerSeen:
    """The units of a layer that stand out most, with their patches.

    Args:
        rep: the representation.
        layer: of its network.
        nine: what the pass over the collection kept of the layer.
        shape: channels, rows and columns of its map.
        pixels_of: a row of the collection to prepared pixels (3, H, W) uint8, or None where it cannot be read again.
        count: how many units.
        carried: whether the deconvnet has a rule for all that lies before the layer.
        guided: whether guided backpropagation has.
    """
    see = LayerMap(layer)
    grey = blank(layer, rep.preprocess.shape)
    fields = receptive_fields(see, grey, layer.network)
    units = []
    for unit in varied_units(nine, count):
        read = [(one, own) for one in nine.of(unit) if (own := pixels_of(one.image)) is not None]
        back = _back(see, unit, nine, read, deconvnet, grey) if carried else None
        more = _back(see, unit, nine, read, guided_backpropagation, grey) if guided else None
        seen = []
        for place, (patch, own) in enumerate(read):
            top, left, bottom, right = field = fields(unit, *patch.cell)
            here = (slice(None), slice(top, bottom), slice(left, right))
            parts = [None if made is None else made[place][here].transpose(1, 2, 0) for made in (back, more)]
            cell = _cell(patch, shape, rep.preprocess.shape)
            seen.append(PatchSeen(patch.image, patch.value, field, cell, own[here].transpose(1, 2, 0), *parts))
        units.append(UnitSeen(unit, seen))
    fields_seen = [patch.field for one in units for patch in one.patches]
    largest = (
        max((bottom - top for top, _, bottom, _ in fields_seen), default=0),
        max((right - left for _, left, _, right in fields_seen), default=0),
    )
    return LayerSeen(layer.name, shape[0], shape[1:], largest, units)


def _back(
    see: LayerMap,
    unit: int,
    nine: Nine,
    read: Sequence[tuple[Patch, np.ndarray]],
    way: Callable[..., Tensor],
    like: Tensor,
) -> np.ndarray | None:
    """What a way carries back from a unit in each of its patches: (k, 3, H, W)."""
    if not read:
        return None
    x = torch.from_numpy(np.stack([own for _, own in read])).to(like.device).float() / 255
    cells = torch.tensor([one.cell[0] * nine.width + one.cell[1] for one, _ in read], device=like.device)
    found: np.ndarray = way(see, x, lambda made: one_unit(made, torch.full_like(cells, unit), cells)).cpu().numpy()
    return found


def _cell(patch: Patch, shape: tuple[int, int, int], size: tuple[int, int]) -> Rectangle:
    """The share of the picture that a cell of the map stands over."""
    (row, column), (_, rows, columns), (height, width) = patch.cell, shape, size
    return (
        row * height // rows,
        column * width // columns,
        -(-(row + 1) * height // rows),
        -(-(column + 1) * width // columns),
    )
