"""Pascal VOC (Everingham et al. 2010): an XML file for each picture, index pictures for masks, lists for parts.

Its corners are whole pixels counted from 1, both inside the box (the devkit's `VOCwritexml`): xmin of 1 is the left
edge of the picture, and a box from 3 to 3 is one pixel wide. In `SegmentationObject` the value k is the k-th object of
the XML; in `SegmentationClass` it is the class's place; 255 counts neither way (65535 in a file of 16 bits).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np

from ...core.checks import InputError, bad, check_path
from ...core.reading import read_bytes
from ..imageset import ImageSet
from . import rle
from ._reading import index_picture, picture_size, read_xml, size_fault, told_size
from .boxes import RawBox, sound_boxes
from .faults import ASIDE, NOTED, Fault
from .masks import BACKGROUND, IGNORE, IGNORE_16, Masks, SemanticMap
from .record import Annotations, Rows
from .voc_map import CLASSES, places_of, read_labelmap

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(folder: str | Path, part: str | None = None, *, argument: str = "folder") -> ImageSet:
    """The pictures of a folder in VOC's layout with their boxes, flags, poses and masks.

    Args:
        folder: with `JPEGImages`, `Annotations` and, if you like, `SegmentationObject`, `SegmentationClass` and
            `labelmap.txt` (`name:r,g,b::` in each line, as CVAT writes it; else VOC's 20 classes).
        part: only those that ImageSets/Main/PART.txt (or ImageSets/Segmentation/PART.txt) lists, in its order.
        argument: what to call the folder in messages.

    Raises:
        InputError: no such folder, no picture, or no such part.
    """
    from ..folder import open_folder

    root = check_path(argument, folder, folder=True)
    found = open_folder(check_path(argument, root / "JPEGImages", folder=True), argument=argument)
    images = ImageSet(found.items, found.ids, None, {}, root.resolve().name, found.set_aside, found.notes, found.root)
    images = with_voc(images, root)
    return images if part is None else _part(images, root, part)


def with_voc(images: ImageSet, root: Path) -> ImageSet:
    """The images of `root`/JPEGImages, whose ids are relative to it, with their annotations.

    Where lists in ImageSets/Main put each image into one of train, val and test, the column `split` says which.
    """
    items = [item for item in images.items if isinstance(item, Path)]
    annotated = replace(images, annotations=Rows.of(VocFolder(root, items, images.ids.tolist())))
    held = [(part, _listed(root / "ImageSets" / "Main" / f"{part}.txt")) for part in ("train", "val", "test")]
    names = [str(PurePosixPath(its).with_suffix("")) for its in images.ids.tolist()]
    of = [[part for part, those in held if name in those] for name in names]
    if not names or any(len(one) != 1 for one in of):
        return annotated
    return replace(annotated, columns={**images.columns, "split": np.array([one for (one,) in of])})


def _listed(file: Path) -> set[str]:
    """The names in a list of pictures; empty where there is no such file."""
    return set(_names(file)) if file.is_file() else set()


def _names(file: Path) -> list[str]:
    text = read_bytes(file, "a list of pictures", 2**28).decode("utf-8-sig", "replace")
    return [line.split()[0] for line in text.splitlines() if line.strip()]


def _part(images: ImageSet, root: Path, part: str) -> ImageSet:
    lists = [root / "ImageSets" / kind / f"{part}.txt" for kind in ("Main", "Segmentation", "Layout")]
    there = [file for file in lists if file.is_file()]
    if not there:
        known = sorted({file.stem for file in (root / "ImageSets").glob("*/*.txt")})
        raise bad("part", repr(part), "a list in ImageSets: " + (", ".join(known[:20]) or "there is none"))
    names = _names(there[0])
    place = {str(PurePosixPath(its).with_suffix("")): row for row, its in enumerate(images.ids.tolist())}
    place |= {its: row for row, its in enumerate(images.ids.tolist())}
    rows = [place[name] for name in dict.fromkeys(names) if name in place]
    missing = tuple(
        {"path": name, "cause": f"listed in {there[0].name}, and no such file"} for name in names if name not in place
    )
    kept = images.subset(np.array(rows, dtype=np.intp), f"{images.name} ({part})")
    return replace(kept, set_aside=(*kept.set_aside, *missing))


class VocFolder:
    """The annotations of a folder in VOC's layout, one XML (and index picture) an image."""

    def __init__(self, root: Path, items: Sequence[Path], names: Sequence[str]) -> None:
        self.root, self.items, self.names = root, items, [str(PurePosixPath(name).with_suffix("")) for name in names]
        self.masks = [name for name in ("SegmentationObject", "SegmentationClass") if (root / name).is_dir()]
        self.classes: tuple[str, ...] | None = None  # no file lists them

    def __len__(self) -> int:
        return len(self.items)

    def general(self) -> list[Fault]:
        """What is wrong with `labelmap.txt`."""
        return self._names[1]

    @cached_property
    def _names(self) -> tuple[tuple[str, ...] | None, list[Fault]]:
        """The classes of maps; None where they cannot be read, and then maps are set aside."""
        try:
            return read_labelmap(self.root) or (BACKGROUND, *CLASSES), []
        except InputError as error:
            return None, [Fault("labelmap.txt", str(error))]

    def read(self, row: int) -> Annotations:
        """Of one picture."""
        name = self.names[row]
        size, cause = picture_size(self.items[row])
        faults = [Fault(self.items[row].name, cause, NOTED)] if cause else []
        file = self.root / "Annotations" / f"{name}.xml"
        if not file.is_file():
            faults.append(Fault(f"{name}.xml", "no such file", NOTED))
            semantic = self._semantic(name, size, faults)
            return Annotations(size, semantic=semantic, faults=tuple(faults))
        try:
            root = read_xml(file)
        except InputError as error:
            faults.append(Fault(f"{name}.xml", str(error)))
            return Annotations(size, faults=tuple(faults))
        told = told_size(_number(root.findtext("size/width")), _number(root.findtext("size/height")))
        wrong_size = size_fault(told, size, f"{name}.xml")
        faults += [wrong_size] if wrong_size else []
        if wrong_size and wrong_size.done == ASIDE:
            return Annotations(size, faults=tuple(faults))
        size = size or told
        raw, places, wrong = _objects(root, f"{name}.xml")
        runs = self._instances(name, size, root.findall("object"), faults)
        for row_, (place, box) in enumerate(zip(places, raw)):
            left, top, right, bottom = box.xyxy
            if right - left == 1 and bottom - top == 1 and runs.get(place) is None:
                # one pixel is an area by the devkit's count, but nobody draws such a box: it is a click
                raw[row_] = RawBox((left, top, left, top), box.name)
        boxes, kept, more = sound_boxes(raw, size, f"{name}.xml", places)
        masks = None
        if size is not None and any(runs.get(places[one]) is not None for one in kept):
            masks = Masks(size, tuple(runs.get(places[one]) for one in kept))
        semantic = self._semantic(name, size, faults)
        return Annotations(size, boxes, masks, semantic, faults=(*faults, *wrong, *more))

    def _instances(
        self, name: str, size: tuple[int, int] | None, objects: list[ElementTree.Element], faults: list[Fault]
    ) -> dict[int, np.ndarray]:
        values = self._index("SegmentationObject", name, size, faults)
        if values is None:
            return {}
        void = IGNORE_16 if values.dtype == np.uint16 else IGNORE
        found = {}
        for value in np.unique(values).tolist():
            if value in (0, void):
                continue
            if value > len(objects):
                faults.append(Fault(f"SegmentationObject/{name}.png", f"a mask of object {value} of {len(objects)}"))
            else:
                found[value - 1] = rle.encode(values == value)
        for place, one in enumerate(objects):  # of which a later one covers pixels: our own addition
            if text := one.findtext("rle"):
                try:
                    found[place] = rle.checked(rle.from_text(text.strip()), values.shape)
                except InputError as error:
                    faults.append(Fault(f"{name}.xml", f"a mask that cannot be used ({error})", NOTED, place))
        return found

    def _semantic(self, name: str, size: tuple[int, int] | None, faults: list[Fault]) -> SemanticMap | None:
        values = self._index("SegmentationClass", name, size, faults)
        if values is None:
            return None
        names = self._names[0]
        if names is None:
            faults.append(Fault(f"SegmentationClass/{name}.png", "a map whose classes cannot be read"))
            return None
        void = IGNORE_16 if values.dtype == np.uint16 else IGNORE
        unknown = (values >= len(names)) & (values != void)
        if unknown.any():
            faults.append(
                Fault(
                    f"SegmentationClass/{name}.png",
                    f"an unknown class ({int(values[unknown].min())}) in {int(unknown.sum())} pixels",
                )
            )
            values = np.where(unknown, values.dtype.type(void), values)
        return SemanticMap(values, names, void)

    def _index(self, kind: str, name: str, size: tuple[int, int] | None, faults: list[Fault]) -> np.ndarray | None:
        file = self.root / kind / f"{name}.png"
        if kind not in self.masks or not file.is_file():
            return None
        try:
            values = index_picture(file)
        except InputError as error:
            faults.append(Fault(f"{kind}/{name}.png", str(error)))
            return None
        if values.ndim == 3:
            values = places_of(values)
        if values.shape != size:
            told = f"a mask of {values.shape[1]}x{values.shape[0]} pixels, not the picture's size"
            faults.append(Fault(f"{kind}/{name}.png", told))
            return None
        return (
            values.astype(np.uint8) if values.dtype == bool or values.max(initial=0) < 256 else values.astype(np.uint16)
        )


def _objects(root: ElementTree.Element, path: str) -> tuple[list[RawBox], list[int], list[Fault]]:
    raw, places, faults = [], [], []
    for place, one in enumerate(root.findall("object")):
        name = (one.findtext("name") or "").strip()
        if not name:
            faults.append(Fault(path, "no class", ASIDE, place))
            continue
        left, top, right, bottom = (_number(one.findtext(f"bndbox/{corner}")) for corner in _CORNERS)
        flags = {
            flag: _number(one.findtext(flag) or "0") > 0 for flag in ("difficult", "truncated", "occluded", "crowd")
        }
        pose = (one.findtext("pose") or "").strip()
        raw.append(RawBox((left - 1, top - 1, right, bottom), name, pose=pose, **flags))
        places.append(place)
    return raw, places, faults


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
