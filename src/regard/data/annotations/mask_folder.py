"""Folders of masks beside folders of pictures, as CamVid and most sets of segmentation have them.

The mask of images/a.jpg is labels/a.png (or a_mask.png and the like). It holds the number of the class of each pixel,
or its colour by a table (`class_table.py`), or the number of the object it belongs to.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.checks import InputError, bad, check_path
from .._layout import holds_masks, holds_photographs
from ..imageset import ImageSet
from . import rle
from ._reading import index_picture, picture_size
from ._writing import Losses, Written, annotated, fresh, put_index, put_picture, put_text
from .boxes import RawBox, corners_of, sound_boxes
from .class_table import ClassTable, read_table
from .faults import NOTED, Fault
from .masks import IGNORE, Masks
from .record import Annotations, Rows
from .voc_map import palette

_ENDINGS = ("", "_mask", "_L", "_gt", "_label", "_labels", "_seg")


def read_masks(
    images: str | Path,
    masks: str | Path,
    classes: ClassTable | Sequence[str] | None = None,
    *,
    objects: str | None = None,
) -> ImageSet:
    """The pictures of a folder with their masks.

    Args:
        images: the folder of pictures.
        masks: the folder of masks, named as the pictures are.
        classes: the names by number, or a table; else the table that lies in `masks` or above it, else the numbers are
            the names.
        objects: the masks number objects of this class, from 1; 0 is the background.

    Raises:
        InputError: no such folder, no picture, or a table that cannot be read.
    """
    from ..folder import open_folder

    place = check_path("masks", masks, folder=True)
    found = open_folder(check_path("images", images, folder=True), argument="images")
    table = classes if isinstance(classes, ClassTable) else None if classes is None else ClassTable(tuple(classes))
    table = table or read_table(place) or read_table(place.parent)
    items = [item for item in found.items if isinstance(item, Path)]
    files = [_beside(place, its) for its in found.ids.tolist()]
    return replace(found, labels=None, annotations=Rows.of(MaskFolder(items, files, table, objects)))


def with_masks(images: ImageSet, root: Path) -> ImageSet:
    """The images of a folder, with the masks of the folder that lies beside that of the photographs, if there is one.

    Photographs and masks are known by the names of their folders, as `open_folder` knows them.
    """
    first = {its.partition("/")[0] for its in images.ids.tolist()}
    if len(first) != 1 or not holds_photographs(name := first.pop()) or not (root / name).is_dir():
        return images
    places = [one for one in sorted(root.iterdir()) if one.is_dir() and holds_masks(one.name)]
    if len(places) != 1:
        return images
    items = [item for item in images.items if isinstance(item, Path)]
    files = [_beside(places[0], its.partition("/")[2]) for its in images.ids.tolist()]
    try:
        table = read_table(places[0]) or read_table(root)
    except InputError:
        table = None  # the numbers are the names; `read_masks` says what is wrong with the table
    return replace(images, annotations=Rows.of(MaskFolder(items, files, table)))


def _beside(place: Path, name: str) -> Path:
    stem = PurePosixPath(name).with_suffix("")
    options = [place / f"{stem}{ending}.png" for ending in _ENDINGS]
    return next((one for one in options if one.is_file()), options[0])


class MaskFolder:
    """The masks of a folder, one picture an image."""

    def __init__(
        self, items: Sequence[Path], files: Sequence[Path], table: ClassTable | None, objects: str | None = None
    ) -> None:
        self.items, self.files, self.table, self.objects = items, files, table, objects

    def __len__(self) -> int:
        return len(self.items)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Those of the table, without what is no class."""
        return (self.objects,) if self.objects else None if self.table is None else self.table.classes

    def general(self) -> list[Fault]:
        """Nothing: a folder has no file as a whole."""
        return []

    def read(self, row: int) -> Annotations:
        """Of one picture."""
        size, cause = picture_size(self.items[row])
        faults = [Fault(self.items[row].name, cause, NOTED)] if cause else []
        file = self.files[row]
        if not file.is_file():
            return Annotations(size, faults=(*faults, Fault(file.name, "no such file", NOTED)))
        try:
            values = index_picture(file)
            if values.shape[:2] != size:
                told = f"a mask of {values.shape[1]}x{values.shape[0]} pixels, not the picture's size"
                raise InputError(told)
            if self.objects is not None:
                return self._objects(values, size, file.name, faults)
            table = self.table or ClassTable(tuple(map(str, range(IGNORE))), ignore=())
            semantic, unknown = table.apply(
                values.astype(np.uint8) if values.itemsize == 1 else values.astype(np.uint16)
            )
        except InputError as error:
            return Annotations(size, faults=(*faults, Fault(file.name, str(error))))
        if unknown:
            faults.append(Fault(file.name, f"pixels of an unknown class ({unknown})"))
        return Annotations(size, semantic=semantic, faults=tuple(faults))

    def _objects(self, values: np.ndarray, size: tuple[int, int], name: str, faults: list[Fault]) -> Annotations:
        if values.ndim != 2:
            raise bad("masks", "a picture of colours", "the numbers of objects")
        runs = [rle.encode(values == value) for value in np.unique(values).tolist() if value]
        masks = Masks(size, tuple(runs))
        raw = [RawBox(corners_of(corners), self.objects or "") for corners in masks.extents]
        return Annotations(size, sound_boxes(raw, size, name)[0], masks, faults=tuple(faults))


def write_masks(images: ImageSet, folder: str | Path, *, pictures: bool = True, colours: bool = False) -> Written:
    """Write semantic maps: labels/NAME.png, `classes.csv` with names and colours, and the pictures in images.

    Args:
        images: with semantic maps.
        folder: where to write; new or empty.
        pictures: copy the pictures too.
        colours: write colours in place of numbers, of which 255 (65535 with 16 bits) is of no class.

    Raises:
        InputError: images without annotations.
    """
    losses = Losses()
    met = dict.fromkeys(
        name for one in images.annotations or () if one.semantic is not None for name in one.semantic.classes
    )
    names = list(met)
    if colours and len(names) >= IGNORE:
        raise bad("colours", f"{len(names)} classes", f"at most {IGNORE - 1}, as there are no more colours")
    with fresh(folder) as root:
        for row, name, found in annotated(images):
            losses.read(found)
            losses.cannot(found, "boxes", "masks", "depth", "boxes3d", "tags")
            if found.semantic is not None:
                values = _numbers(found.semantic.values, found.semantic.classes, found.semantic.ignore, names)
                values = palette()[values] if colours else values
                put_index(root, f"labels/{PurePosixPath(name).with_suffix('.png')}", values)
                losses.objects += len(found.semantic.pixels())
            if pictures:
                put_picture(images.items[row], root / "images", name)
        rows = [f"{_quoted(name)},{','.join(map(str, palette()[place % 256]))}" for place, name in enumerate(names)]
        if colours:
            rows.append(f"void,{','.join(map(str, palette()[IGNORE]))}")
        put_text(root, "classes.csv", "name,r,g,b\n" + "\n".join(rows) + "\n")
    return losses.done(Path(folder), len(images))


def _numbers(values: np.ndarray, classes: Sequence[str], ignore: int, names: Sequence[str]) -> np.ndarray:
    wide = np.uint8 if len(names) <= IGNORE else np.uint16
    table = np.full(max(ignore, len(classes)) + 1, np.iinfo(wide).max, dtype=wide)
    table[: len(classes)] = [names.index(name) for name in classes]
    table[ignore] = np.iinfo(wide).max
    return table[values]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
