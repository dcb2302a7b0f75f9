"""Write YOLO's text: boxes and polygons in shares of the picture, `data.yaml`, and the flags beside; see `yolo.py`."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..imageset import ImageSet
from . import rle
from ._writing import Losses, Written, annotated, class_names, fresh, put_picture, put_text
from .boxes import FLAGS, Boxes
from .coco_write import is_drawn
from .polygons import outline
from .record import Annotations
from .yolo import FLAG_FILE, HEADER, text_of

_APART = 1.0  # pixels by which a box may differ from its mask's extent, which is what a polygon keeps of it


def write_yolo(images: ImageSet, folder: str | Path, *, pictures: bool = True, crowds: bool = False) -> Written:
    """Write a folder in YOLO's layout: images, labels, `data.yaml`.

    An object with a mask becomes one polygon, along the edges of its pixels and with cuts of no width to its pieces and
    holes, so that the very same mask is drawn again; an object without becomes a box. Where the images have a column
    `split`, the pictures lie in images/PART.

    Args:
        images: with annotations.
        folder: where to write; new or empty.
        pictures: copy the pictures too.
        crowds: write regions of many objects as if they were one, which YOLO then learns; they are left out and counted
            as lost if not.

    Raises:
        InputError: images without annotations.
    """
    losses = Losses()
    names = class_names(images)
    number = {name: place for place, name in enumerate(names)}
    table: list[list[str]] = []
    with fresh(folder) as root:
        for row, name, found in annotated(images):
            losses.read(found)
            losses.cannot(found, "depth", "boxes3d", "tags")
            if found.semantic is not None and not is_drawn(found, found.semantic):
                losses.cannot(found, "semantic")
            part = f"{images.columns['split'][row]}/" if "split" in images.columns else ""
            placed = f"images/{part}{name}"
            kept = _kept(found.boxes, crowds, losses)
            lines = [line_text(found, one, number, losses) for one in kept]
            losses.objects += len(lines)
            put_text(root, text_of(placed)[0], "".join(f"{line}\n" for line in lines))
            if found.boxes is not None:
                table += _flags(placed, found.boxes, kept)
            if pictures:
                put_picture(images.items[row], root, placed)
        parts = sorted(set(images.columns["split"].tolist())) if "split" in images.columns else []
        put_text(root, "data.yaml", yaml_text(names, parts))
        if table:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([HEADER, *table])
            put_text(root, FLAG_FILE, text.getvalue())
    return losses.done(Path(folder), len(images))


def _kept(boxes: Boxes | None, crowds: bool, losses: Losses) -> list[int]:
    if boxes is None:
        return []
    kept = [row for row in range(len(boxes)) if crowds or not boxes.crowd[row]]
    if len(kept) < len(boxes):
        losses.lost["regions of crowd left out"] += len(boxes) - len(kept)
    return kept


def line_text(found: Annotations, row: int, number: dict[str, int], losses: Losses) -> str:
    """The line of one object, given the numbers of classes."""
    assert found.boxes is not None and found.size is not None
    height, width = found.size
    box = found.boxes.xyxy[row].astype(np.float64)
    runs = None if found.masks is None else found.masks.runs[row]
    if runs is None or found.masks is None or not rle.area(runs):
        left, top, right, bottom = box
        shares = np.array([(left + right) / 2 / width, (top + bottom) / 2 / height])
        shares = np.append(shares, [(right - left) / width, (bottom - top) / height])
    else:
        extent = rle.extent(runs, height)
        if extent is not None and np.abs(box - extent).max() > _APART:
            losses.lost["boxes that differ from their mask's"] += 1
        shares = (outline(found.masks.array(row)) / [width, height]).ravel()
    return " ".join([str(number[str(found.boxes.classes[row])]), *(f"{one:.10g}" for one in shares)])


def _flags(name: str, boxes: Boxes, kept: list[int]) -> list[list[str]]:
    """The rows of one picture: none where nothing is said of its objects."""
    set_ = any(getattr(boxes, flag)[kept].any() for flag in FLAGS) if kept else False
    if not kept or not (set_ or (boxes.pose[kept] != "").any()):
        return []
    rows = []
    for line, row in enumerate(kept):
        flags = [str(int(getattr(boxes, flag)[row])) for flag in FLAGS]
        rows.append([name, str(line), *flags, str(boxes.pose[row])])
    return rows


def yaml_text(names: Sequence[str], parts: Sequence[str] = ()) -> str:
    """`data.yaml`: JSON's text in double quotes is YAML's too."""
    where = {part: f"images/{part}" for part in parts} or {"train": "images", "val": "images"}
    lines = ["path: .", *(f"{part}: {json.dumps(place)}" for part, place in where.items()), "names:"]
    return "\n".join([*lines, *(f"  {place}: {json.dumps(name)}" for place, name in enumerate(names))]) + "\n"
