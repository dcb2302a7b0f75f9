"""A folder of images, of class folders, or of train and test folders.

The label is the folder directly under the root, when every image lies in one; images loose in the root mean that
there are no labels. Deeper folders (`cat/video12/frame.jpg`) only lengthen the id. Folders named train, test and val
are parts of the set, not classes: they go to the column `split` and labels come from the level below.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..core.checks import bad, check_path
from ..core.images import IMAGE_SUFFIXES
from ._files import causes, problem
from .imageset import ImageSet

# folder names, in lower case, that say which part of the set they hold
SPLITS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}


def open_folder(root: str | Path, *, argument: str = "IMAGES") -> ImageSet:
    """List the images below a folder, sorted by id; ids are paths relative to it, with forward slashes.

    Hidden files and files without an image's suffix are passed over. Empty files, links that leave the folder or lead
    to folders, and folders that may not be read are set aside with the cause. Whether a file can be decoded is found
    out later, when it is.

    Raises:
        InputError: no usable image, or class folders one level further down than the root suggests.
    """
    base = check_path(argument, root, folder=True)
    found = _listed(base, argument)
    ids = found.ids
    split = _split_names(ids)
    depth = 0 if split is None else 1
    _check_level(base, ids, depth, argument)
    columns = {} if split is None else {"split": np.array(split)}
    return ImageSet(
        [base / name for name in ids],
        np.array(ids),
        _labels(ids, depth),
        columns,
        base.resolve().name,
        tuple(found.aside),
    )


def folder_splits(root: str | Path, *, argument: str = "IMAGES") -> dict[str, ImageSet]:
    """The parts of a folder that holds `train`, `test` or `val` folders, by these names; empty where it does not.

    Each part is labelled by itself, so that a test part without class folders does not cost the train part its
    labels. Ids stay relative to the root, so that no id stands for two images.
    """
    base = check_path(argument, root, folder=True)
    found = _listed(base, argument)
    split = _split_names(found.ids)
    parts = {}
    for part in sorted(set(split or ())):
        ids = [name for name, its in zip(found.ids, split or ()) if its == part]
        column = {"split": np.full(len(ids), part)}
        name = f"{base.resolve().name} ({part})"
        parts[part] = ImageSet(
            [base / name for name in ids], np.array(ids), _labels(ids, 1), column, name, tuple(found.aside)
        )
    return parts


@dataclass
class _Listing:
    ids: list[str] = field(default_factory=list)
    aside: list[dict[str, str]] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)  # suffixes passed over


def _listed(base: Path, argument: str) -> _Listing:
    found = _Listing()
    real = os.path.realpath(base)
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(base / folder) as entries:
                inside = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            found.aside.append({"path": folder or ".", "cause": error.strerror or str(error)})
            continue
        for entry in inside:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            else:
                _take(found, base / name, name, real, linked=entry.is_symlink())
    found.ids.sort()
    found.aside.sort(key=lambda entry: entry["path"])
    if not found.ids:
        raise _nothing(base, found, argument)
    return found


def _take(found: _Listing, path: Path, name: str, real: str, *, linked: bool) -> None:
    is_folder = linked and path.is_dir()
    if path.suffix.lower() not in IMAGE_SUFFIXES and not is_folder:
        found.other[path.suffix.lower() or "suffixless"] += 1
        return
    cause = problem(path)
    if linked and not cause.startswith("no such"):
        if not os.path.realpath(path).startswith(real.rstrip(os.sep) + os.sep):
            cause = "a link that leaves the folder"
        elif is_folder:
            cause = "a link to a folder"  # its images are listed where they are; following it could go in circles
    if any("\ud800" <= letter <= "\udfff" for letter in name):  # how Python shows bytes that are no text
        cause, name = "a name that is not UTF-8 text", name.encode("utf-8", "backslashreplace").decode()
    if cause:
        found.aside.append({"path": name, "cause": cause})
    else:
        found.ids.append(name)


def _nothing(base: Path, found: _Listing, argument: str) -> Exception:
    accepted = "a folder with images (" + " ".join(sorted(IMAGE_SUFFIXES)) + ")"
    if found.aside:
        return bad(argument, f"{str(base)!r} without one that can be used: {causes(tuple(found.aside))}", accepted)
    held = ", ".join(f"{count} {suffix} file{'s' * (count > 1)}" for suffix, count in found.other.most_common(3))
    more = len(found.other) - 3
    held += f" and {more} other kinds" if more > 0 else ""
    return bad(argument, f"{str(base)!r} with " + (held or "no file at all"), accepted)


def _split_names(ids: Sequence[str]) -> list[str] | None:
    parts = [SPLITS.get(name.split("/")[0].lower()) if "/" in name else None for name in ids]
    known = [part for part in parts if part is not None]
    return known if len(known) == len(ids) else None


def _labels(ids: Sequence[str], depth: int) -> np.ndarray | None:
    folders = [name.split("/")[depth:-1] for name in ids]
    return np.array([parts[0] for parts in folders]) if all(folders) else None


def _check_level(base: Path, ids: Sequence[str], depth: int, argument: str) -> None:
    """Refuse a root whose class folders hold no image, only the same folders over and over: which is the class?"""
    below: dict[str, set[str]] = {}
    for name in ids:
        parts = name.split("/")[depth:]
        if len(parts) < 3:
            return  # some image lies in the root or directly in a class folder: this is the level of classes
        below.setdefault(parts[0], set()).add(parts[1])
    counts = Counter(name for names in below.values() for name in names)
    repeated = sorted(name for name, count in counts.items() if count > 1)
    outer, inner = sorted(below), sorted(counts)
    deeper = str(base.joinpath(*ids[0].split("/")[: depth + 1]))
    expected = "a folder of images, or of class folders that hold images"
    if len(outer) == 1 and len(inner) > 1:
        raise bad(
            argument,
            f"{str(base)!r}, where one folder, {outer[0]!r}, holds {len(inner)} folders ({_few(inner)})",
            expected,
            f"One level too high? Name {deeper!r}.",
        )
    if len(repeated) > 1 and 2 * len(repeated) >= len(inner):
        raise bad(
            argument,
            f"{str(base)!r}, whose folders ({_few(outer)}) hold only folders, and the same ones ({_few(repeated)})",
            expected,
            f"One level too high? Name one of them, such as {deeper!r}, or give a table with the "
            "columns path, label and domain.",
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
