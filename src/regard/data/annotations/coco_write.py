"""Write COCO: one JSON file of images, categories and annotations; see `coco.py` for what the numbers mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import check_choice
from ...core.storage import write_json
from ..imageset import ImageSet
from . import rle
from ._writing import Losses, Written, annotated, class_names, fresh, put_picture
from .masks import BACKGROUND, Masks, SemanticMap, drawn
from .polygons import loops
from .record import Annotations

FILE = "instances.json"


def write_coco(images: ImageSet, folder: str | Path, *, pictures: bool = True, masks: str = "rle") -> Written:
    """Write FOLDER/instances.json, and the pictures to FOLDER/images.

    Ids count from 1; categories stand in the order of the images' own files, else by name. Boxes are given to a
    ten-thousandth of a pixel. Pascal's flags are written where they are set, and a pose where it is said.

    Args:
        images: with annotations.
        folder: where to write; new or empty.
        pictures: copy the pictures too.
        masks: "rle" (compressed run lengths, which hold every mask) or "polygons" (for masks without holes; those with
            holes and those of crowds stay run lengths).

    Raises:
        InputError: images without annotations.
    """
    check_choice("masks", masks, ("rle", "polygons"))
    losses = Losses()
    listed: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    names = class_names(images)
    place = {name: number for number, name in enumerate(names, start=1)}
    with fresh(folder) as root:
        for row, name, found in annotated(images):
            losses.read(found)
            losses.cannot(found, "depth", "boxes3d", "tags")
            if found.semantic is not None and not is_drawn(found, found.semantic):
                losses.cannot(found, "semantic")
            height, width = found.size or (0, 0)
            listed.append({"id": row + 1, "file_name": name, "width": width, "height": height})
            for one in object_rows(found, place, masks == "polygons"):
                rows.append({"id": len(rows) + 1, "image_id": row + 1} | one)
            if pictures:
                put_picture(images.items[row], root / "images", name)
        losses.objects = len(rows)
        categories = [{"id": number, "name": name} for name, number in place.items()]
        write_json(root / FILE, {"images": listed, "annotations": rows, "categories": categories})
    return losses.done(Path(folder), len(listed))


def object_rows(found: Annotations, place: Mapping[str, int], polygons: bool = False) -> list[dict[str, Any]]:
    """The rows of one picture's objects without their ids and the picture's, given the ids of classes."""
    boxes, masks = found.boxes, found.masks
    if boxes is None:
        return []
    made = []
    for row in range(len(boxes)):
        left, top, right, bottom = (round(float(one), 4) for one in boxes.xyxy[row])
        runs = None if masks is None else masks.runs[row]
        one: dict[str, Any] = {
            "category_id": place[str(boxes.classes[row])],
            "bbox": [left, top, round(right - left, 4), round(bottom - top, 4)],
            "area": round(float(boxes.areas[row]), 4) if runs is None else rle.area(runs),
            "iscrowd": int(boxes.crowd[row]),
            "segmentation": []
            if runs is None or masks is None
            else _segmentation(masks, row, polygons and not boxes.crowd[row]),
        }
        one |= {flag: 1 for flag in ("difficult", "truncated", "occluded") if getattr(boxes, flag)[row]}
        made.append(one | ({"pose": str(boxes.pose[row])} if boxes.pose[row] else {}))
    return made


def _segmentation(masks: Masks, row: int, polygons: bool) -> Any:
    runs = masks.runs[row]
    if runs is None:
        return []
    if polygons:
        found = loops(masks.array(row))
        # the union of polygons has no holes, whose loops run the other way round
        if all(_signed_area(loop) > 0 for loop in found):
            return [loop.ravel().tolist() for loop in found]
    return {"size": list(masks.size), "counts": rle.to_text(runs)}


def _signed_area(loop: np.ndarray) -> float:
    x, y = loop.T.astype(float)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def is_drawn(found: Annotations, semantic: SemanticMap) -> bool:
    """Whether a semantic map says no more than the objects' masks do, so that nothing is lost with it."""
    if found.masks is None or found.boxes is None:
        return set(semantic.pixels()) <= {BACKGROUND}
    names = sorted(set(found.boxes.classes.tolist()))
    if not set(names) <= set(semantic.classes) or semantic.classes[0] != BACKGROUND:
        return False
    made = drawn(found.masks, found.boxes.classes.tolist(), names)
    table = np.array([semantic.classes.index(name) for name in made.classes])
    return bool((table[made.values] == semantic.values).all())
