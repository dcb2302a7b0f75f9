"""Folders of depth beside folders of pictures: that of images/a.jpg is depth/a.png, depth/a.npy or a.exr.

A PNG of 16 bits holds millimetres, or steps of another unit: `depth/unit.txt` says how many metres a step has, such as
0.0002 for TUM's sets. 0 and 65535 stand for none. An array holds metres where it holds floats, and NaN
for none; so does OpenEXR (the extra `exr`).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ...core.checks import InputError, bad, check_number, check_path
from ...core.reading import read_bytes
from .._layout import holds_photographs
from ..imageset import ImageSet
from ._reading import picture_size
from .depth import Depth
from .depth_values import NONE, SUFFIXES, UNIT, metres_of
from .faults import ASIDE, NOTED, Fault
from .record import Annotations, Rows

UNIT_FILE = "unit.txt"
_NAMES = re.compile(r"depths?(?:[ _-](?:png|npy|raw|maps?|gt))*")
_ENDINGS = ("", "_depth", "-depth", ".depth")


def read_depth_folder(
    images: str | Path, depth: str | Path, *, unit: float | None = None, none: Sequence[int] = NONE
) -> ImageSet:
    """The pictures of a folder with their depth.

    Args:
        images: the folder of pictures.
        depth: the folder of maps, named as the pictures are; `.png`, `.npy` or `.exr`.
        unit: metres of one step of whole numbers; None: what `depth/unit.txt` says, else 0.001.
        none: whole numbers that stand for none.

    Raises:
        InputError: no such folder, no picture, or a unit that is no number above 0.
    """
    from ..folder import open_folder

    place = check_path("depth", depth, folder=True)
    step = _unit(place) if unit is None else check_number("unit", unit, 0, open_low=True)
    found = open_folder(check_path("images", images, folder=True), argument="images")
    return _with(found, place, found.ids.tolist(), float(step), none)


def with_depth(images: ImageSet, root: Path) -> ImageSet:
    """The images of a folder, with the depth of a folder beside that of the photographs, if there is one."""
    first = {its.partition("/")[0] for its in images.ids.tolist()}
    if images.annotations is not None or len(first) != 1:
        return images
    if not holds_photographs(name := first.pop()) or not (root / name).is_dir():
        return images
    places = [one for one in sorted(root.iterdir()) if one.is_dir() and _NAMES.fullmatch(one.name.lower())]
    if len(places) != 1:
        return images
    return _with(images, places[0], [its.partition("/")[2] for its in images.ids.tolist()], None, NONE)


def _with(images: ImageSet, place: Path, names: Sequence[str], unit: float | None, none: Sequence[int]) -> ImageSet:
    items = [item for item in images.items if isinstance(item, Path)]
    source = DepthBeside(items, [_beside(place, name) for name in names], place, unit, tuple(none))
    return replace(images, labels=None, annotations=Rows.of(source))


def _beside(place: Path, name: str) -> Path:
    stem = PurePosixPath(name).with_suffix("")
    options = [place / f"{stem}{ending}{suffix}" for ending in _ENDINGS for suffix in SUFFIXES]
    return next((one for one in options if one.is_file()), options[0])


def _unit(place: Path) -> float:
    """Metres of one step.

    Raises:
        InputError: a file that says something else.
    """
    file = place / UNIT_FILE
    if not file.is_file():
        return UNIT
    try:
        return float(check_number("unit", float(read_bytes(file, "a number", 2**10)), 0, open_low=True))
    except ValueError as error:
        raise bad(str(file), "no number above 0", "metres of one step, such as 0.001") from error


class DepthBeside:
    """The depth of a folder, a file an image; of `unit` None its own file tells the unit."""

    def __init__(
        self, items: Sequence[Path], files: Sequence[Path], place: Path, unit: float | None, none: tuple[int, ...]
    ) -> None:
        self.items, self.files, self.none = items, files, none
        self.wrong: list[Fault] = []
        try:
            self.unit = _unit(place) if unit is None else unit
        except InputError as error:
            self.unit, self.wrong = UNIT, [Fault(UNIT_FILE, str(error), ASIDE)]

    def __len__(self) -> int:
        return len(self.items)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Depth has no classes."""
        return ()

    def general(self) -> list[Fault]:
        """What is wrong with the unit."""
        return self.wrong

    def read(self, row: int) -> Annotations:
        """Of one picture."""
        size, cause = picture_size(self.items[row])
        faults = [Fault(self.items[row].name, cause, NOTED)] if cause else []
        file = self.files[row]
        if not file.is_file():
            return Annotations(size, faults=(*faults, Fault(file.name, "no such file", NOTED)))
        try:
            metres = metres_of(file, size, self.unit, self.none)
        except InputError as error:
            return Annotations(size, faults=(*faults, Fault(file.name, str(error))))
        return Annotations(size, depth=Depth(metres), faults=tuple(faults))
