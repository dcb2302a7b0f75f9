"""What a store of vectors does: eleven methods, the same for every backend, and the form of its rows.

A store is the record of a collection: ids, where images are, what is known of them, and their vectors. Rows travel as
Arrow tables. What makes search fast is kept elsewhere and can be made again from here.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa

from ....core.checks import bad, check_choice

KINDS: dict[str, Any] = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
OWN = ("id", "content", "path", "label", "size", "mtime", "vector")  # columns that every table has
# columns that a table has besides once its vectors were translated: whether a row's is, and the error to be expected
MARKS = {"translated": "boolean", "translation_error": "number"}
ROW = "_rowid"  # a whole number that stays with an id as long as it is there


class Store(Protocol):
    """Rows by id, each with a vector; every call sees what others have written until then.

    Conditions are SQL on the columns: `label = 'cat' AND size > 1000`; a condition that cannot be read, or that names
    another column, raises InputError; text in it is compared in Unicode's form NFC (`condition`). Writes are
    whole or not there at all.
    """

    schema: pa.Schema

    @property
    def version(self) -> int:
        """A number that grows with each write."""
        ...

    def upsert(self, rows: pa.Table) -> tuple[int, int]:
        """Write rows in place of those with the same ids; return how many were new and how many replaced."""
        ...

    def widen(self, metadata: Mapping[str, str]) -> None:
        """Add columns, by name with their kinds, empty in all rows; those that are there already stay as they are."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Take rows out; return how many there were."""
        ...

    def get(self, ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of these ids, in this order; ids that are not there are left out."""
        ...

    def scan(
        self, columns: Sequence[str] | None = None, where: str | None = None, since: int | None = None
    ) -> pa.Table:
        """All rows, or those for which a condition holds, or that were written after a version; in no certain order.

        The column `_rowid` can be asked for as well.
        """
        ...

    def search(self, query_D: np.ndarray, top: int, where: str | None = None) -> list[tuple[str, float]]:
        """Ids and scores of the nearest rows by the store's own search, best first."""
        ...

    def recall(self) -> float:
        """Share of the true nearest that `search` finds, as measured; 1 where it compares all."""
        ...

    def count(self, where: str | None = None) -> int:
        """How many rows there are, or for how many a condition holds."""
        ...

    def tag(self, name: str) -> int:
        """Name the version of now, so that it is kept and can be gone back to; return it."""
        ...

    def at(self, version: int | str) -> Self:
        """The store as it was at a version or tag, to read only."""
        ...

    def maintain(self) -> tuple[int, int]:
        """Tidy up after many writes; return the bytes it takes before and after. What a tag names is kept."""
        ...


def schema_of(dim: int, metadata: Mapping[str, str] | None = None) -> pa.Schema:
    """The columns of a table: those of every table, `metadata` by name, of kind text | whole | number | boolean."""
    fields = [pa.field("id", pa.string(), nullable=False)]
    fields += [pa.field(name, pa.string()) for name in ("content", "path", "label")]
    fields += [pa.field(name, pa.int64()) for name in ("size", "mtime")]
    return pa.schema(
        [*fields, *fields_of(metadata or {}), pa.field("vector", pa.list_(pa.float32(), dim), nullable=False)]
    )


def fields_of(metadata: Mapping[str, str]) -> list[pa.Field]:
    """Further columns as fields; raises InputError where a name cannot stand in a condition, or is taken."""
    for name, kind in metadata.items():
        check_choice(f"column {name}", kind, list(KINDS))
        if name in (*OWN, *MARKS) or not name.isidentifier():
            taken = ", ".join((*OWN, *MARKS))
            raise bad("columns", repr(name), f"a name of letters, digits and _, other than {taken}")
    return [pa.field(name, KINDS[kind]) for name, kind in metadata.items()]


def marked(schema: pa.Schema) -> pa.Schema:
    """The same columns and those of `MARKS`."""
    fields = [field for field in schema if field.name not in MARKS]
    return pa.schema([*fields, *(pa.field(name, KINDS[kind]) for name, kind in MARKS.items())])


def dim_of(schema: pa.Schema) -> int:
    """Length of the vectors."""
    return int(schema.field("vector").type.list_size)


def metadata_of(schema: pa.Schema) -> dict[str, str]:
    """The further columns and their kinds.

    >>> metadata_of(schema_of(4, {"style": "text"}))
    {'style': 'text'}
    """
    kinds = {kind: name for name, kind in KINDS.items()}
    return {field.name: kinds[field.type] for field in schema if field.name not in (*OWN, *MARKS)}


def as_rows(schema: pa.Schema, columns: Mapping[str, Any], vectors_ND: np.ndarray) -> pa.Table:
    """A table of these columns and vectors; columns that are not given are empty.

    Raises:
        InputError: an id twice, NaN, a column that the table does not have, or values of another kind.
    """
    n, dim = vectors_ND.shape
    if not np.isfinite(vectors_ND).all():
        raise bad("vectors", "NaN or infinity", "finite numbers", "Look at the images or the network's precision.")
    ids = [str(name) for name in columns["id"]]
    if len(set(ids)) != len(ids):
        raise bad("ids", "ids given twice", "a different id for each row")
    unknown = set(columns) - set(schema.names)
    if unknown:
        raise bad(
            "columns",
            ", ".join(sorted(unknown)),
            f"columns of the index: {', '.join(name for name in schema.names if name != 'vector')}",
        )
    arrays = []
    for field in schema:
        if field.name == "vector":
            flat = pa.array(np.ascontiguousarray(vectors_ND, np.float32).reshape(-1))
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, dim))
            continue
        values = ids if field.name == "id" else columns.get(field.name)
        values = [None] * n if values is None else np.asarray(values, dtype=object).tolist()
        try:
            arrays.append(pa.array([None if value is None else _plain(value) for value in values], field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise bad(f"column {field.name}", str(error)[:120], f"values of type {field.type}") from error
    return pa.table(arrays, schema=schema)


def condition(where: str) -> str:
    r"""A condition as it is compared: in Unicode's form NFC, which text of labels and further columns is kept in.

    One on `id` or `path` stays as it is: these are kept as the file system has them.

    >>> condition("brand = 'e\u0301'") == "brand = '\u00e9'", condition("id = 'e\u0301'") == "id = 'e\u0301'"
    (True, True)
    """
    names = re.sub(r"'(?:[^']|'')*'", "''", where)
    return where if re.search(r"\b(id|path)\b", names, re.I) else unicodedata.normalize("NFC", where)


def vectors_in(rows: pa.Table) -> np.ndarray:
    """(n, d) float32 of the column `vector`."""
    dim = dim_of(rows.schema)
    found = np.empty((rows.num_rows, dim), np.float32)
    start = 0
    for chunk in rows.column("vector").chunks:
        found[start : start + len(chunk)] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
        start += len(chunk)
    return found


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
