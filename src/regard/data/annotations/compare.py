"""How far the annotations of the same images, read from two places, are apart."""

from dataclasses import asdict, dataclass

import numpy as np

from ...core.checks import bad
from ..imageset import ImageSet
from .boxes import FLAGS, Boxes
from .masks import Masks
from .record import Annotations


@dataclass(frozen=True)
class Difference:
    """What two readings of the same images say differently; all 0 where they say the same.

    Attributes:
        images: how many were compared.
        objects: how many boxes the first has.
        missing: boxes of the first that the second lacks, and the other way round, in images where numbers differ.
        pixels: the largest shift of an edge of a box, in pixels.
        classes: boxes of another class.
        flags: flags and poses that differ.
        masks: how many masks there are in the first.
        mask_pixels: pixels in which masks differ, a mask that one lacks counted whole.
        map_pixels: pixels in which the first's semantic maps differ in the second, by the names of classes; a map that
            the second lacks is counted whole.
        depth_millimetres: the largest difference of depth; infinite where it is known in one alone.
        space: the largest difference of a number of the boxes in space.
    """

    images: int = 0
    objects: int = 0
    missing: int = 0
    pixels: float = 0.0
    classes: int = 0
    flags: int = 0
    masks: int = 0
    mask_pixels: int = 0
    map_pixels: int = 0
    depth_millimetres: float = 0.0
    space: float = 0.0

    def to_dict(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def difference(first: ImageSet, second: ImageSet) -> Difference:
    """Compare image by image; objects are compared in their order.

    An image of the first is the one of the same id in the second, the suffix aside, or else the only one whose id ends
    so: a writer may have put it into a folder.

    Raises:
        InputError: images without annotations, or an image that one of the two lacks.
    """
    if first.annotations is None or second.annotations is None:
        raise bad("images", "images without annotations", "annotations in both")
    rows = _by_name(second.ids.tolist())
    missing = [its for its in first.ids.tolist() if rows.get(_stem(its)) is None]
    if missing or len(first) != len(second):
        raise bad("images", f"{len(first)} and {len(second)} images ({', '.join(missing[:3])})", "the same images")
    total: dict[str, float] = Difference(images=len(first)).to_dict()
    for row, its in enumerate(first.ids.tolist()):
        one = _between(first.annotations[row], second.annotations[rows[_stem(its)] or 0])
        for name, value in one.items():
            largest = name in ("pixels", "depth_millimetres", "space")
            total[name] = max(total[name], value) if largest else total[name] + value
    return Difference(**total)  # type: ignore[arg-type]


def _stem(its: str) -> str:
    return its.rpartition(".")[0] or its


def _by_name(ids: list[str]) -> dict[str, int | None]:
    """Rows by id and by every end of it; None for an end that two have."""
    rows: dict[str, int | None] = {}
    for row, its in enumerate(ids):
        parts = _stem(its).split("/")
        for start in range(1, len(parts)):
            end = "/".join(parts[start:])
            rows[end] = None if end in rows else row
    return rows | {_stem(its): row for row, its in enumerate(ids)}


def _between(a: Annotations, b: Annotations) -> dict[str, float]:
    found: dict[str, float] = {}
    mine, yours = (_boxes(one) for one in (a, b))
    found["objects"] = len(mine)
    found["missing"] = abs(len(mine) - len(yours))
    if len(mine) == len(yours) and len(mine):
        found["pixels"] = float(np.abs(mine.xyxy - yours.xyxy).max())
        found["classes"] = int((mine.classes != yours.classes).sum())
        names = (*FLAGS, "pose")
        found["flags"] = sum(int((getattr(mine, name) != getattr(yours, name)).sum()) for name in names)
    found |= _masks(a.masks, b.masks, len(mine) == len(yours))
    found["map_pixels"] = _maps(a, b)
    if a.depth is not None or b.depth is not None:
        found["depth_millimetres"] = _depth(a, b)
    if a.boxes3d is not None or b.boxes3d is not None:
        found["space"] = _space(a, b)
    return found


def _boxes(one: Annotations) -> Boxes:
    return Boxes(np.zeros((0, 4)), np.zeros(0, dtype=np.str_)) if one.boxes is None else one.boxes


def _masks(a: Masks | None, b: Masks | None, aligned: bool) -> dict[str, float]:
    count = 0 if a is None else sum(one is not None for one in a.runs)
    if a is None or b is None or not aligned:
        whole = sum(int(one.areas.sum()) for one in (a, b) if one is not None)
        return {"masks": count, "mask_pixels": whole}
    pixels = 0
    for row, (mine, yours) in enumerate(zip(a.runs, b.runs)):
        same = mine is yours or (mine is not None and yours is not None and np.array_equal(mine, yours))
        pixels += 0 if same else int((a.array(row) != b.array(row)).sum())
    return {"masks": count, "mask_pixels": pixels}


def _maps(a: Annotations, b: Annotations) -> int:
    if a.semantic is None or b.semantic is None:
        return 0 if a.semantic is None else a.semantic.values.size
    names = sorted({*a.semantic.classes, *b.semantic.classes})
    places = []
    for one in (a.semantic, b.semantic):
        table = np.full(max(one.ignore, len(one.classes)) + 1, -1)
        table[: len(one.classes)] = [names.index(name) for name in one.classes]
        table[one.ignore] = -1
        places.append(table[one.values])
    return int((places[0] != places[1]).sum()) if places[0].shape == places[1].shape else places[0].size


def _depth(a: Annotations, b: Annotations) -> float:
    if a.depth is None or b.depth is None or (a.depth.known != b.depth.known).any():
        return float("inf")
    apart = np.abs(a.depth.metres - b.depth.metres)[a.depth.known]
    return float(apart.max(initial=0)) * 1000


def _space(a: Annotations, b: Annotations) -> float:
    if a.boxes3d is None or b.boxes3d is None or len(a.boxes3d) != len(b.boxes3d):
        return float("inf")
    if (a.boxes3d.classes != b.boxes3d.classes).any():
        return float("inf")
    names = ("xyxy", "size", "bottom", "yaw", "alpha", "truncated", "occluded")
    apart = [np.abs(getattr(a.boxes3d, name) - getattr(b.boxes3d, name)).max(initial=0) for name in names]
    if (a.boxes3d.camera is None) != (b.boxes3d.camera is None):
        return float("inf")
    if a.boxes3d.camera is not None and b.boxes3d.camera is not None:
        apart.append(np.abs(a.boxes3d.camera - b.boxes3d.camera).max())
    return float(max(apart))
