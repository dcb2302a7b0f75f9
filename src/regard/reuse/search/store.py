"""The record of a collection: one LanceDB table of id, path, label and vector.

LanceDB because it was the one embedded store that lost nothing when killed in the middle of a write and when several
processes wrote at once. What it leaves to us: each write makes a version, so rows are written many at a time; commits
of several writers can conflict, so they are repeated; files of old versions stay until `maintain`, which may only run
alone. A lock file keeps writers on one machine apart; on several machines the repeats do.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...core.checks import InputError, RunError, bad
from ...core.runtime import numpy_rng

TABLE = "vectors"
ROWS_A_VERSION = 20_000
_IDS_A_DELETE = 2_000
_TRIES = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Rows:
    """What is in the table at one version: ids, paths, labels (n,) and vectors (n, d) as they were given."""

    version: int
    ids: np.ndarray
    paths: list[str]
    labels: list[str | None]
    vectors: np.ndarray


class Store:
    """A table in a folder. Every call sees what other processes have written until then."""

    def __init__(self, folder: Path, table: Any) -> None:
        self.folder, self._table = folder, table

    @staticmethod
    def create(folder: Path, dim: int) -> "Store":
        """Make an empty table for vectors of length `dim`."""
        import lancedb

        return Store(folder, lancedb.connect(folder).create_table(TABLE, schema=_schema(dim)))

    @staticmethod
    def open(folder: Path) -> "Store":
        """Open the table of a folder, or say that it is damaged."""
        import lancedb

        with _readable(folder):
            table = lancedb.connect(folder).open_table(TABLE)
            missing = {"id", "path", "label", "vector"} - set(table.schema.names)
        if missing:
            raise bad("index", f"{str(folder)!r} without {', '.join(sorted(missing))}", "a table made by regard")
        return Store(folder, table)

    @property
    def version(self) -> int:
        """The newest version, one more for each write."""
        with _readable(self.folder):
            self._table.checkout_latest()
            return int(self._table.version)

    def count(self) -> int:
        """How many rows there are."""
        with _readable(self.folder), _locked(self.folder, shared=True):
            self._table.checkout_latest()
            return int(self._table.count_rows())

    def upsert(
        self,
        ids: Sequence[str],
        vectors: np.ndarray,
        paths: Sequence[str],
        labels: Sequence[str | None],
    ) -> tuple[int, int]:
        """Write rows (n,), in place of those with the same id; return how many were new and how many replaced.

        Each part of 20,000 rows is written whole or not at all, and may be written again after a kill.
        """
        new = replaced = 0
        for start in range(0, len(ids), ROWS_A_VERSION):
            part = slice(start, start + ROWS_A_VERSION)
            rows = _as_table(ids[part], vectors[part], paths[part], labels[part])
            merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            done = self._write(lambda merge=merge, rows=rows: merge.execute(rows))  # type: ignore[misc]
            new, replaced = new + int(done.num_inserted_rows), replaced + int(done.num_updated_rows)
        return new, replaced

    def delete(self, ids: Sequence[str]) -> int:
        """Take rows out; return how many there were."""
        gone = 0
        for start in range(0, len(ids), _IDS_A_DELETE):
            listed = ", ".join(_quoted(name) for name in ids[start : start + _IDS_A_DELETE])
            done = self._write(lambda listed=listed: self._table.delete(f"id IN ({listed})"))  # type: ignore[misc]
            gone += int(done.num_deleted_rows)
        return gone

    def load(self) -> Rows:
        """Read the whole table into memory."""
        with _readable(self.folder), _locked(self.folder, shared=True):
            self._table.checkout_latest()
            table, version = self._table.to_arrow(), int(self._table.version)
        dim = table.schema.field("vector").type.list_size
        vectors = np.empty((table.num_rows, dim), np.float32)
        start = 0
        for chunk in table.column("vector").chunks:
            vectors[start : start + len(chunk)] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, dim)
            start += len(chunk)
        ids, paths, labels = (table.column(name).to_pylist() for name in ("id", "path", "label"))
        return Rows(version, np.array(ids, np.str_), paths, labels, vectors)

    def ids_where(self, where: str) -> set[str]:
        """The ids of the rows that an SQL condition on id, path and label holds for.

        Raises:
            InputError: the condition cannot be read, or names another column.
        """
        if not where.strip():
            raise bad("where", repr(where), "a condition such as label = 'cat'")
        with _locked(self.folder, shared=True):
            self._table.checkout_latest()
            try:
                found = self._table.search().where(where).select(["id"]).limit(None).to_arrow()
            except ValueError as error:
                raise bad("where", repr(where), "a condition such as label = 'cat'", str(error)) from error
        return set(found.column("id").to_pylist())

    def maintain(self) -> tuple[int, int]:
        """Join small files, drop old versions and what killed writers left; return bytes before and after.

        Files of readers and writers at work would be dropped too, so this waits until it holds the lock alone. Where
        several machines share the folder, run it while the others rest: not every network file system shares locks.
        """

        def tidy() -> None:
            with warnings.catch_warnings():
                # it warns of readers and writers of older versions; the lock keeps them out
                warnings.filterwarnings("ignore", message=r"optimize\(cleanup_older_than=0\)", category=UserWarning)
                self._table.optimize(cleanup_older_than=timedelta(0), delete_unverified=True)

        with _locked(self.folder):
            before = _size(self.folder)
            self._repeat(tidy)
            return before, _size(self.folder)

    def _write(self, action: Callable[[], T]) -> T:
        with _locked(self.folder):
            return self._repeat(action)

    def _repeat(self, action: Callable[[], T]) -> T:
        """Do it, and again from the newest version where another machine's commit came in between."""
        for attempt in range(_TRIES):
            self._table.checkout_latest()
            try:
                return action()
            except Exception as error:  # the binding raises RuntimeError, ValueError or OSError by version
                if "conflict" not in str(error).lower():
                    raise RunError(f"index {str(self.folder)!r}: cannot be written: {error}") from error
                cause = error
            time.sleep(0.02 * 2**attempt * (1 + numpy_rng(time.monotonic_ns(), "back off").random()))
        raise RunError(
            f"index {str(self.folder)!r}: others kept writing to it; gave up after {_TRIES} tries. Try again."
        ) from cause


def _schema(dim: int) -> Any:
    import pyarrow as pa

    text = [pa.field("id", pa.string(), nullable=False), pa.field("path", pa.string()), pa.field("label", pa.string())]
    return pa.schema([*text, pa.field("vector", pa.list_(pa.float32(), dim), nullable=False)])


def _as_table(ids: Sequence[str], vectors: np.ndarray, paths: Sequence[str], labels: Sequence[str | None]) -> Any:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    columns = [pa.array([str(name) for name in ids], pa.string()), pa.array(list(paths), pa.string())]
    columns += [pa.array(list(labels), pa.string())]
    columns += [pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])]
    return pa.table(columns, schema=_schema(vectors.shape[1]))


def _quoted(text: str) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextmanager
def _locked(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold the folder's lock: readers together, a writer alone. The system frees it when a process dies."""
    import fcntl

    try:
        file = open(folder / ".lock", "a")
    except FileNotFoundError:
        raise bad("index", f"{str(folder)!r}, which is no longer there", "a folder made by regard index") from None
    except PermissionError:
        if not shared:
            raise RunError(f"index {str(folder)!r}: this folder cannot be written to.") from None
        # a collection that may only be read is one that nobody here changes
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, ValueError, OSError) as error:
        raise bad(
            "index",
            f"{str(folder)!r}, whose table is damaged or missing ({str(error)[:200]})",
            "a folder made by regard index",
            "Make the index again from the images or the embeddings file.",
        ) from error
