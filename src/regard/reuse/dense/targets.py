"""What an image carries as tensors in a square: boxes, classes, which count, masks, and the class of each pixel."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...core.checks import InputError, bad
from ...data.annotations.boxes import Boxes, RawBox, corners_of, sound_boxes
from ...data.annotations.faults import ASIDE, NOTED, Fault
from ...data.annotations.masks import BACKGROUND, drawn
from ...data.annotations.record import Annotations
from ...data.imageset import ImageSet
from .frame import Framed

KINDS = ("boxes", "masks", "semantic")
VOID = 255  # a pixel that counts neither way
NO_MASK = "an object without a mask: it counts neither way"
SMALL = "an object without a pixel in the square: it counts neither way"


class Target(NamedTuple):
    """Of one image with m objects.

    Attributes:
        boxes: (m, 4) float32, pixels of the square.
        classes: (m,) int64.
        ignore: (m,) bool.
        masks: (m, S, ceil(S / 8)) uint8, eight pixels in a byte; None where they are not wanted.
        semantic: (S, S) uint8; None likewise.
    """

    boxes: Tensor
    classes: Tensor
    ignore: Tensor
    masks: Tensor | None = None
    semantic: Tensor | None = None


class Without(InputError):
    """Nothing is said of what is to be learned from an image, which is another thing than that there is nothing."""


def target_of(
    carried: Annotations, framed: Framed, classes: Sequence[str], what: Sequence[str], name: str
) -> tuple[Target, tuple[Fault, ...]]:
    """The target of one image, and what is wrong with it.

    Objects that are difficult or a crowd count neither way; those of a class that is not in `classes` are set aside,
    pixels of such a class are void. A semantic map that is not given is drawn from the masks, where `classes` has a
    background.

    Args:
        carried: its annotations.
        framed: how it lies in the square.
        classes: names in the order of the outputs.
        what: some of boxes, masks, semantic.
        name: of the image, for messages.

    Raises:
        InputError: nothing is said of what is wanted, or of a picture of another size.
    """
    own = (framed.height, framed.width)
    if carried.size is not None and tuple(carried.size) != own:
        raise InputError(f"annotations of a picture of {carried.size[1]}x{carried.size[0]}, it has {own[1]}x{own[0]}")
    faults = [*carried.faults]
    semantic = None
    if "semantic" in what:
        semantic, more = _semantic(carried, framed, classes, name)
        faults += more
    if carried.boxes is None or not {"boxes", "masks"} & set(what):
        if {"boxes", "masks"} & set(what):
            raise Without("nothing is said of its objects")
        return Target(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0).bool(), None, semantic), tuple(faults)
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
    return Target(found, places, torch.from_numpy(ignore), packed, semantic), tuple(faults)


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


def _semantic(carried: Annotations, framed: Framed, classes: Sequence[str], name: str) -> tuple[Tensor, list[Fault]]:
    known = carried.semantic
    if known is None:
        if carried.masks is None or BACKGROUND not in classes or carried.boxes is None:
            raise Without("nothing is said of the classes of its pixels")
        names = sorted(set(carried.boxes.classes.tolist()) | {one for one in classes if one != BACKGROUND})
        known = drawn(carried.masks, carried.boxes.classes.tolist(), names)
    table = np.full(int(known.ignore) + 1, VOID, dtype=np.uint8)
    for place, label in enumerate(known.classes):
        if label in classes:
            table[place] = list(classes).index(label)
    strange = [label for label in known.pixels() if label not in classes]
    faults = [Fault(name, f"pixels of the unknown class {one!r}: they count neither way", NOTED) for one in strange]
    values = torch.from_numpy(table[known.values])
    return framed.map_in(values, VOID), faults


def class_names(images: ImageSet, what: str) -> tuple[str, ...]:
    """The classes that the annotations name: with the background where pixels are classed, else without."""
    assert images.annotations is not None
    names = images.annotations.classes
    if what != "semantic":
        names = tuple(name for name in names if name != BACKGROUND)  # of a map beside the boxes
    if not names:
        raise bad("images", f"{images.name}, whose annotations name no class", "annotated objects or pixels")
    if what == "semantic" and BACKGROUND not in names and images.annotations[0].semantic is None:
        return (BACKGROUND, *names)
    return names
