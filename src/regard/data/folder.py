"""A folder of images, of class folders, or of train and test folders.

The label is the folder directly under the root, when every image lies in one; images loose in the root mean that
there are no labels. Deeper folders (`cat/video12/frame.jpg`) only lengthen the id. Folders named train, test and val
are parts of the set, not classes: they go to the column `split` and labels come from the level below. Folders of masks
and what file servers and programs left are no classes either (`_layout.py`).
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_path
from ..core.images import IMAGE_SUFFIXES
from ._files import NOT_TEXT, causes, is_text, problem, shown
from ._kinds import passed_over
from ._layout import left_by_programs, photograph_of
from ._levels import Levels, find_levels
from .imageset import ImageSet


def open_folder(root: str | Path, *, argument: str = "IMAGES") -> ImageSet:
    """List the images below a folder, sorted by id; ids are paths relative to it, with forward slashes.

    Hidden files, files without an image's suffix, and folders that file servers and programs keep for themselves
    (@eaDir, __MACOSX, #recycle) are passed over; so are folders of masks beside one of photographs (`images`, `masks`).
    Empty files, links that leave the folder or lead to folders, folders that may not be read, and masks that lie beside
    their photograph (`a_mask.png`, `a.png`) are set aside with the cause. Whether a file can be decoded is found out
    later, when it is. RAW, video, PDF and other files that may be taken for images are counted by kind in `notes`.

    Raises:
        InputError: no usable image, class folders one level further down than the root suggests, or folders of which
            some are parts of the set or masks, and others are not.
    """
    base = check_path(argument, root, folder=True)
    found = _listed(base, argument)
    levels = find_levels(base, found.ids, argument)
    columns = {} if levels.split is None else {"split": np.array(levels.split)}
    return _set(base, levels.ids, levels, columns, base.resolve().name, found)


def folder_splits(root: str | Path, *, argument: str = "IMAGES") -> dict[str, ImageSet]:
    """The parts of a folder that holds `train`, `test` or `val` folders, by these names; empty where it does not.

    Each part is labelled by itself, so that a test part without class folders does not cost the train part its
    labels. Ids stay relative to the root, so that no id stands for two images.
    """
    base = check_path(argument, root, folder=True)
    found = _listed(base, argument)
    levels = find_levels(base, found.ids, argument, check=False)
    parts = {}
    for part in sorted(set(levels.split or ())):
        ids = [name for name, its in zip(levels.ids, levels.split or ()) if its == part]
        column = {"split": np.full(len(ids), part)}
        parts[part] = _set(base, ids, levels, column, f"{base.resolve().name} ({part})", found)
    return parts


def _set(
    base: Path, ids: Sequence[str], levels: Levels, columns: dict[str, np.ndarray], name: str, found: "_Listing"
) -> ImageSet:
    folders = [its.split("/")[levels.depth : -1] for its in ids]
    labels = np.array([parts[0] for parts in folders]) if all(folders) else None
    return ImageSet(
        [base / its for its in ids], np.array(ids), labels, columns, name, tuple(found.aside), _notes(found)
    )


def _notes(found: "_Listing") -> tuple[dict[str, Any], ...]:
    """What is to be said of files passed over that a user may take for images: RAW, video, PDF ..."""
    told, count = passed_over(found.other)
    first = min((name for suffix, name in found.first.items() if passed_over({suffix: 1})[1]), default="")
    return ({"note": f"{told} passed over", "images": count, "first": first},) if count else ()


@dataclass
class _Listing:
    ids: list[str] = field(default_factory=list)
    aside: list[dict[str, str]] = field(default_factory=list)
    other: Counter[str] = field(default_factory=Counter)  # suffixes passed over
    first: dict[str, str] = field(default_factory=dict)  # and the first name of each


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
            found.aside.append({"path": shown(folder or "."), "cause": error.strerror or str(error)})
            continue
        for entry in inside:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not left_by_programs(entry.name):
                    waiting.append(name)
            else:
                _take(found, base / name, name, real, linked=entry.is_symlink())
    _set_masks_aside(found)
    found.ids.sort()
    found.aside.sort(key=lambda entry: entry["path"])
    if not found.ids:
        raise _nothing(base, found, argument)
    return found


def _take(found: _Listing, path: Path, name: str, real: str, *, linked: bool) -> None:
    is_folder = linked and path.is_dir()
    if path.suffix.lower() not in IMAGE_SUFFIXES and not is_folder:
        suffix = path.suffix.lower() or "suffixless"
        found.other[suffix] += 1
        found.first[suffix] = min(shown(name), found.first.get(suffix, shown(name)))
        return
    cause = problem(path)
    if linked and not cause.startswith("no such"):
        if not os.path.realpath(path).startswith(real.rstrip(os.sep) + os.sep):
            cause = "a link that leaves the folder"
        elif is_folder:
            cause = "a link to a folder"  # its images are listed where they are; following it could go in circles
    if not is_text(name):
        cause = NOT_TEXT
    if cause:
        found.aside.append({"path": shown(name), "cause": cause})
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


def _set_masks_aside(found: _Listing) -> None:
    """Files named as the mask of a photograph that lies beside them are no images to learn from."""
    places = {name.rpartition(".")[0] for name in found.ids}
    masks = {}
    for name in found.ids:
        folder, slash, last = name.rpartition("/")
        photograph = photograph_of(last.rpartition(".")[0])
        if photograph and folder + slash + photograph in places:
            masks[name] = photograph
    found.aside += [{"path": name, "cause": f"by its name a mask of {of}"} for name, of in masks.items()]
    found.ids = [name for name in found.ids if name not in masks]
