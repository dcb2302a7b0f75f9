"""YOLO's text (Redmon's Darknet, Ultralytics): a file of lines for each picture, numbers as shares of width and height.

A line is `class x y width height`, x and y of the middle, or `class x1 y1 x2 y2 ...` for a polygon. The text of
images/a.jpg is labels/a.txt, or a.txt beside the picture; no file means no object. Names of classes are in `data.yaml`
(`names`, a list or a mapping), `classes.txt`, `obj.names` or the like, in the order of their numbers.

The format has no flags. Where `write_yolo` had some, they stand in `flags.csv` beside `data.yaml`, which other programs
pass over, and are read again where the lines are still as many as they were.
"""

import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.checks import InputError, bad, check_path
from ...core.reading import read_bytes
from ..imageset import ImageSet
from . import rle
from ._reading import picture_size
from .boxes import FLAGS, RawBox, sound_boxes
from .faults import ASIDE, NOTED, Fault
from .masks import Masks
from .polygons import draw
from .record import Annotations, Rows
from .yolo_names import listed_names

FLAG_FILE = "flags.csv"
_MOST = 2**26  # bytes of a text


def read_yolo(folder: str | Path, part: str | None = None, *, argument: str = "folder") -> ImageSet:
    """The pictures of a folder in YOLO's layout with their boxes and masks (from polygons).

    Args:
        folder: with `images` and `labels`, each with or without `train`, `val` and `test` below it, or pictures and
            texts side by side.
        part: only the pictures below a folder of this name.
        argument: what to call the folder in messages.

    Raises:
        InputError: no such folder, no picture, or no such part.
    """
    from ..folder import open_folder

    root = check_path(argument, folder, folder=True)
    found = open_folder(root, argument=argument)
    images = replace(with_yolo(found, root), labels=None)
    if part is None:
        return images
    rows = [row for row, its in enumerate(images.ids.tolist()) if part in its.split("/")[:-1]]
    if not rows:
        raise bad("part", repr(part), "a folder with pictures")
    return images.subset(np.array(rows), f"{images.name} ({part})")


def with_yolo(images: ImageSet, root: Path) -> ImageSet:
    """The images below `root`, whose ids are relative to it, with their annotations."""
    items = [item for item in images.items if isinstance(item, Path)]
    return replace(images, annotations=Rows.of(YoloFolder(root, items, images.ids.tolist())))


def looks_like_yolo(root: Path) -> bool:
    """Whether a folder has YOLO's texts: a `data.yaml`, or a text below `labels`."""
    if any((root / name).is_file() for name in ("data.yaml", "data.yml")):
        return True
    places = [root / "labels", *(root / "labels" / part for part in ("train", "val")), root / "train" / "labels"]
    return any(next(place.glob("*.txt"), None) is not None for place in places if place.is_dir())


class YoloFolder:
    """The annotations of a folder in YOLO's layout, one text an image."""

    def __init__(self, root: Path, items: Sequence[Path], names: Sequence[str]) -> None:
        self.root, self.items, self.names = root, items, names

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def _listed(self) -> tuple[tuple[str, ...] | None, list[Fault]]:
        try:
            return listed_names(self.root), []
        except InputError as error:
            return None, [Fault(self.root.name, str(error), NOTED)]

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names that a file lists, in its order; None where there is none, and then numbers are the names."""
        return self._listed[0]

    def general(self) -> list[Fault]:
        """What is wrong with the list of classes or with `flags.csv`."""
        return [*self._listed[1], *self._flags[1]]

    @cached_property
    def _flags(self) -> tuple[dict[str, dict[int, list[str]]], list[Fault]]:
        file = self.root / FLAG_FILE
        found: dict[str, dict[int, list[str]]] = {}
        if not file.is_file():
            return found, []
        try:
            text = read_bytes(file, "a table of flags", _MOST).decode("utf-8-sig")
            header, *rows = list(csv.reader(text.splitlines()))
            if header != [*HEADER]:
                raise ValueError(f"the columns {', '.join(header)[:80]}")
            for picture, line, *values in rows:
                if len(values) != len(FLAGS) + 1:
                    raise ValueError(f"a row of {len(values) + 2} fields")
                found.setdefault(picture, {})[int(line)] = values
        except (ValueError, csv.Error) as error:
            return {}, [Fault(FLAG_FILE, f"a table that cannot be read ({error})", NOTED)]
        return found, []

    def read(self, row: int) -> Annotations:
        """Of one picture."""
        size, cause = picture_size(self.items[row])
        text = text_of(self.names[row])
        if size is None:
            return Annotations(None, faults=(Fault(self.names[row], cause, NOTED),))
        file = next((self.root / one for one in text if (self.root / one).is_file()), None)
        if file is None:
            return Annotations(size, sound_boxes([], size, "")[0])
        name = file.relative_to(self.root).as_posix()
        try:
            lines = read_bytes(file, "YOLO's text", _MOST).decode("utf-8-sig").splitlines()
        except (InputError, UnicodeDecodeError) as error:
            return Annotations(size, faults=(Fault(name, str(error)),))
        raw, places, runs, faults = [], [], {}, []
        for place, line in enumerate(one for one in lines if one.strip()):
            try:
                box, mask = _line(line, size, self.classes)
            except ValueError as error:
                faults.append(Fault(name, str(error), ASIDE, place))
                continue
            raw.append(box)
            places.append(place)
            runs[place] = mask
        raw = self._with_flags(self.names[row], raw, places, sum(bool(one.strip()) for one in lines), faults)
        boxes, kept, more = sound_boxes(raw, size, name, places)
        masks = None
        if any(runs[places[one]] is not None for one in kept):
            masks = Masks(size, tuple(runs[places[one]] for one in kept))
        return Annotations(size, boxes, masks, faults=(*faults, *more))

    def _with_flags(
        self, name: str, raw: list[RawBox], places: list[int], lines: int, faults: list[Fault]
    ) -> list[RawBox]:
        flags = self._flags[0].get(name)
        if flags is None:
            return raw
        if sorted(flags) != list(range(lines)):
            faults.append(Fault(FLAG_FILE, "flags of other lines than the text has, which are not used", NOTED))
            return raw
        made = []
        for box, place in zip(raw, places):
            said = {flag: value == "1" for flag, value in zip(FLAGS, flags[place])}
            made.append(RawBox(box.xyxy, box.name, pose=flags[place][-1], **said))
        return made


HEADER = ("image", "line", *FLAGS, "pose")


def text_of(name: str) -> list[str]:
    """Where the text of a picture may be: for the last `images` among its folders `labels`; else beside it.

    >>> text_of("images/train/a.jpg"), text_of("a.b.png")
    (['labels/train/a.txt', 'images/train/a.txt'], ['a.b.txt'])
    """
    path = PurePosixPath(name).with_suffix(".txt")
    parts = list(path.parts)
    folders = [place for place, part in enumerate(parts[:-1]) if part.lower() == "images"]
    if not folders:
        return [str(path)]
    return [str(PurePosixPath(*parts[: folders[-1]], "labels", *parts[folders[-1] + 1 :])), str(path)]


def _line(line: str, size: tuple[int, int], names: tuple[str, ...] | None) -> tuple[RawBox, np.ndarray | None]:
    """The box and the runs of a line; raises ValueError with the cause in plain words."""
    words = line.split()
    try:
        number, *shares = (float(word) for word in words)
    except ValueError:
        raise ValueError("a line that is not of numbers") from None
    if not np.isfinite([number, *shares]).all():
        raise ValueError("a line with NaN or infinity")
    if number != int(number) or number < 0 or (names is not None and number >= len(names)):
        raise ValueError(f"an unknown class ({words[0][:40]})")
    name = str(int(number)) if names is None else names[int(number)]
    height, width = size
    if len(shares) == 4:
        x, y, across, down = np.array(shares) * [width, height, width, height]
        return RawBox((x - across / 2, y - down / 2, x + across / 2, y + down / 2), name), None
    if len(shares) < 6 or len(shares) % 2:
        raise ValueError(f"a line of {len(words)} numbers, neither a box nor a polygon")
    corners = np.array(shares).reshape(-1, 2) * [width, height]
    try:
        mask = draw([corners], size)
    except InputError as error:
        raise ValueError(f"a polygon that cannot be used ({error})") from None
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    box = RawBox((float(left), float(top), float(right), float(bottom)), name)
    return box, rle.encode(mask) if mask.any() else None
