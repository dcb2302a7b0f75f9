"""Write Pascal VOC: XML, index pictures of objects and classes, lists of parts; `voc.py` says what the numbers mean."""

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np

from ...core.checks import bad
from ..imageset import ImageSet
from . import rle
from ._writing import Losses, Written, annotated, fresh, put_index, put_picture, put_text
from .boxes import FLAGS, Boxes
from .masks import BACKGROUND, IGNORE, IGNORE_16, Masks, SemanticMap, drawn
from .record import Annotations
from .voc_map import CLASSES, palette


def write_voc(images: ImageSet, folder: str | Path, *, pictures: bool = True) -> Written:
    """Write a folder in VOC's layout.

    Corners become whole pixels: at most half a pixel from what they were, and at least one pixel apart. Where masks
    overlap, the later object has the pixels in the picture, and the XML keeps the whole mask of the earlier one as run
    lengths (`rle`); more than 254 objects take 16 bits. `crowd` and `rle`, which VOC does not have, are passed over by
    other readers. Where the images have a column `split`, ImageSets/Main lists its parts.

    Args:
        images: with annotations.
        folder: where to write; new or empty.
        pictures: copy the pictures to JPEGImages too.

    Raises:
        InputError: no annotations, or classes whose names XML cannot hold.
    """
    losses, names = Losses(), _map_names(images)
    with fresh(folder) as root:
        for row, name, found in annotated(images):
            losses.read(found)
            losses.cannot(found, "depth", "boxes3d", "tags")
            stem = str(PurePosixPath(name).with_suffix(""))
            whole: dict[int, str] = {}
            if found.masks is not None:
                values, whole = object_picture(found.masks)
                put_index(root, f"SegmentationObject/{stem}.png", values, palette())
            put_text(root, f"Annotations/{stem}.xml", xml_text(name, found, whole, losses))
            semantic = _semantic(found, names)
            if semantic is not None:
                put_index(root, f"SegmentationClass/{stem}.png", semantic, palette())
            if pictures:
                put_picture(images.items[row], root / "JPEGImages", name)
        if names:
            put_text(root, "labelmap.txt", labelmap_text(names))
        if "split" in images.columns:
            parts = images.columns["split"]
            for part in np.unique(parts).tolist():
                stems = [str(PurePosixPath(str(one)).with_suffix("")) for one in images.ids[parts == part]]
                put_text(root, f"ImageSets/Main/{part}.txt", "\n".join(stems) + "\n")
    return losses.done(Path(folder), len(images))


def _map_names(images: ImageSet) -> tuple[str, ...]:
    """The classes of the index pictures, background first: those of semantic maps, then those of objects with masks."""
    met: dict[str, None] = {}
    objects: set[str] = set()
    for found in images.annotations or ():
        met |= dict.fromkeys(found.semantic.classes if found.semantic is not None else ())
        if found.masks is not None and found.boxes is not None:
            has = np.array([one is not None for one in found.masks.runs], dtype=bool)
            objects |= set(found.boxes.classes[has].tolist())
    return map_names((*met, *sorted(objects - set(met))))


def map_names(names: Sequence[str]) -> tuple[str, ...]:
    """The classes of index pictures in the order of their numbers: these, with the background first."""
    if not names:
        return ()
    if {*names} <= {BACKGROUND, *CLASSES}:  # then by VOC's own numbers, which others know
        return (BACKGROUND, *CLASSES)
    return tuple(names) if BACKGROUND in names else (BACKGROUND, *names)


def labelmap_text(names: Sequence[str]) -> str:
    """`labelmap.txt` of these classes, in VOC's colours."""
    colours = palette()
    lines = [f"{name}:{','.join(map(str, colours[place % 256]))}::" for place, name in enumerate(names)]
    return "# label:color_rgb:parts:actions\n" + "\n".join(lines) + "\n"


def _semantic(found: Annotations, names: tuple[str, ...]) -> np.ndarray | None:
    if found.semantic is not None:
        return renumbered(found.semantic, names)
    if found.masks is None or found.boxes is None:
        return None
    shown = drawn(found.masks, found.boxes.classes.tolist(), [name for name in names if name != BACKGROUND])
    return renumbered(shown, names)


def renumbered(semantic: SemanticMap, names: Sequence[str]) -> np.ndarray:
    """A map's values as places in `names`."""
    wide = np.uint8 if len(names) <= IGNORE else np.uint16
    void = IGNORE if wide is np.uint8 else IGNORE_16
    table = np.full(max(semantic.ignore, len(semantic.classes)) + 1, void, dtype=wide)
    table[: len(semantic.classes)] = [names.index(name) for name in semantic.classes]
    table[semantic.ignore] = void
    return table[semantic.values]


def object_picture(masks: Masks, order: Sequence[int] | None = None) -> tuple[np.ndarray, dict[int, str]]:
    """The index picture, drawn in this order, and the run lengths of objects of which one drawn later covers pixels."""
    values = np.zeros(masks.size, dtype=np.uint8 if len(masks) < IGNORE else np.uint16)
    covered: set[int] = set()
    for row in range(len(masks)) if order is None else order:
        mask = masks.array(row)
        covered |= set((np.unique(values[mask]).astype(int) - 1).tolist())
        values[mask] = row + 1
    runs = {row: masks.runs[row] for row in covered - {-1}}
    return values, {row: rle.to_text(one) for row, one in runs.items() if one is not None}


def xml_text(
    name: str, found: Annotations, whole: dict[int, str], losses: Losses, scores: Sequence[float] | None = None
) -> str:
    """The XML of one picture.

    Args:
        name: of the picture.
        found: what it carries.
        whole: the run lengths of masks that its index picture does not hold whole, by object.
        losses: counts what is lost.
        scores: of the objects, where they were predicted: `score`, which other readers pass over.
    """
    assert found.size is not None
    root = ElementTree.Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", PurePosixPath(name).name)
    size = ElementTree.SubElement(root, "size")
    for tag, value in (("width", found.size[1]), ("height", found.size[0]), ("depth", 3)):
        _add(size, tag, value)
    _add(root, "segmented", int(found.masks is not None))
    boxes = found.boxes
    for row in range(0 if boxes is None else len(boxes)):
        assert boxes is not None
        one = _object(root, boxes, row, whole.get(row), losses)
        if scores is not None:
            _add(one, "score", f"{scores[row]:.6g}")
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _object(root: ElementTree.Element, boxes: Boxes, row: int, runs: str | None, losses: Losses) -> ElementTree.Element:
    one = ElementTree.SubElement(root, "object")
    _add(one, "name", boxes.classes[row])
    if boxes.pose[row]:
        _add(one, "pose", boxes.pose[row])
    for flag in FLAGS:
        if flag != "crowd" or boxes.crowd[row]:
            _add(one, flag, int(getattr(boxes, flag)[row]))
    corners = whole_corners(boxes.xyxy[row])
    if np.abs(np.array(corners) - boxes.xyxy[row]).max() > 1e-3:
        losses.lost["boxes moved to whole pixels"] += 1
    box = ElementTree.SubElement(one, "bndbox")
    left, top, right, bottom = corners
    for tag, value in (("xmin", left + 1), ("ymin", top + 1), ("xmax", right), ("ymax", bottom)):
        _add(box, tag, value)
    if runs is not None:
        _add(one, "rle", runs)
    losses.objects += 1
    return one


def whole_corners(xyxy: np.ndarray) -> tuple[int, int, int, int]:
    """Half-open corners in whole pixels: each the nearest, but at least a pixel apart.

    >>> whole_corners(np.array([0.4, 1.0, 7.6, 1.3]))
    (0, 1, 8, 2)
    """
    left, top, right, bottom = (math.floor(float(one) + 0.5) for one in xyxy)
    if right <= left:
        left, right = math.floor(float(xyxy[0])), math.floor(float(xyxy[0])) + 1
    if bottom <= top:
        top, bottom = math.floor(float(xyxy[1])), math.floor(float(xyxy[1])) + 1
    return left, top, right, bottom


def _add(parent: ElementTree.Element, tag: str, value: object) -> None:
    text = str(value)
    if any(ord(letter) < 32 or letter in "\ufffe\uffff" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise bad(tag, repr(text)[:80], "text that XML can hold, without control characters")
    ElementTree.SubElement(parent, tag).text = text
