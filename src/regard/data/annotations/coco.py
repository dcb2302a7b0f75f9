"""COCO (Lin et al. 2014): one JSON file of images, categories and annotations.

A box is x, y, width, height in pixels from the upper left corner. A segmentation is a list of polygons, or run lengths
(`rle.py`), as numbers or as compressed text; `iscrowd` marks a region of objects that are not told apart. Pascal's
flags and pose stand beside them under their own names, which other readers pass over.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import InputError, bad
from ...core.reading import MOST_BOXES, read_json
from . import rle
from ._reading import picture_size, size_fault, told_size
from .boxes import RawBox, sound_boxes
from .faults import ASIDE, NOTED, Fault
from .masks import Masks
from .polygons import draw
from .record import Annotations

Row = dict[str, Any]  # of JSON


class CocoFile:
    """The annotations of a COCO file, which is read when the first of them is asked for."""

    def __init__(self, file: Path, items: Sequence[Path], places: Sequence[int]) -> None:
        """Of the images at `places` in the file's list, whose pictures are `items`."""
        self.file, self.items, self.places = file, items, places

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _content(self) -> "_Content":
        return _Content(self.file)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The categories, in the file's order, whatever their ids are."""
        return tuple(dict.fromkeys(self._content.categories.values()))

    def ids(self) -> list[int | None]:
        """The file's own id of each image; None for one that is no whole number."""
        return [_number(_key(self._content.images[place].get("id"))) for place in self.places]

    def category_ids(self) -> dict[str, int | None]:
        """The file's own id of each category, by its name; of a name that is there twice the first."""
        found: dict[str, int | None] = {}
        for key, name in self._content.categories.items():
            found.setdefault(name, _number(key))
        return found

    def general(self) -> list[Fault]:
        """Annotations of images that the file does not list, and categories that are none."""
        return list(self._content.faults)

    def read(self, row: int) -> Annotations:
        """Of one image."""
        content, place = self._content, self.places[row]
        name = f"{self.file.name}: {content.images[place].get('file_name')}"
        size, cause = picture_size(self.items[row])
        faults = [Fault(name, cause, NOTED)] if cause else []
        told = told_size(content.images[place].get("width"), content.images[place].get("height"))
        wrong_size = size_fault(told, size, name)
        faults += [wrong_size] if wrong_size else []
        if wrong_size and wrong_size.done == ASIDE:
            return Annotations(size, faults=tuple(faults))
        size = size or told
        raw, places, runs = [], [], {}
        for number, one in enumerate(content.of_image(place)):
            box, mask, wrong = _read(one, content.categories, size, name, number)
            faults += wrong
            if box is not None:
                raw.append(box)
                places.append(number)
                runs[number] = mask
        boxes, kept, more = sound_boxes(raw, size, name, places)
        masks = None
        if size is not None and any(runs[places[one]] is not None for one in kept):
            masks = Masks(size, tuple(runs[places[one]] for one in kept))
        return Annotations(size, boxes, masks, faults=(*faults, *more))


class _Content:
    """What a file says, by image."""

    def __init__(self, file: Path) -> None:
        content = read_json(file, most=MOST_BOXES, rows=True)
        self.images: list[Row] = [one if isinstance(one, dict) else {} for one in content.get("images", [])]
        self.faults: list[Fault] = []
        self.categories = self._categories(content.get("categories"), file)
        rows = content.get("annotations")
        if not isinstance(rows, list):
            self.faults.append(Fault(file.name, "annotations that are no list"))
            rows = []
        by_id = {_key(one.get("id")): place for place, one in enumerate(self.images)}
        self._of: dict[int, list[Row]] = {}
        for number, one in enumerate(rows):
            place = by_id.get(_key(one.get("image_id"))) if isinstance(one, dict) else None
            if place is None:
                self.faults.append(Fault(file.name, "an annotation of no image of the file", ASIDE, number))
            else:
                self._of.setdefault(place, []).append(one)

    def of_image(self, place: int) -> list[Row]:
        return self._of.get(place, [])

    def _categories(self, rows: object, file: Path) -> dict[object, str]:
        found: dict[object, str] = {}
        for number, one in enumerate(rows if isinstance(rows, list) else []):
            name = str(one.get("name") or "").strip() if isinstance(one, dict) else ""
            if not name or _key(one.get("id")) in found:
                cause = "a category without a name" if not name else "a category whose id another has"
                self.faults.append(Fault(file.name, cause, ASIDE, number))
            else:
                found[_key(one.get("id"))] = name
        return found


def _key(value: object) -> object:
    """An id as it can be compared: programs write 3, 3.0 and "3"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | str) else None


def _number(key: object) -> int | None:
    """The whole number that an id is, if it is one."""
    return int(key) if isinstance(key, str) and key.isascii() and key.isdigit() else None


def _read(
    one: Row, categories: dict[object, str], size: tuple[int, int] | None, path: str, number: int
) -> tuple[RawBox | None, np.ndarray | None, list[Fault]]:
    """The box and the runs of one annotation, and what is wrong with it."""
    name = categories.get(_key(one.get("category_id")))
    if name is None:
        return None, None, [Fault(path, f"an unknown class ({one.get('category_id')!s:.40})", ASIDE, number)]
    faults, mask = [], None
    try:
        mask = _mask(one.get("segmentation"), size)
    except InputError as error:
        faults.append(Fault(path, f"a mask that cannot be used ({error})", ASIDE, number))
    corners = _corners(one.get("bbox"))
    extent = rle.extent(mask, size[0]) if mask is not None and size is not None else None
    if mask is not None and extent is None:
        faults.append(Fault(path, "an empty mask", ASIDE, number))
        mask = None
    if corners is None and extent is not None:
        corners = tuple(map(float, extent))  # type: ignore[assignment]
    if corners is None:
        cause = "no box, and no mask" if one.get("bbox") is None else "a box that is no four numbers"
        return None, None, [*faults, Fault(path, cause, ASIDE, number)]
    flags = {flag: _flag(one.get(flag)) for flag in ("difficult", "truncated", "occluded")}
    crowd, pose = _flag(one.get("iscrowd")), str(one.get("pose") or "")
    return RawBox(corners, name, crowd=crowd, pose=pose, **flags), mask, faults


def _flag(value: object) -> bool:
    return isinstance(value, bool | int | float) and bool(value == value and value > 0)


def _corners(bbox: object) -> tuple[float, float, float, float] | None:
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(isinstance(one, int | float) for one in bbox):
        return None
    try:
        x, y, width, height = map(float, bbox)
    except OverflowError:
        return None
    return x, y, x + width, y + height


def _mask(segmentation: object, size: tuple[int, int] | None) -> np.ndarray | None:
    """The runs of a segmentation; None where there is none.

    Raises:
        InputError: of another size than the picture, or neither polygons nor run lengths.
    """
    if segmentation is None or segmentation == [] or size is None:
        return None
    if isinstance(segmentation, list):
        polygons = []
        for one in segmentation:
            if not isinstance(one, list) or len(one) % 2 or not all(isinstance(v, int | float) for v in one):
                raise bad("segmentation", "a list that is no x, y, x, y, ...", "polygons")
            try:
                polygons.append(np.array(one, dtype=float).reshape(-1, 2))
            except OverflowError:
                raise bad("segmentation", "a number too large for any float", "polygons") from None
        return rle.encode(draw(polygons, size))
    if not isinstance(segmentation, dict):
        raise bad("segmentation", f"a {type(segmentation).__name__}", "polygons or run lengths")
    if segmentation.get("size") != list(size):
        raise bad("size", str(segmentation.get("size"))[:80], f"the picture's, {list(size)}")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        return rle.checked(rle.from_text(counts), size)
    if not isinstance(counts, list) or not all(type(one) is int and one < 2**62 for one in counts):
        raise bad("counts", "no whole numbers", "run lengths")
    return rle.checked(np.array(counts, dtype=np.int64), size)
