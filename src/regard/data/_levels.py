"""Which level of a folder's tree holds the classes: below parts of the set (train, test) and folders of photographs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.checks import bad
from ._layout import holds_masks, holds_photographs, may_hold_masks, other_part, part_name

_EXPECTED = "a folder of images, or of class folders that hold images"


@dataclass(frozen=True)
class Levels:
    """The images that are left, the part each is of (None where there are no parts), and the level of classes."""

    ids: list[str]
    split: list[str] | None
    depth: int


def find_levels(base: Path, ids: Sequence[str], argument: str, *, check: bool = True) -> Levels:
    """Tell parts, photographs and masks apart by the names of folders, from the root downwards.

    Args:
        base: the root, for messages.
        ids: paths relative to it.
        argument: what to call the root in messages.
        check: refuse a root whose class folders hold no images but folders.

    Raises:
        InputError: folders that cannot be classes, beside others that can.
    """
    left, depth, split = list(ids), 0, None
    for _ in range(2):  # images/train and train/images are both in use
        kept, masked = _without_masks(base, left, depth, argument)
        split = None if split is None else [part for name, part in zip(left, split) if name in kept]
        left = [name for name in left if name in kept]
        if split is None and (split := _parts(base, left, depth, argument)) is not None:
            depth += 1
        if _one_of_photographs(left, depth, masked):
            depth += 1
    if check:
        _check_level(base, left, depth, argument)
    return Levels(left, split, depth)


def _folder(name: str, depth: int) -> str | None:
    """The folder of this level that an image lies in; None where it lies above."""
    parts = name.split("/")
    return parts[depth] if len(parts) > depth + 1 else None


def _parts(base: Path, ids: Sequence[str], depth: int, argument: str) -> list[str] | None:
    """The part of the set that each image is of, where every folder of this level is one."""
    folders = [_folder(name, depth) for name in ids]
    parts = [None if folder is None else part_name(folder) for folder in folders]
    known = [part for part in parts if part is not None]
    if len(known) == len(ids):
        return known
    others = sorted({folder for folder, part in zip(folders, parts) if folder is not None and part is None})
    masks = [name for name in others if holds_masks(name)]
    strange = all(map(other_part, others)) and len(others) > (not known)  # beside train, or several of them
    if (others and strange) or (len(set(known)) > 1 and others != masks):
        some = sorted({folder for folder, part in zip(folders, parts) if folder is not None and part is not None})
        some, others = (some, others) if some else (others[:1], others[1:])
        raise bad(
            argument,
            f"{str(base)!r}, where folders that are parts of a set by their names ({_few(some)}) lie beside others "
            f"({_few(others)})",
            "parts alone (train, test, val), or classes alone",
            f"Name one of them, such as {str(base.joinpath(*ids[0].split('/')[:depth], some[0]))!r}, or move the "
            "others out.",
        )
    return None


def _without_masks(base: Path, ids: Sequence[str], depth: int, argument: str) -> tuple[set[str], bool]:
    """The images outside folders of masks, and whether there were such folders, beside photographs or parts alone."""
    by_folder: dict[str | None, list[str]] = {}
    for name in ids:
        by_folder.setdefault(_folder(name, depth), []).append(name)
    some = any(name is not None and holds_photographs(name) for name in by_folder)
    masks = {name for name in by_folder if name is not None and may_hold_masks(name, photographs=some)}
    rest = [name for name in by_folder if name not in masks]
    alone = len(rest) == 1 and rest[0] is not None and holds_photographs(rest[0])
    if masks and rest and (alone or all(name is not None and part_name(name) for name in rest)):
        return {name for folder in rest for name in by_folder[folder]}, True
    wrong = sorted(name for name in masks if _are_masks(name, by_folder))
    if wrong:
        raise bad(
            argument,
            f"{str(base.joinpath(*ids[0].split('/')[:depth]))!r}, where by name and content {_few(wrong)} "
            f"hold{'s' * (len(wrong) == 1)} masks or other annotations, no photographs",
            _EXPECTED,
            "Name the folder of the photographs, move the others out, or give a table with the columns path and label.",
        )
    return set(ids), False


def _one_of_photographs(ids: Sequence[str], depth: int, masked: bool) -> bool:
    """Whether this level is one folder of photographs, which is no class: masks lay beside it, or no folders in it."""
    folders = {_folder(name, depth) for name in ids}
    if len(folders) != 1 or not all(name is not None and holds_photographs(name) for name in folders):
        return False
    inside = {_folder(name, depth + 1) for name in ids}
    return masked or inside == {None} or all(name is not None and part_name(name) for name in inside)


def _are_masks(folder: str, by_folder: dict[str | None, list[str]]) -> bool:
    """Whether a folder of such a name holds masks: no class is called so, or its files are called as others are."""
    if holds_masks(folder, surely=True):
        return True
    others = {_stem(name) for other, names in by_folder.items() if other != folder for name in names}
    own = [_stem(name) for name in by_folder[folder]]
    return 2 * sum(stem in others for stem in own) > len(own)


def _stem(name: str) -> str:
    last = name.rpartition("/")[2]
    return last.rpartition(".")[0] or last


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
    if len(outer) == 1 and len(inner) > 1:
        raise bad(
            argument,
            f"{str(base)!r}, where one folder, {outer[0]!r}, holds {len(inner)} folders ({_few(inner)})",
            _EXPECTED,
            f"One level too high? Name {deeper!r}.",
        )
    parted = len({part_name(name) for name in inner}) > 1 and all(map(part_name, inner))
    if (len(repeated) > 1 and 2 * len(repeated) >= len(inner)) or parted:
        same = "parts of a set" if parted else "the same ones"
        raise bad(
            argument,
            f"{str(base)!r}, whose folders ({_few(outer)}) hold only folders, and {same} ({_few(repeated or inner)})",
            _EXPECTED,
            f"One level too high? Name one of them, such as {deeper!r}, or give a table with the "
            "columns path, label and domain.",
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
