"""The class of each pixel of a square."""

from collections.abc import Sequence

import numpy as np
import torch

from ...data.annotations.faults import NOTED, Fault
from ...data.annotations.masks import BACKGROUND, drawn
from ...data.annotations.record import Annotations
from .frame import Framed
from .target_part import Part, Without

VOID = 255  # a pixel that counts neither way


def semantic_part(carried: Annotations, framed: Framed, classes: Sequence[str], name: str) -> Part:
    """`semantic` (S, S) uint8, 255 where a pixel counts neither way; see `Kind.part`.

    A map that is not given is drawn from the masks, where `classes` has a background. Pixels of a class that is not in
    `classes` are void.
    """
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
    return Part({"semantic": framed.map_in(values, VOID)}, faults)
