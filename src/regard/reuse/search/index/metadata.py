"""What is known of images beside their vectors: which columns an index keeps, as values of which kind.

A column keeps its kind. Values of a later table that are of another kind are taken where nothing is lost (a whole
number that became a float because of a gap, a number in a column of text), and refused by name where something is.
Text is kept in Unicode's form NFC without spaces around it, so that one value is one text whoever wrote it.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from ....core.checks import bad
from ....data.imageset import ImageSet
from ....representation.embeddings import Embeddings
from ..store.protocol import MARKS, OWN, Store, metadata_of

_SAID = {"text": "text", "whole": "whole numbers", "number": "numbers", "boolean": "true or false"}
_LARGEST = 2**63


def kinds_of(columns: Mapping[str, Any]) -> dict[str, str]:
    """The kinds text | whole | number | boolean of the columns that an index keeps, by name.

    A column of objects without any value has no kind yet, and is left out until it has one. Whole numbers that 64 bits
    with a sign do not hold are kept as text.
    """
    kept = {name: values for name, values in columns.items() if name.isidentifier() and name not in (*OWN, *MARKS)}
    return {name: kind for name, values in kept.items() if (kind := _kind(np.asarray(values)))}


def not_kept(columns: Iterable[str]) -> list[str]:
    """The names of columns that an index cannot keep: no condition could name them, or it has them for itself."""
    return [name for name in columns if not name.isidentifier() or name in {*OWN, *MARKS} - {"id", "path", "label"}]


def widen(store: Store, columns: Mapping[str, Any]) -> None:
    """Add to a store, empty, the columns that it does not have."""
    new = {name: kind for name, kind in kinds_of(columns).items() if name not in store.schema.names}
    if new:
        store.widen(new)


def fitted(schema: pa.Schema, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with values of the kinds that the table has; columns that it does not have are left out.

    Raises:
        InputError: a value that is of another kind, with the column, the image and what to do.
    """
    kinds, names = metadata_of(schema), set(schema.names)
    found = {name: values for name, values in columns.items() if name in names}
    return found | {name: _fitted(name, kinds[name], found[name], found["id"]) for name in kinds if name in found}


def keep_known(store: Store, given: dict[str, Any], rows: Sequence[int], relabel: bool) -> None:
    """Fill in what is not given of some rows from what a store knows of their ids.

    A label is mostly the folder under the one that was named, which says something else under another root.

    Args:
        store: the index's.
        given: columns (n,) by name, changed in place.
        rows: places in them; those whose id is not in the store stay.
        relabel: whether another label than the store's may be given.

    Raises:
        InputError: another label, where that may not be.
    """
    names = [given["id"][row] for row in rows]
    compared = ["label", *metadata_of(store.schema)]
    known = {row["id"]: row for row in store.get(names, ["id", *compared]).to_pylist()} if names else {}
    for column in compared if known else ():
        values = list(given.get(column, [None] * len(given["id"])))
        for row, name in zip(rows, names):
            if name not in known:
                continue
            there = known[name][column]
            if _blank(values[row]):
                values[row] = there
            elif column == "label" and not relabel and not _blank(there) and values[row] != there:
                got = f"{values[row]!r} for {given['path'][row]}, which the index has as {name!r} with {there!r}"
                fix = "Name the folder or table that the index was made of, or give --replace."
                raise bad("labels", got, "the labels that the index has for its files", fix)
        given[column] = values


def keep_unsaid(store: Store, given: dict[str, Any], embeddings: Embeddings, rows: Iterable[int]) -> None:
    """Fill in, for some rows, the labels and columns that embeddings do not have at all from what a store has.

    A table that has no column `brand` does not say that brands are gone; one that has it and leaves a gap does.

    Args:
        store: the index's.
        given: columns (n,) by name, changed in place.
        embeddings: whose labels and columns are what was said.
        rows: places in them; those whose id is not in the store stay.
    """
    unsaid = [name for name in metadata_of(store.schema) if name not in embeddings.columns]
    unsaid += ["label"] if embeddings.labels is None else []
    names = {given["id"][row]: row for row in rows} if unsaid else {}
    known = store.get(list(names), ["id", *unsaid]).to_pylist() if names else []
    for column in unsaid if known else ():
        values = list(given.get(column, [None] * len(given["id"])))
        for row in known:
            values[names[row["id"]]] = row[column]
        given[column] = values


def differing(images: ImageSet, rows: Mapping[str, Mapping[str, Any]], schema: pa.Schema) -> list[int]:
    """Places of images that a table has already, and of which it says something else than they do.

    Label and further columns are compared; all blanks are alike. Of a column that the images do not have nothing is
    known any more. O(images), without vectors.

    Args:
        images: with what is known of each.
        rows: the table's, by id.
        schema: its columns.
    """
    ids = [str(name) for name in images.ids]
    given = fitted(schema, {"id": ids, **{name: images.columns[name] for name in kinds_of(images.columns)}})
    given["label"] = None if images.labels is None else [str(name) for name in images.labels]
    compared = ["label", *metadata_of(schema)]
    return [
        place
        for place, name in enumerate(ids)
        if (row := rows.get(name)) is not None
        and any(not _alike(None if given.get(c) is None else given[c][place], row[c]) for c in compared)
    ]


def notes_on(images: ImageSet, before: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What is to be said of the columns of an update: which are new, which are emptied, which cannot be kept."""
    has = metadata_of(before)
    new = [name for name in kinds_of(images.columns) if name not in has]
    lost = {name for name in has if name not in images.columns}
    lost |= {"label"} if images.labels is None else set()
    emptied = {name for row in rows for name in lost if not _blank(row[name])} if lost else set()
    why = "a label is needed for each image, in a table's column `label` or as the folder under the one that is named"
    gone = sorted(emptied - {"label"})
    return (
        *([f"new columns: {', '.join(new)}"] if new else []),
        *([f"labels that are no longer known, emptied: {why}"] if "label" in emptied else []),
        *([f"columns that are no longer known, emptied: {', '.join(gone)}"] if gone else []),
        *note_not_kept(images.columns),
    )


def note_not_kept(columns: Iterable[str]) -> tuple[str, ...]:
    """A note on the columns that an index cannot keep; none where it keeps all."""
    left = not_kept(columns)
    why = f"a name of letters, digits and _ is needed, other than {', '.join(OWN)}"
    return (f"columns not kept: {', '.join(map(repr, left))} ({why})",) if left else ()


def _kind(values: np.ndarray) -> str:
    if values.dtype.kind == "u" and values.size and int(values.max()) >= _LARGEST:
        return "text"
    if values.dtype != object:
        return {"b": "boolean", "i": "whole", "u": "whole", "f": "number"}.get(values.dtype.kind, "text")
    held = [value.item() if isinstance(value, np.generic) else value for value in values.tolist() if not _blank(value)]
    if not held:
        return ""
    if all(isinstance(value, bool) for value in held):
        return "boolean"
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in held):
        return "text"
    if all(isinstance(value, int) for value in held):
        return "whole" if all(-_LARGEST <= value < _LARGEST for value in held) else "text"
    return "number"


def _fitted(name: str, kind: str, values: Iterable[Any], ids: Sequence[str]) -> list[Any]:
    plain = [value.item() if isinstance(value, np.generic) else value for value in np.asarray(values, object).tolist()]
    made = [None if _missing(value) else _as(kind, value) for value in plain]
    for row, (value, now) in enumerate(zip(plain, made)):
        if now is None and not _blank(value):
            raise bad(
                f"column {name}",
                f"{value!r} of {ids[row]}",
                f"{_SAID[kind]}, as the index has there",
                "Correct it, or make the index anew with --overwrite: vectors that are kept are not computed again.",
            )
    return made


def _as(kind: str, value: object) -> object:
    """The value as one of this kind, or None where something would be lost."""
    if kind == "text":
        if isinstance(value, bytes):
            value = value.decode("utf-8", "backslashreplace")
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        return unicodedata.normalize("NFC", text).strip()
    if kind == "boolean" or isinstance(value, bool):
        return value if kind == "boolean" and isinstance(value, bool) else None
    if isinstance(value, str):  # of a column in which another value is text: that one is refused, not this
        value = _number(value.strip())
    if kind == "whole" and isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else None
    if not isinstance(value, int | float):
        return None
    if kind == "number":
        return float(value) if float(value) == value else None
    return value if -_LARGEST <= value < _LARGEST else None


def _number(text: str) -> int | float | None:
    """The number that a text is; None where it is another text than that number's, such as 007."""
    for kind in (int, float):
        with suppress(ValueError):
            if str(kind(text)) == text:
                return kind(text)
    return None


def _missing(value: object) -> bool:
    """None or NaN."""
    return value is None or (isinstance(value, float | np.floating) and bool(value != value))


def _blank(value: object) -> bool:
    return _missing(value) or (isinstance(value, str | bytes) and not value.strip())


def _alike(one: object, other: object) -> bool:
    return bool(one == other) or (_blank(one) and _blank(other))
