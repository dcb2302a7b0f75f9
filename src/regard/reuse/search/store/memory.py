"""The slow, obvious store: rows in a dict, every version kept whole. What the others are compared with in tests.

Conditions are read by SQLite, in a table made for each call.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Self

import numpy as np
import pyarrow as pa

from ....core.checks import InputError, RunError, bad
from ....metrics.knn import unit
from .protocol import ROW, Store, condition, dim_of, fields_of, vectors_in


class MemoryStore:
    """A `Store` in memory, for one process."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self._rows: dict[str, dict[str, Any]] = {}
        self._past: dict[int, dict[str, dict[str, Any]]] = {1: {}}
        self._tags: dict[str, int] = {}
        self._next = 0
        self._frozen = False

    @property
    def version(self) -> int:
        """One more for each write."""
        return max(self._past)

    def upsert(self, rows: pa.Table) -> tuple[int, int]:
        """See `Store`."""
        self._writable()
        if not rows.num_rows:
            return 0, 0
        replaced, version = 0, self.version + 1
        for row in rows.select(self.schema.names).to_pylist():
            there = self._rows.get(row["id"])
            replaced += there is not None
            number = there[ROW] if there else self._next
            self._next += there is None
            self._rows[row["id"]] = row | {ROW: number, "_written": version}
        self._past[version] = dict(self._rows)
        return rows.num_rows - replaced, replaced

    def widen(self, metadata: Mapping[str, str]) -> None:
        """See `Store`."""
        self._writable()
        new = [field for field in fields_of(metadata) if field.name not in self.schema.names]
        if new:
            self.schema = pa.schema([*self.schema, *new])
            self._past[self.version + 1] = dict(self._rows)

    def delete(self, ids: Sequence[str]) -> int:
        """See `Store`."""
        self._writable()
        gone = sum(self._rows.pop(name, None) is not None for name in dict.fromkeys(ids))
        if gone:
            self._past[self.version + 1] = dict(self._rows)
        return gone

    def get(self, ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """See `Store`."""
        return self._table([self._rows[name] for name in ids if name in self._rows], columns)

    def scan(
        self, columns: Sequence[str] | None = None, where: str | None = None, since: int | None = None
    ) -> pa.Table:
        """See `Store`."""
        chosen = self._holding(where)
        return self._table([row for row in chosen if since is None or row["_written"] > since], columns)

    def search(self, query_D: np.ndarray, top: int, where: str | None = None) -> list[tuple[str, float]]:
        """By cosine, all rows compared."""
        rows = self.scan(["id", "vector"], where)
        scores = unit(vectors_in(rows)) @ unit(np.asarray(query_D, np.float32)[None])[0]
        order = np.argsort(-scores, kind="stable")[:top]
        ids = rows.column("id").to_pylist()
        return [(ids[place], float(scores[place])) for place in order]

    def recall(self) -> float:
        """All rows are compared."""
        return 1.0

    def count(self, where: str | None = None) -> int:
        """See `Store`."""
        return len(self._holding(where))

    def tag(self, name: str) -> int:
        """See `Store`."""
        self._tags[name] = self.version
        return self.version

    def at(self, version: int | str) -> Self:
        """See `Store`."""
        number = self._tags.get(version) if isinstance(version, str) else version
        if number not in self._past:
            raise bad("version", repr(version), f"one of {sorted(self._past)} or of the tags {sorted(self._tags)}")
        other = type(self)(self.schema)
        other._rows, other._past, other._frozen = self._past[number], {number: self._past[number]}, True
        return other

    def maintain(self) -> tuple[int, int]:
        """Forget versions that no tag names."""
        self._writable()
        before = self._size()
        kept = {self.version, *self._tags.values()}
        self._past = {version: rows for version, rows in self._past.items() if version in kept}
        return before, self._size()

    def _size(self) -> int:
        return sum(len(rows) for rows in self._past.values()) * 4 * dim_of(self.schema)

    def _writable(self) -> None:
        if self._frozen:
            raise RunError("index: an earlier version can only be read")

    def _holding(self, where: str | None) -> list[dict[str, Any]]:
        rows = list(self._rows.values())
        if where is None:
            return rows
        found = holding(where, [name for name in self.schema.names if name != "vector"], rows)
        return [row for row in rows if row["id"] in found]

    def _table(self, rows: list[dict[str, Any]], columns: Sequence[str] | None) -> pa.Table:
        names = list(columns) if columns is not None else self.schema.names
        kinds = [self.schema.field(name) if name != ROW else pa.field(ROW, pa.uint64()) for name in names]
        return pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], pa.schema(kinds))


def holding(where: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of the rows for which a condition on these columns holds."""
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute(f"CREATE TABLE rows ({', '.join(names)})")
        places = f"INSERT INTO rows VALUES ({', '.join('?' * len(names))})"
        base.executemany(places, [[row.get(name) for name in names] for row in rows])
        try:
            return {name for (name,) in base.execute(f"SELECT id FROM rows WHERE ({condition(where)})")}
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise unreadable(where, error) from error


def unreadable(where: str, error: Exception) -> InputError:
    """The error for a condition that cannot be read."""
    return bad("where", repr(where), "a condition such as label = 'cat'", str(error)[:300])


_: type[Store] = MemoryStore
