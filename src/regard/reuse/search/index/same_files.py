"""Which images of an index the same files are, whatever their ids: ids depend on the folder that was named.

A file is known by its place: the folder, with links and `..` followed, and its name in it. A link to a file is a file
of its own, as it is when a folder is listed.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ....core.checks import InputError, bad
from ..store.protocol import Store

Facts = Callable[[int], dict[str, Any]]  # of the file at a place: its hash as `content`


def real_paths(paths: Iterable[str | None]) -> list[str]:
    """Where files are, the same for every way to name their folder; "" for what is no whole path."""
    real: dict[str, str] = {}  # each folder is looked up once
    found = []
    for path in paths:
        folder, name = os.path.split(path or "")
        if os.path.isabs(folder) and folder not in real:
            real[folder] = os.path.realpath(folder)
        found.append(os.path.join(real[folder], name) if folder in real else "")
    return found


def as_indexed(store: Store, ids: Sequence[str], paths: Sequence[str]) -> list[str]:
    """The ids under which an index has these files; for one that it does not have, the given id from the same root.

    An id that is the end of its file's path gives way to the index's own. One that was chosen does not: it is refused.
    O(images of the index).

    Raises:
        InputError: a file that the index has under another id, where that cannot be taken in its stead.
    """
    places = real_paths(paths)
    known = _ids_at(store, set(places) - {""})
    taken, found = set(ids), []
    for name, path, place in zip(ids, paths, places):
        there = known.get(place, [])
        if not there or name in there:
            found.append(name)
        elif len(there) > 1 or there[0] in taken or not _derived(name, path):
            raise bad(
                "ids",
                f"{name!r} of {path}, which the index has as {', '.join(map(repr, there[:3]))}",
                "the ids that the index has for its files",
                "Name the folder or table that the index was made of, or give these images the index's ids.",
            )
        else:
            found.append(there[0])
            taken.add(there[0])
    roots = {_roots(name, own) for name, own in zip(ids, found) if name != own}
    if len(roots) != 1:
        return found
    ((given, own),) = roots
    moved = [own + name.removeprefix(given) for name in ids]
    new = {
        row
        for row, (name, path, place) in enumerate(zip(ids, paths, places))
        if place and place not in known and name.startswith(given) and _derived(name, path) and moved[row] not in taken
    }
    return [moved[row] if row in new else name for row, name in enumerate(found)]


def to_remove(store: Store, ids: Sequence[str], paths: Sequence[str], facts: Facts) -> list[str]:
    """The ids of an index to take out where these files are named: by their place, or else by id.

    Raises:
        InputError: an id that the index has for another file, with other bytes.
    """
    places = real_paths(paths)
    known = _ids_at(store, set(places) - {""})
    rows = {row["id"]: row for row in store.get(list(ids), ["id", "path", "content"]).to_pylist()}
    others = dict(zip(rows, real_paths(row["path"] for row in rows.values())))
    found: list[str] = []
    for at, (name, path, place) in enumerate(zip(ids, paths, places)):
        row = rows.get(name)
        if place and known.get(place):
            found += [name] if name in known[place] else known[place]
        elif row and place and others[name] and (row["content"] or "") != facts(at)["content"]:
            raise other_file("IMAGES", name, path, row["path"], "Name the folder that the index was made of.")
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def refuse_others(store: Store, ids: Sequence[str], paths: Sequence[str]) -> None:
    """Refuse an id whose image is elsewhere than the one of that id; only whole paths say where an image is."""
    for row, there in _elsewhere(store, ids, paths).items():
        fix = "Give --replace, or embed from the common parent folder so that ids differ."
        raise other_file("ids", ids[row], paths[row], there, fix)


def same_files(store: Store, ids: Sequence[str], paths: Sequence[str]) -> list[int]:
    """The rows whose id a store does not have for a file elsewhere."""
    others = _elsewhere(store, ids, paths)
    return [row for row in range(len(ids)) if row not in others]


def other_file(argument: str, name: str, path: str, there: str, fix: str) -> InputError:
    """The error for an id that an index has for another file."""
    got = f"{name!r} of {path}, which the index has of {there}"
    return bad(argument, got, "ids that are new, or of the same file", fix)


def _derived(name: str, path: str) -> bool:
    """Whether an id is the end of its path, and so depends on the folder that was named."""
    return Path(path).as_posix().endswith("/" + re.sub(r"^(\.{0,2}/)+", "", name))


def _elsewhere(store: Store, ids: Sequence[str], paths: Sequence[str]) -> dict[int, str]:
    """The rows whose id a store has for a file at another place, with its path there."""
    if not any(map(os.path.isabs, paths)):
        return {}
    known = {row["id"]: row["path"] or "" for row in store.get(list(ids), ["id", "path"]).to_pylist()}
    others = dict(zip(known, real_paths(known.values())))
    found = enumerate(zip(ids, real_paths(paths)))
    return {row: known[name] for row, (name, here) in found if here and others.get(name) and here != others[name]}


def _roots(name: str, own: str) -> tuple[str, str]:
    """What a given id and the index's own begin with, before they are the same.

    >>> _roots("0.png", "dog/0.png"), _roots("photos/dog/0.png", "dog/0.png")
    (('', 'dog/'), ('photos/', ''))
    """
    same = os.path.commonprefix([name[::-1], own[::-1]])[::-1]
    same = same if same in (name, own) else same.partition("/")[2]
    return name.removesuffix(same), own.removesuffix(same)


def _ids_at(store: Store, places: set[str]) -> dict[str, list[str]]:
    """The ids that a store has of the files at these places, by place."""
    found: dict[str, list[str]] = {}
    if not places:
        return found
    rows = store.scan(["id", "path"])
    for name, place in zip(rows.column("id").to_pylist(), real_paths(rows.column("path").to_pylist())):
        if place in places:
            found.setdefault(place, []).append(name)
    return found
