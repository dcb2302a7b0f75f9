"""The store that is used unless another is named: one LanceDB table in a folder, or at an object store's address.

LanceDB because it was the one embedded store that lost nothing when killed in the middle of a write and when several
processes wrote at once. What it leaves to us: each write makes a version, so rows are written many at a time; commits
of several writers can conflict, so they are repeated; files of old versions stay until `maintain`, which may only run
alone. A lock file keeps writers on one machine apart; on several machines the repeats do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa

from ....core.checks import bad
from . import intact, manifest, versions
from .commits import repeated, size_of
from .lock import locked, readable
from .memory import unreadable
from .protocol import OWN, Store, condition, fields_of
from .recall import measured_recall

TABLE = "vectors"
ROWS_A_VERSION = 20_000
ROWS_A_PIECE = 8_192  # 16 MiB of 512 numbers: memory of that size is used again, more would be asked for anew
IDS_AT_ONCE = 2_000
T = TypeVar("T")


class LanceStore:
    """A `Store` in a folder or at an address (`s3://...`)."""

    def __init__(self, place: str, table: Any, frozen: bool = False, compared: bool = True) -> None:
        self.place, self.schema, self._table, self._frozen = place, table.schema, table, frozen
        self._recall: tuple[int, float] | None = None
        self.guard: Callable[[], None] = _nothing  # called before each read and write, under the lock
        self._compared = compared  # whether all of its files were compared with their list

    @classmethod
    def create(cls, place: str | Path, schema: pa.Schema) -> Self:
        """Make an empty table."""
        import lancedb

        # rows keep their numbers, and remember the version that wrote them: `scan(since=)` needs both
        options = {"new_table_enable_stable_row_ids": "true"}
        table = lancedb.connect(str(place)).create_table(TABLE, schema=schema, storage_options=options)
        intact.note(str(place), TABLE, int(table.version))
        return cls(str(place), table)

    @classmethod
    def open(cls, place: str | Path, version: int | str | None = None) -> Self:
        """Open a table as it is now, or as it was; or say that it is damaged (see `intact`)."""
        import lancedb

        with readable(str(place)):
            manifest.check_own(str(place), TABLE)
            table = lancedb.connect(str(place)).open_table(TABLE)
            manifest.check_schema(str(place), table.schema)
            missing = set(OWN) - set(table.schema.names)
            with locked(str(place), shared=True):  # no writer is between the table and its list
                table.checkout_latest()
                whole = intact.check(str(place), TABLE, int(table.version))
            if version is not None:
                versions.check_out(table, version)
        if missing:
            raise bad("index", f"{str(place)!r} without {', '.join(sorted(missing))}", "a table made by regard")
        return cls(str(place), table, version is not None, whole)

    @property
    def version(self) -> int:
        """One more for each write."""
        with readable(self.place):
            self._latest()
            return int(self._table.version)

    def upsert(self, rows: pa.Table) -> tuple[int, int]:
        """See `Store`. Each part of 20,000 rows is written atomically."""
        new = replaced = 0
        for start in range(0, rows.num_rows, ROWS_A_VERSION):
            part = rows.slice(start, ROWS_A_VERSION).select(self.schema.names)
            merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            done = self._write(lambda merge=merge, part=part: merge.execute(part))  # type: ignore[misc]
            new, replaced = new + int(done.num_inserted_rows), replaced + int(done.num_updated_rows)
        return new, replaced

    def widen(self, metadata: Mapping[str, str]) -> None:
        """See `Store`."""
        fields = fields_of(metadata)

        def add() -> None:  # looked at each time it is tried: another writer may have added them
            new = [field for field in fields if field.name not in self._table.schema.names]
            if new:
                self._table.add_columns(new)

        self._write(add)
        self.schema = self._table.schema

    def delete(self, ids: Sequence[str]) -> int:
        """See `Store`."""
        gone = 0
        for part in _parts(ids):
            done = self._write(lambda part=part: self._table.delete(_listed(part)))  # type: ignore[misc]
            gone += int(done.num_deleted_rows)
        return gone

    def get(self, ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """See `Store`."""
        names = list(columns) if columns is not None else self.schema.names
        tables = [self.scan(["id", *[n for n in names if n != "id"]], _listed(part)) for part in _parts(ids)]
        if not tables:
            return self.schema.empty_table().select(names)
        found = pa.concat_tables(tables)
        place = {name: row for row, name in enumerate(found.column("id").to_pylist())}
        return found.take(pa.array([place[name] for name in ids if name in place], pa.int64())).select(names)

    def scan(
        self, columns: Sequence[str] | None = None, where: str | None = None, since: int | None = None
    ) -> pa.Table:
        """See `Store`."""
        if where is not None and not where.strip():
            raise bad("where", repr(where), "a condition such as label = 'cat'")
        if since is None and where is None and (columns is None or "vector" in columns):
            self._compare()
        later = None if since is None else f"_row_last_updated_at_version > {int(since)}"
        both = " AND ".join(f"({part})" for part in (where and condition(where), later) if part)
        with readable(self.place), self._reading():
            self._latest()
            asked = self._table.search().select(list(columns) if columns is not None else self.schema.names)
            try:
                return (asked.where(both) if both else asked).limit(None).to_arrow()
            except ValueError as error:
                if where is None:
                    raise
                raise unreadable(where, error) from error

    def pieces(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """All rows, 8,192 at a time, so that memory does not grow with them; no writer comes in between."""
        self._compare()
        with readable(self.place), self._reading():
            self._latest()
            for batch in self._table.search().select(list(columns)).limit(None).to_batches(ROWS_A_PIECE):
                yield pa.Table.from_batches([batch])

    @property
    def mark(self) -> str:
        """See `versions.mark`; "" for a version of the past."""
        return "" if self._frozen else versions.mark(self.place, TABLE, self.version)

    def search(
        self, query_D: np.ndarray, top: int, where: str | None = None, exact: bool = False
    ) -> list[tuple[str, float]]:
        """By cosine: all rows compared, or through the table's own index where `index_vectors` made one."""
        if not self.count():
            return []
        with readable(self.place), self._reading():
            self.guard()
            asked = self._table.search(np.asarray(query_D, np.float32)).distance_type("cosine").limit(top)
            asked = asked.select(["id", "_distance"]).refine_factor(10)
            asked = asked.bypass_vector_index() if exact else asked
            try:
                found = (asked.where(condition(where), prefilter=True) if where else asked).to_arrow()
            except ValueError as error:
                raise unreadable(where or "", error) from error
        scores = 1 - found.column("_distance").to_numpy()
        return list(zip(found.column("id").to_pylist(), scores.tolist()))

    def index_vectors(self) -> None:
        """Make the table's own index, as `maintain` does of a very large one. O(n d).

        Cells of near vectors, in each of them one bit a number (IVF_RQ); a byte a number (IVF_SQ) where the length is
        not divisible by 8.
        """
        self._write(lambda: versions.index_vectors(self._table))

    def recall(self, samples: int = 16, top: int = 10, seed: int = 0) -> float:
        """Share of the true ten nearest of some rows, themselves left out, that `search` finds; once a version."""
        version = self.version
        if self._recall is None or self._recall[0] != version:
            self._recall = version, measured_recall(self, samples, top, seed)
        return self._recall[1]

    def count(self, where: str | None = None) -> int:
        """See `Store`."""
        with readable(self.place), self._reading():
            self._latest()
            try:
                return int(self._table.count_rows(where and condition(where)))
            except ValueError as error:
                raise unreadable(where or "", error) from error

    def tags(self) -> list[str]:
        """The names of versions that are kept."""
        with readable(self.place), self._reading():
            return sorted(self._table.tags.list())

    def tag(self, name: str) -> int:
        """See `Store`."""
        with locked(self.place, frozen=self._frozen):
            version = self.version
            try:
                tags = self._table.tags
                (tags.update if name in tags.list() else tags.create)(name, version)
            except (ValueError, RuntimeError) as error:
                raise bad("tag", repr(name), "a name of letters, digits, . - and _", str(error)[:200]) from error
        return version

    def at(self, version: int | str) -> Self:
        """See `Store`."""
        return self.open(self.place, version)

    def maintain(self) -> tuple[int, int]:
        """See `Store`: joins small files, drops old versions, what killed writers left, and brings indices up to date.

        Where there are tags, versions from the oldest of them on are kept. Files of readers and writers at work would
        be dropped too, so this waits until it holds the lock alone. Where several machines share the folder, run it
        while the others rest: not every network file system shares locks.
        """
        before = size_of(self.place)
        self._write(lambda: versions.tidy(self._table))
        return before, size_of(self.place)

    def _compare(self) -> None:
        """Compare the files of a large table with their list before all of it is read for the first time."""
        if not self._compared:
            with self._reading():
                self._compared = intact.check(self.place, TABLE, data=True)

    def _latest(self) -> None:
        if not self._frozen:
            self.guard()
            self._table.checkout_latest()

    def _reading(self) -> AbstractContextManager[None]:
        return nullcontext() if self._frozen else locked(self.place, shared=True)

    def _write(self, action: Callable[[], T]) -> T:
        with locked(self.place, frozen=self._frozen):
            self.guard()
            done = repeated(self._table, self.place, action)
            self._latest()
            intact.note(self.place, TABLE, int(self._table.version))
            return done


def _nothing() -> None:
    """Guard nothing."""


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]


def _listed(ids: Sequence[str]) -> str:
    return "id IN (" + ", ".join("'" + str(name).replace("'", "''") + "'" for name in ids) + ")"


_: type[Store] = LanceStore
