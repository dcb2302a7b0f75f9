"""A COCO file and the images it lists, wherever an export has put them; a part of them is enough.

Each folder is listed once, and each file that is there is looked at once, so that a file of 120,000 images of which a
few hundred were downloaded opens in seconds.
"""

import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from ..core.checks import bad, check_path
from ..core.reading import MOST_BOXES, read_json
from ._files import MISSING, causes, in_other_form, name_problem, problem, shown
from .annotations.coco import CocoFile
from .annotations.record import Rows
from .imageset import ImageSet

_ELSEWHERE = re.compile(r"[A-Za-z]:/|/|[A-Za-z][A-Za-z0-9+.-]+://")  # a path or address of the machine it comes from
_OUTSIDE = "a path that leaves the folder"


def open_coco(file: Path, argument: str) -> ImageSet:
    """The images of a COCO file, in its order, as far as they are there; the others are set aside as missing.

    They lie beside the file, in `images`, in a folder named like the part (instances_train2017.json: train2017;
    instances_small_train.json: small_train before train), or in `images/PART` (CVAT, Datumaro), beside the file or
    beside its folder. Names are read with backslashes as slashes and, where no such file is there, without spaces
    around and in the form of Unicode that the folder has. A name that leads out of the folder, as Label Studio writes
    paths of its own server, is looked for by the longest end of it that is there and that no other image has. A file
    may list images alone, without annotations. Where each image says its `domain`, that becomes a column.

    Raises:
        InputError: no list of images, an image without a name or two of one name, or none of them there.
    """
    content = read_json(file, most=MOST_BOXES, rows=True)
    rows = content.get("images") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise bad(argument, repr(str(file)), "a COCO file, with `images` and `annotations`")
    if "annotations" not in content and not any(isinstance(row, dict) and "file_name" in row for row in rows):
        raise bad(argument, repr(str(file)), "a COCO file, with `images` and `annotations`")
    names = [_name(row) for row in rows]
    if not all(names):
        raise bad(argument, f"images without `file_name` in {str(file)!r}", "a file name for each image")
    known = [name for name in names if not name_problem(name)]
    _once(file, known, [posixpath.normpath(_relative(name)) for name in known], argument)
    domains = [str(row.get("domain") or "") for row in rows]
    found, kept = _found(file, names, argument, "annotations" in content)
    if not all(domains[row] for row in kept):
        return found
    return replace(found, columns={"domain": np.array([domains[row] for row in kept])})


def read_coco(file: str | Path, *, argument: str = "file") -> ImageSet:
    """The images of a COCO file that are there, with their boxes, masks and flags.

    Where the pictures are looked for is told in `open_coco`; those that are missing are in `set_aside`.

    Raises:
        InputError: no COCO file, or none of its pictures there.
    """
    path = check_path(argument, file, folder=False)
    found = open_coco(path, argument)
    if found.annotations is None:
        raise bad(argument, f"{str(file)!r} without annotations", "a COCO file with `annotations`")
    return found


def _once(file: Path, names: Sequence[str], means: Sequence[Any], argument: str) -> None:
    """Refuse two names (n,) that mean one file, whatever the spelling; by the second, with the first where it differs.

    Args:
        file: the COCO file, for messages.
        names: as they are written.
        means: what each stands for.
        argument: what to call the file in messages.
    """
    first: dict[Any, str] = {}
    repeated = {its: name for name, its in zip(names, means) if first.setdefault(its, name) is not name}
    if repeated:
        its = next(iter(repeated))
        other = f" and {repeated[its]!r}" if repeated[its] != first[its] else ""
        raise bad(
            argument,
            f"{len(repeated)} file name(s) twice in {file.name!r} (first: {first[its]!r}{other})",
            "each image once",
            "Two images of one name cannot be told apart: drop one, or keep them in folders of their own.",
        )


def _name(row: Any) -> str:
    """The name of one image; LVIS gives the address alone, whose last two parts are COCO's own folder and file."""
    if not isinstance(row, dict):
        return ""
    if row.get("file_name"):
        return str(row["file_name"])
    address = str(row.get("coco_url") or "")
    return "/".join(address.split("/")[-2:]) if address else ""


def _found(file: Path, names: Sequence[str], argument: str, annotated: bool) -> tuple[ImageSet, list[int]]:
    unfit = [name_problem(name) for name in names]
    plain = ["" if cause else _relative(name) for name, cause in zip(names, unfit)]
    outside = [_leaves(given, name) for given, name in zip(names, plain)]
    wanted = _wanted(plain, outside)
    shelf, places = _Shelf(), _chosen(file, wanted, outside)
    items, ids, kept, aside = [], [], [], []
    for row, options in enumerate(wanted):
        there = [(place, *hit) for place in places if (hit := shelf.find(place, options))]
        if outside[row]:
            there = [found for found in there if found[0] != file.parent.parent]
        if unfit[row]:
            cause = unfit[row]
        elif len(there) != 1:
            cause = "the same name in several folders" if there else _OUTSIDE if outside[row] else MISSING
        elif not (cause := problem(there[0][1])) and not shelf.inside(*there[0][:2]):
            cause = _OUTSIDE
        if cause:
            aside.append({"path": shown(names[row]), "cause": cause})
        else:
            items.append(there[0][1])
            ids.append(there[0][2])
            kept.append(row)
    if not kept:
        looked = ", ".join(str(place) for place in (places or [file.parent]))
        raise bad(
            argument,
            f"{file.name!r}, none of whose {len(names)} images can be used ({causes(tuple(aside))})",
            "the images beside the file, in images/, in a folder named like the part, or in images/PART",
            f"The first, {shown(names[0])!r}, was looked for in {looked}.",
        )
    _once(file, [names[row] for row in kept], items, argument)
    rows = Rows.of(CocoFile(file, items, kept)) if annotated else None
    return ImageSet(items, np.array(ids), name=file.stem, set_aside=tuple(aside), annotations=rows), kept


def _wanted(plain: Sequence[str], outside: Sequence[bool]) -> list[list[str]]:
    """What each image is looked for by: its name, or the ends of one that leads out, the longest first.

    Only ends that are one image's alone: else two images could be answered by one file.
    """
    ends = [_ends(name) for name in plain]
    count = Counter(end for some in ends for end in some)
    return [
        [end for end in some if count[end] == 1] if out else [name] for name, out, some in zip(plain, outside, ends)
    ]


def _ends(name: str) -> list[str]:
    """A path, and what is left of it without its first folder, without its first two ...; nothing before `..`.

    >>> _ends("/data/../x/a.jpg"), _ends("C:/me/a.jpg")
    (['x/a.jpg', 'a.jpg'], ['me/a.jpg', 'a.jpg'])
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    start = max((place + 1 for place, part in enumerate(parts) if part == ".." or part.endswith(":")), default=0)
    return ["/".join(parts[place:]) for place in range(start, len(parts))]


def _chosen(file: Path, wanted: Sequence[Sequence[str]], outside: Sequence[bool]) -> list[Path]:
    """The place where the images are: the folder named like the part before all others, as parts repeat names.

    The part is the longest end of the file's name that a folder has: a set may have the parts train and small_train.
    Of places of one kind, the one with most of the images. Folders of other names in `images` are all looked into,
    for a file that lists several parts.
    """
    shelf = _Shelf()

    def hits(place: Path) -> tuple[int, int]:
        found = [out for options, out in zip(wanted, outside) if shelf.find(place, options)]
        return len(found) - sum(found), sum(found)

    here, up = file.parent, file.parent.parent
    pictures = (here / "images", up / "images")
    words = file.stem.split("_")
    usual = [here, *pictures, here / "data", up / "data", up]
    empty: list[Path] = []  # folders of the part's name that have none of the images
    for start in range(len(words) + 1):
        part = "_".join(words[start:])
        if empty and part:
            continue  # train is not the part small_train, where that has a folder
        spellings = dict.fromkeys(filter(None, (part, re.sub("-?dev", "", part), part.lower(), part.capitalize())))
        named = [root / its for root in (up, here, *reversed(pictures)) for its in spellings]
        counts = {place: hits(place) for place in dict.fromkeys(named if part else usual) if place.is_dir()}
        best = max(counts, key=lambda place: counts[place], default=None)
        if best is not None and any(counts[best]):
            return [best]
        if start and part:  # the whole name may be a folder of masks, as panoptic_val2017 is
            empty = list(counts)
    return empty or [place for root in dict.fromkeys(pictures) if root.is_dir() for place in sorted(root.iterdir())]


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
        self._forms: dict[Path, dict[str, list[str]]] = {}

    def find(self, place: Path, names: Sequence[str]) -> tuple[Path, str] | None:
        """The file (or link) that the first of the names which the place has means, and that name.

        As it is written; else without spaces around; else in the form of Unicode (NFC, NFD) that the folder has it in.
        """
        for name in names:
            for other in dict.fromkeys((name, name.strip())):
                if other and self._has(place / other):
                    return place / other, other
            if other and not other.isascii():
                same = in_other_form(place / other, self._forms)
                if same is not None and self._has(same):
                    return same, other
        return None

    def inside(self, place: Path, path: Path) -> bool:
        """Whether the file lies in the place in truth, links followed."""
        real, root = self._resolved(path.parent), self._resolved(place)
        if real != root and root not in real.parents:
            return False
        linked = self._listing(path.parent)[path.name]
        return not linked or root in path.resolve().parents

    def _has(self, path: Path) -> bool:
        return path.name in self._listing(path.parent)

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
