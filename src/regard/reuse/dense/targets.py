"""What an image carries as tensors in a square: boxes, classes, which count, masks, and what each pixel is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...core.checks import InputError, bad
from ...data.annotations.boxes import Boxes, RawBox, corners_of, sound_boxes
from ...data.annotations.faults import ASIDE, NOTED, Fault
from ...data.annotations.masks import BACKGROUND
from ...data.annotations.record import Annotations
from ...data.imageset import ImageSet
from .frame import Framed
from .target_depth import depth_part
from .target_part import Kind, Without
from .target_semantic import semantic_part
from .target_space import FILLS as SPACE
from .target_space import space_part

# what else than boxes and masks can be learned from
MORE = MappingProxyType({"semantic": Kind(semantic_part, 1), "depth": Kind(depth_part, 4), "boxes3d": Kind(space_part)})
KINDS = ("boxes", "masks", *MORE)
CLASSLESS = ("depth",)  # which have no classes
# of tensors that have a row for each of an image's things: what fills them up to the most of a batch
FILLS: Mapping[str, float] = MappingProxyType(SPACE)
NO_MASK = "an object without a mask: it counts neither way"
SMALL = "an object without a pixel in the square: it counts neither way"


class Target(NamedTuple):
    """Of one image with m objects.

    Attributes:
        boxes: (m, 4) float32, pixels of the square.
        classes: (m,) int64.
        ignore: (m,) bool.
        masks: (m, S, ceil(S / 8)) uint8, eight pixels in a byte; None where they are not wanted.
        more: of the other kinds, by the names that batches have for them.
    """

    boxes: Tensor
    classes: Tensor
    ignore: Tensor
    masks: Tensor | None = None
    more: Mapping[str, Tensor] = MappingProxyType({})


def target_of(
    carried: Annotations, framed: Framed, classes: Sequence[str], what: Sequence[str], name: str
) -> tuple[Target, tuple[Fault, ...]]:
    """The target of one image, and what is wrong with it.

    Objects that are difficult or a crowd count neither way; those of a class that is not in `classes` are set aside.

    Args:
        carried: its annotations.
        framed: how it lies in the square.
        classes: names in the order of the outputs.
        what: some of `KINDS`.
        name: of the image, for messages.

    Raises:
        InputError: nothing is said of what is wanted, or of a picture of another size.
    """
    own = (framed.height, framed.width)
    if carried.size is not None and tuple(carried.size) != own:
        raise InputError(f"annotations of a picture of {carried.size[1]}x{carried.size[0]}, it has {own[1]}x{own[0]}")
    faults = [*carried.faults]
    others: dict[str, Tensor] = {}
    for kind in MORE:
        if kind in what:
            tensors, more = MORE[kind].part(carried, framed, classes, name)
            others |= tensors
            faults += more
    if carried.boxes is None or not {"boxes", "masks"} & set(what):
        if {"boxes", "masks"} & set(what):
            raise Without("nothing is said of its objects")
        return Target(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).bool(), None, others), tuple(faults)
    rows, boxes, more = _usable(carried.boxes, own, classes, name)
    faults += more
    ignore = boxes.difficult | boxes.crowd
    packed = None
    if "masks" in what:
        if carried.masks is None and len(boxes):
            raise Without("its objects have no masks")
        flat = torch.zeros(len(rows), framed.size, framed.size, dtype=torch.bool)
        for place, row in enumerate(rows):
            assert carried.masks is not None
            given = carried.masks.runs[row] is not None
            if given:
                flat[place] = framed.map_in(torch.from_numpy(carried.masks.array(row)), False)
            if not given or not flat[place].any():
                ignore[place] = True
                faults.append(Fault(name, SMALL if given else NO_MASK, NOTED, row))
        packed = torch.from_numpy(np.packbits(flat.numpy(), axis=2))
    places = torch.tensor([list(classes).index(label) for label in boxes.classes.tolist()], dtype=torch.int64)
    found = framed.boxes_in(torch.from_numpy(boxes.xyxy))
    return Target(found, places, torch.from_numpy(ignore), packed, others), tuple(faults)


def unpacked(masks: Tensor, size: int) -> Tensor:
    """The masks (m, S, S) of bool that `Target.masks` holds."""
    return torch.from_numpy(np.unpackbits(masks.numpy(), axis=2, count=size)).bool()


def _usable(
    boxes: Boxes, size: tuple[int, int], classes: Sequence[str], name: str
) -> tuple[list[int], Boxes, list[Fault]]:
    """The rows of the objects that can be used, their boxes cut at the picture's edges, and what became of others."""
    raw = [RawBox(corners_of(xyxy), label) for xyxy, label in zip(boxes.xyxy, boxes.classes.tolist())]
    cut, kept, faults = sound_boxes(raw, size, name)
    strange = [row for row in kept if boxes.classes[row] not in classes]
    faults += [Fault(name, f"of the unknown class {str(boxes.classes[row])!r}", ASIDE, row) for row in strange]
    rows = [row for row in kept if row not in set(strange)]
    taken = boxes.take(rows)
    inside = cut.xyxy[[kept.index(row) for row in rows]].reshape(-1, 4)
    flags = {flag: getattr(taken, flag) for flag in ("difficult", "truncated", "occluded", "crowd", "pose")}
    return rows, Boxes(inside, taken.classes, **flags), faults


def stacked(name: str, values: Sequence[Tensor]) -> Tensor:
    """What several images have of one name as one tensor: filled up to the most of them where their number differs."""
    if name in FILLS:
        least = torch.full((1, *values[0].shape[1:]), FILLS[name]).to(values[0].dtype)
        return pad_sequence([*values, least], batch_first=True, padding_value=FILLS[name])[:-1]
    made = torch.stack(list(values))
    return made.long() if made.dtype == torch.uint8 else made


def class_names(images: ImageSet, what: str) -> tuple[str, ...]:
    """The classes that the annotations name: with the background where pixels are classed, none where none are."""
    assert images.annotations is not None
    if what in CLASSLESS:
        return ()
    names = images.annotations.classes
    if what != "semantic":
        names = tuple(name for name in names if name != BACKGROUND)  # of a map beside the boxes
    if not names:
        raise bad("images", f"{images.name}, whose annotations name no class", "annotated objects or pixels")
    if what == "semantic" and BACKGROUND not in names and images.annotations[0].semantic is None:
        return (BACKGROUND, *names)
    return names
