"""A COCO file and the images it lists, wherever an export has put them; a part of them is enough.

Each folder is listed once, and each file that is there is looked at once, so that a file of 120,000 images of which a
few hundred were downloaded opens in seconds.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from ..core.checks import bad
from ..core.storage import read_json
from ._files import MISSING, causes, problem
from .imageset import ImageSet

_ELSEWHERE = re.compile(r"[A-Za-z]:/|/|[A-Za-z][A-Za-z0-9+.-]+://")  # a path or address of the machine it comes from
_OUTSIDE = "a path that leaves the folder"


def open_coco(file: Path, argument: str) -> ImageSet:
    """The images of a COCO file, in its order, as far as they are there; the others are set aside as missing.

    They lie beside the file, in `images`, in a folder named like the part (instances_train2017.json: train2017), or in
    `images/PART` (CVAT, Datumaro), beside the file or beside its folder. Names are read with backslashes as slashes.
    A name that leads out of the folder, as Label Studio writes paths of its own server, is looked for by its last
    part, where no other image has that. A file may list images alone, without annotations.

    Raises:
        InputError: no list of images, an image without a name or two of one name, or none of them there.
    """
    content = read_json(file)
    rows = content.get("images") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise bad(argument, repr(str(file)), "a COCO file, with `images` and `annotations`")
    if "annotations" not in content and not any(isinstance(row, dict) and "file_name" in row for row in rows):
        raise bad(argument, repr(str(file)), "a COCO file, with `images` and `annotations`")
    names = [_name(row) for row in rows]
    if not all(names):
        raise bad(argument, f"images without `file_name` in {str(file)!r}", "a file name for each image")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise bad(
            argument,
            f"{len(repeated)} file name(s) twice in {file.name!r} (first: {repeated[0]!r})",
            "each image once",
            "Two images of one name cannot be told apart: drop one, or keep them in folders of their own.",
        )
    return _found(file, names, argument)


def _name(row: Any) -> str:
    """The name of one image; LVIS gives the address alone, whose last two parts are COCO's own folder and file."""
    if not isinstance(row, dict):
        return ""
    if row.get("file_name"):
        return str(row["file_name"])
    address = str(row.get("coco_url") or "")
    return "/".join(address.split("/")[-2:]) if address else ""


def _found(file: Path, names: Sequence[str], argument: str) -> ImageSet:
    plain = [_relative(name) for name in names]
    outside = [_leaves(given, name) for given, name in zip(names, plain)]
    lasts = Counter(map(_last, plain))
    # what each image is looked for by; by its last part only where that is one image's alone
    wanted = [name if not out else _last(name) if lasts[_last(name)] == 1 else "" for name, out in zip(plain, outside)]
    shelf, places = _Shelf(), _chosen(file, wanted, outside)
    items, kept, aside = [], [], []
    for row, name in enumerate(wanted):
        there = [place for place in places if name and shelf.holds(place, name)]
        if outside[row]:
            there = [place for place in there if place != file.parent.parent]
        if len(there) != 1:
            cause = "the same name in several folders" if there else _OUTSIDE if outside[row] else MISSING
        elif not (cause := problem(there[0] / name)) and not shelf.inside(there[0], name):
            cause = _OUTSIDE
        if cause:
            aside.append({"path": names[row], "cause": cause})
        else:
            items.append(there[0] / name)
            kept.append(row)
    if not kept:
        looked = ", ".join(str(place) for place in (places or [file.parent]))
        raise bad(
            argument,
            f"{file.name!r}, none of whose {len(names)} images can be used ({causes(tuple(aside))})",
            "the images beside the file, in images/, in a folder named like the part, or in images/PART",
            f"The first, {names[0]!r}, was looked for in {looked}.",
        )
    return ImageSet(items, np.array(wanted)[kept], name=file.stem, set_aside=tuple(aside))


def _chosen(file: Path, wanted: Sequence[str], outside: Sequence[bool]) -> list[Path]:
    """The place where the images are: the folder named like the part before all others, as parts repeat names.

    Of places of one kind, the one with most of the images. Folders of other names in `images` are all looked into,
    for a file that lists several parts.
    """
    shelf = _Shelf()

    def hits(place: Path) -> tuple[int, int]:
        found = [out for name, out in zip(wanted, outside) if name and shelf.holds(place, name)]
        return len(found) - sum(found), sum(found)

    here, up = file.parent, file.parent.parent
    pictures = (here / "images", up / "images")
    stem = file.stem.rpartition("_")[2]
    parts = dict.fromkeys(filter(None, (stem, re.sub("-?dev", "", stem), stem.lower(), stem.capitalize())))
    named = [root / part for root in (up, here, *reversed(pictures)) for part in parts]
    usual = [here, *pictures, here / "data", up / "data", up]
    for places in (named, usual):
        counts = {place: hits(place) for place in dict.fromkeys(places) if place.is_dir()}
        best = max(counts, key=lambda place: counts[place], default=None)
        if best is not None and any(counts[best]):
            return [best]
    return [place for root in dict.fromkeys(pictures) if root.is_dir() for place in sorted(root.iterdir())]


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _relative(name: str) -> str:
    """A name with slashes, without `./`; of Label Studio's address of a local file, the file."""
    name = name.replace("\\", "/")
    if "?d=" in name:
        name = "/" + unquote(name.partition("?d=")[2]).lstrip("/")
    while name.startswith("./"):
        name = name[2:]
    return name


def _leaves(given: str, name: str) -> bool:
    return bool(_ELSEWHERE.match(name)) or "?d=" in given or ".." in name.split("/")


class _Shelf:
    """What folders hold, each listed once."""

    def __init__(self) -> None:
        self._inside: dict[Path, dict[str, bool]] = {}
        self._real: dict[Path, Path] = {}

    def holds(self, place: Path, name: str) -> bool:
        """Whether the place has a file (or a link) of this name, which may lie in a folder below."""
        return _last(name) in self._listing((place / name).parent)

    def inside(self, place: Path, name: str) -> bool:
        """Whether the file lies in the place in truth, links followed."""
        folder = (place / name).parent
        real, root = self._resolved(folder), self._resolved(place)
        if real != root and root not in real.parents:
            return False
        linked = self._listing(folder)[_last(name)]
        return not linked or root in (place / name).resolve().parents

    def _resolved(self, folder: Path) -> Path:
        if folder not in self._real:
            self._real[folder] = folder.resolve()
        return self._real[folder]

    def _listing(self, folder: Path) -> dict[str, bool]:
        if folder not in self._inside:
            try:
                with os.scandir(folder) as entries:
                    self._inside[folder] = {entry.name: entry.is_symlink() for entry in entries}
            except OSError:
                self._inside[folder] = {}
        return self._inside[folder]
