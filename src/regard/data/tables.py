"""A table that lists images: CSV, TSV or Parquet with a column `path` and whatever else is known of each.

`label`, `id`, `domain`, `identity` and `split` are read as text, whatever they look like: a class named 007 keeps its
zeros. Relative paths start at the table's own folder; the table is the user's, so absolute paths are allowed. In place
of `path`, a Parquet table may hold the pictures themselves, as data sets of Hugging Face do (`encoded.py`).
"""

import difflib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_path
from ..core.values import as_column, as_text
from ._files import LONGEST, causes, is_text, located, name_problem, shown
from ._readtable import read_parquet, read_text, typed
from .encoded import Encoded
from .imageset import ImageSet

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
_TEXT = ("path", "label", "id", "domain", "identity", "split")
_LONGEST_TEXT = 100_000  # characters of a value in other columns
_OTHER_NAMES_FOR_PATH = ("file", "filename", "file_name", "filepath", "image", "image_path", "img", "uri")


def open_table(table: str | Path, *, argument: str = "IMAGES") -> ImageSet:
    """Read a table of images; rows whose file is missing or empty are set aside with the cause.

    So are rows with a value that is no text: with NUL characters, bytes that are not UTF-8, or without end.

    Ids are the column `id`, or else `path` as it is written. Columns other than path, label and id are kept under
    their names: numbers as numbers (missing ones NaN), everything else as text (missing ones empty); whole numbers
    that floats would round stay text where some are missing. Names of columns are read without spaces around them,
    and those named above in capitals or not.

    Raises:
        InputError: not a table, no column `path`, paths or labels missing in some rows, ids given twice, values that
            have no text of their own (lists, mappings), or none of the files there.
    """
    file = check_path(argument, table, folder=False)
    aside: list[dict[str, str]] = []
    raw, pictures = (read_parquet if _is_parquet(file) else read_text)(file, argument, aside)
    raw, pictures = _sound(raw, pictures, file, aside)
    columns = _columns(raw, file, argument, pictures is not None)
    if pictures is None:
        return _of_files(columns, file, argument, tuple(aside))
    found = _of_pictures(columns, pictures, file, argument)
    return replace(found, set_aside=tuple(aside))


def _sound(raw: dict[str, Any], pictures: Any, file: Path, aside: list[dict[str, str]]) -> tuple[dict[str, Any], Any]:
    """The rows without values that no array of text can hold as they are; the others are set aside, each by its path.

    An array of text is as wide as its longest value, and ends a value at its last character that is not NUL.
    """
    unfit: dict[int, str] = {}
    for column, values in raw.items():
        if not isinstance(values, list) and values.dtype != object:
            continue
        path = column.strip().casefold() == "path"
        limit = LONGEST if column.strip().casefold() in _TEXT else _LONGEST_TEXT
        for row, value in enumerate(values):
            if isinstance(value, str) and (len(value) > limit or "\0" in value or not is_text(value)):
                cause = name_problem(value) or f"a value of {len(value):,} characters"
                unfit.setdefault(row, cause if path else f"in the column {column!r}: {cause.replace('name', 'value')}")
    if not unfit:
        return raw, pictures
    names = next((values for column, values in raw.items() if column.strip().casefold() == "path"), None)
    for row in sorted(unfit):
        name = names[row] if names is not None and isinstance(names[row], str) else f"{file.stem}/{row:06d}"
        aside.append({"path": shown(name), "cause": unfit[row]})
    kept = [row for row in range(len(next(iter(raw.values())))) if row not in unfit]
    raw = {
        column: [values[row] for row in kept] if isinstance(values, list) else values[kept]
        for column, values in raw.items()
    }
    return raw, pictures and (pictures[0].take(kept), pictures[1][kept])


def _of_files(columns: dict[str, np.ndarray], file: Path, argument: str, unfit: tuple[dict[str, str], ...]) -> ImageSet:
    paths = columns.pop("path")
    empty = int((paths == "").sum())
    if unfit and not len(paths):
        raise bad(argument, f"{file.name!r}, none of whose rows can be used ({causes(unfit)})", "paths of images")
    if empty or not len(paths):
        got = f"{empty} of {len(paths)} rows without one" if empty else "no row"
        raise bad(argument, f"{got} in {file.name!r}", "a path in each row")
    labels = _labels(columns.pop("label", None), file, argument)
    listings: dict[Path, dict[str, list[str]]] = {}
    found = [located(file.parent, str(path), listings) for path in paths]
    if "id" not in columns:
        _check_once(paths, [os.path.abspath(item) for item, _, _ in found], file, argument)
    ids = _ids(columns.pop("id", None), np.array([name for _, name, _ in found]), file, argument)
    aside = tuple({"path": shown(str(path)), "cause": cause} for path, (_, _, cause) in zip(paths, found) if cause)
    if len(aside) == len(paths):
        raise bad(
            argument,
            f"{file.name!r}, none of whose {len(paths)} files can be used ({causes(aside)})",
            "paths that exist, absolute or relative to the table's folder",
            f"The first was looked for at {str(found[0][0])!r}.",
        )
    items = [item for item, _, _ in found]
    everything = ImageSet(items, ids, labels, columns, file.stem, unfit + aside, root=file.parent)
    return everything.subset([row for row, one in enumerate(found) if not one[2]]) if aside else everything


def _of_pictures(
    columns: dict[str, np.ndarray], pictures: tuple[Encoded, np.ndarray], file: Path, argument: str
) -> ImageSet:
    items, names = pictures
    if not len(items):
        raise bad(argument, f"no row in {file.name!r}", "a picture in each row")
    if (names == "").any() or len(np.unique(names)) < len(names):
        names = np.array([f"{file.stem}/{row:06d}" for row in range(len(items))])
    labels = _labels(columns.pop("label", None), file, argument)
    ids = _ids(columns.pop("id", None), names, file, argument)
    return ImageSet(items, ids, labels, columns, file.stem)


def _columns(raw: dict[str, Any], file: Path, argument: str, pictured: bool) -> dict[str, np.ndarray]:
    names = _named(list(raw), file, argument)
    if "path" not in names.values() and not pictured:
        likely = [name for name in names if name.lower() in _OTHER_NAMES_FOR_PATH]
        near = likely or difflib.get_close_matches("path", names, 1)
        raise bad(
            argument,
            f"the columns {', '.join(names)} in {file.name!r}",
            "a column `path`",
            f"Did you mean {near[0]!r}? Rename it to path." if near else "Give each image's path in it.",
        )
    found = {}
    for given, name in names.items():
        called = f"{argument}: the column {given!r} of {file.name!r}"
        if name in _TEXT:
            found[name] = as_text(called, raw[given], tidied=name != "path")
        else:
            found[name] = (as_column if _is_parquet(file) else typed)(called, raw[given])
    return found


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() in (".parquet", ".pq")


def _named(given: list[str], file: Path, argument: str) -> dict[str, str]:
    """What each column is called here: without spaces around; `Label` and `labels` are `label` where none is that."""
    plain = [name.strip() for name in given]
    twice = sorted(name for name, count in Counter(plain).items() if count > 1)
    if twice:
        raise bad(argument, f"the column {twice[0]!r} twice in {file.name!r}", "a different name for each column")
    called = dict(zip(given, plain))
    for known in _TEXT:
        if known in plain:
            continue
        near = [name for name in given if called[name].casefold() == known]
        if not near and known == "label":
            near = [name for name in given if called[name].casefold() == "labels"]
        if len(near) > 1:
            raise bad(argument, f"the columns {', '.join(near)} in {file.name!r}", f"one column `{known}`")
        called |= dict.fromkeys(near, known)
    return called


def _labels(labels: np.ndarray | None, file: Path, argument: str) -> np.ndarray | None:
    if labels is None or (labels == "").all():
        return None
    empty = int((labels == "").sum())
    if empty:
        raise bad(
            argument,
            f"{empty} of {len(labels)} rows with an empty label in {file.name!r}",
            "a label in each row, or in none",
            "Put the unlabelled rows in a table of their own.",
        )
    return labels


def _check_once(paths: np.ndarray, means: list[str], file: Path, argument: str) -> None:
    """Refuse two spellings (n,) of one file: `0.png` and `./0.png`, or a name in two forms of Unicode."""
    first: dict[str, str] = {}
    twice = [(first[its], name) for name, its in zip(paths.tolist(), means) if first.setdefault(its, name) != name]
    if twice:
        raise bad(
            argument,
            f"{len(twice)} given twice in {file.name!r} (first: {twice[0][0]!r} and {twice[0][1]!r}, "
            "which are one file)",
            "a different path in each row",
            "Drop the repeated rows, or tell them apart by a column `id`.",
        )


def _ids(ids: np.ndarray | None, paths: np.ndarray, file: Path, argument: str) -> np.ndarray:
    column = "path" if ids is None else "id"
    chosen = paths if ids is None else ids
    names, counts = np.unique(chosen, return_counts=True)
    if (counts > 1).any():
        raise bad(
            argument,
            f"{int((counts > 1).sum())} given twice in {file.name!r} (first: {str(names[counts > 1][0])!r})",
            f"a different {column} in each row",
            "Drop the repeated rows, or tell them apart by a column `id`.",
        )
    if (chosen == "").any():
        raise bad(argument, f"rows without an id in {file.name!r}", "an id in each row")
    return chosen
