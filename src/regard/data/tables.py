"""A table that lists images: CSV, TSV or Parquet with a column `path` and whatever else is known of each.

`label`, `id`, `domain`, `identity` and `split` are read as text, whatever they look like: a class named 007 keeps its
zeros. Relative paths start at the table's own folder; the table is the user's, so absolute paths are allowed.
"""

import difflib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_path
from ._files import causes, problem
from .imageset import ImageSet

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
_TEXT = ("path", "label", "id", "domain", "identity", "split")
_OTHER_NAMES_FOR_PATH = ("file", "filename", "file_name", "filepath", "image", "image_path", "img", "uri")


def open_table(table: str | Path, *, argument: str = "IMAGES") -> ImageSet:
    """Read a table of images. Rows whose file is missing or empty are set aside with the cause.

    Ids are the column `id`, or else `path` as it is written. Columns other than path, label and id are kept under
    their names: numbers as numbers (missing ones NaN), everything else as text (missing ones empty).

    Raises:
        InputError: not a table, no column `path`, paths or labels missing in some rows, ids given twice, or none of
            the files there.
    """
    file = check_path(argument, table, folder=False)
    read = _read_parquet if file.suffix.lower() in (".parquet", ".pq") else _read_text
    columns = _columns(read(file, argument), file, argument)
    paths = columns.pop("path")
    empty = int((paths == "").sum())
    if empty or not len(paths):
        got = f"{empty} of {len(paths)} rows without one" if empty else "no row"
        raise bad(argument, f"{got} in {file.name!r}", "a path in each row")
    labels = _labels(columns.pop("label", None), file, argument)
    ids = _ids(columns.pop("id", None), paths, file, argument)
    items = [file.parent / path for path in paths]
    aside = tuple({"path": str(path), "cause": cause} for path, item in zip(paths, items) if (cause := problem(item)))
    if len(aside) == len(items):
        raise bad(
            argument,
            f"{file.name!r}, none of whose {len(items)} files can be used ({causes(aside)})",
            "paths that exist, absolute or relative to the table's folder",
            f"The first was looked for at {str(items[0])!r}.",
        )
    everything = ImageSet(items, ids, labels, columns, file.stem, aside)
    gone = {entry["path"] for entry in aside}
    return everything.subset([row for row, path in enumerate(paths) if path not in gone]) if gone else everything


def _read_text(file: Path, argument: str) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    try:
        with open(file, encoding="utf-8-sig") as lines:
            header = lines.readline()
        delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t", key=header.count)
        return csv.read_csv(
            file,
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            # only an empty field is a missing one: a class may be named NA or null
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in _TEXT}, null_values=[""], strings_can_be_null=True
            ),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise bad(argument, repr(str(file)), "a CSV or TSV table in UTF-8", f"It cannot be read: {error}") from None


def _read_parquet(file: Path, argument: str) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        names = parquet.read_schema(file).names
        if "vectors" in names and "path" not in names:
            raise bad(
                argument, f"{file.name!r}, a file of embeddings", "images", "Name the images they were made from."
            )
        return parquet.read_table(file, columns=[name for name in names if name != "vectors"])
    except (pa.ArrowException, OSError) as error:
        raise bad(argument, repr(str(file)), "a Parquet table", f"It cannot be read: {error}") from None


def _columns(table: Any, file: Path, argument: str) -> dict[str, np.ndarray]:
    names = [str(name) for name in table.column_names]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise bad(argument, f"the column {twice[0]!r} twice in {file.name!r}", "a different name for each column")
    if "path" not in names:
        likely = [name for name in names if name.strip().lower() in ("path", "paths", *_OTHER_NAMES_FOR_PATH)]
        near = likely or difflib.get_close_matches("path", names, 1)
        raise bad(
            argument,
            f"the columns {', '.join(names)} in {file.name!r}",
            "a column `path`",
            f"Did you mean {near[0]!r}? Rename it to path." if near else "Give each image's path in it.",
        )
    return {name: _array(table.column(name), text=name in _TEXT) for name in names}


def _array(column: Any, *, text: bool) -> np.ndarray:
    values = column.to_pylist()
    if not text and all(value is None or isinstance(value, int | float) for value in values):
        if any(isinstance(value, float) or value is None for value in values):
            return np.array([np.nan if value is None else value for value in values], dtype=float)
        return np.array(values)
    return np.array([_as_text(value) for value in values], dtype=str)


def _as_text(value: Any) -> str:
    if value is None or value != value:
        return ""
    # whole numbers that were stored as floats, as happens to a column that once held a gap
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


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
