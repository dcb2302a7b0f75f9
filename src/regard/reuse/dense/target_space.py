"""The objects in space of one picture, and its camera, as tensors in a square."""

from collections.abc import Sequence

import numpy as np
import torch

from ...data.annotations.boxes3d import Boxes3D
from ...data.annotations.faults import ASIDE, Fault
from ...data.annotations.record import Annotations
from .camera import Camera
from .frame import Framed
from .target_part import Part, Without

OCCLUDED, TRUNCATED = 1, 0.3  # KITTI's "moderate": what is hidden or cut off by more is difficult
FILLS = {"boxes": 0.0, "classes": -1.0, "ignore": 0.0, "space": 0.0}


def difficult(boxes: Boxes3D) -> np.ndarray:
    """(n,) bool: what neither hurts nor helps, being largely hidden, of unknown view, or cut off by over 30 %."""
    return (boxes.occluded > OCCLUDED) | (boxes.truncated > TRUNCATED) | ~boxes.known


def middles(boxes: Boxes3D) -> np.ndarray:
    """(n, 3) float64 metres: the middle of each box, which KITTI tells by that of its lower side."""
    found = boxes.bottom.astype(np.float64)
    found[:, 1] -= boxes.size[:, 0] / 2
    return found


def space_part(carried: Annotations, framed: Framed, classes: Sequence[str], name: str) -> Part:
    """`boxes`, `classes`, `ignore`, `space` (m, 7) and `camera` (4,), as `centers.SpaceObjects`; see `Kind.part`.

    Regions in which nothing counts are ignored objects of the first class. Those behind the camera, and of a class that
    is not in `classes`, are set aside.
    """
    if carried.boxes3d is None:
        raise Without("nothing is said of its objects in space")
    boxes, camera = carried.boxes3d, Camera.of(carried)
    strange = boxes.known & ~np.isin(boxes.classes, list(classes))
    behind = boxes.known & (middles(boxes)[:, 2] + camera.beside[2] <= 0)
    faults = [
        Fault(name, f"of the unknown class {str(boxes.classes[row])!r}", ASIDE, int(row))
        for row in np.flatnonzero(strange)
    ]
    faults += [Fault(name, "an object behind the camera", ASIDE, int(row)) for row in np.flatnonzero(behind & ~strange)]
    kept = boxes.take(~strange & ~behind)
    regions = ~kept.known
    middle = np.where(regions[:, None], 0.0, middles(kept) + camera.beside)
    sizes, yaw = np.where(regions[:, None], 1.0, kept.size), np.where(regions, 0.0, kept.yaw)
    space = torch.from_numpy(np.concatenate([middle, sizes, yaw[:, None]], axis=1)).float()
    places = [0 if name not in classes else list(classes).index(name) for name in kept.classes.tolist()]
    tensors = {
        "boxes": framed.boxes_in(torch.from_numpy(kept.xyxy.astype(np.float32))),
        "classes": torch.tensor(places, dtype=torch.int64),
        "ignore": torch.from_numpy(difficult(kept)),
        "space": space,
        "camera": camera.in_square(framed),
    }
    return Part(tensors, faults)
