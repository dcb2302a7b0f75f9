"""A Qdrant collection as the store, for those who outgrow one machine: the same rows behind a server or a cluster.

Qdrant keeps vectors at length 1, so that each one's length is kept beside it and what was given comes back, up to
rounding. It has no versions: each write is counted in a small collection beside, and there are no tags to go back to.
Conditions are read on this side, from the rows without their vectors; what holds goes to the server as a list of ids.
Needs the extra `qdrant`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pyarrow as pa

from ....core.checks import bad
from ....core.storage import hash_bytes
from .memory import holding
from .protocol import ROW, Store, dim_of, fields_of, vectors_in
from .qdrant_points import beside, point_of, reached

_AT_ONCE = 1000
_SCHEMA = "_schema"  # the point that holds the columns


class QdrantStore:
    """A `Store` in a Qdrant collection.

    Args:
        client: a `qdrant_client.QdrantClient`: of a server by its URL, or in memory for tests.
        name: of the collection.
        schema: its columns.
    """

    def __init__(self, client: Any, name: str, schema: pa.Schema) -> None:
        self._client, self.name, self.schema = client, name, schema

    @classmethod
    def create(cls, client: Any, name: str, schema: pa.Schema) -> Self:
        """Make an empty collection; one of this name must not be there."""
        from qdrant_client import models

        with reached(name):
            if client.collection_exists(name):
                raise bad("index", f"the collection {name!r}, which is there already", "a new name")
            size, cosine = dim_of(schema), models.Distance.COSINE
            client.create_collection(name, models.VectorParams(size=size, distance=cosine))
            client.create_collection(beside(name), models.VectorParams(size=1, distance=models.Distance.DOT))
        store = cls(client, name, schema)
        store._note({"columns": schema.serialize().to_pybytes().hex()})
        return store

    @classmethod
    def open(cls, client: Any, name: str) -> Self:
        """Open a collection that `create` made."""
        with reached(name):
            if not client.collection_exists(name) or not client.collection_exists(beside(name)):
                raise bad("index", f"no collection {name!r} of regard's", "a collection made by regard")
            note = client.retrieve(beside(name), [point_of(_SCHEMA)], with_payload=True)[0].payload
        return cls(client, name, pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(note["columns"]))))

    @property
    def version(self) -> int:
        """The time of the last write, in microseconds; at least one more than that of the write before."""
        with reached(self.name):
            return int(
                self._client.retrieve(beside(self.name), [point_of(_SCHEMA)], with_payload=True)[0].payload["at"]
            )

    def upsert(self, rows: pa.Table) -> tuple[int, int]:
        """See `Store`."""
        from qdrant_client import models

        replaced = self.get(rows.column("id").to_pylist(), ["id"]).num_rows
        vectors = vectors_in(rows)
        lengths = np.linalg.norm(vectors, axis=1)
        written = self._note()
        payloads = rows.select(self._columns()).to_pylist()
        for start in range(0, len(payloads), _AT_ONCE):
            points = [
                models.PointStruct(
                    id=point_of(row["id"]),
                    vector=vectors[place].tolist(),
                    payload=row | {"_length": float(lengths[place]), "_written": written},
                )
                for place, row in enumerate(payloads[start : start + _AT_ONCE], start)
            ]
            with reached(self.name):
                self._client.upsert(self.name, points, wait=True)
        return rows.num_rows - replaced, replaced

    def widen(self, metadata: Mapping[str, str]) -> None:
        """See `Store`."""
        new = [field for field in fields_of(metadata) if field.name not in self.schema.names]
        if not new:
            return
        self.schema = pa.schema([*self.schema, *new])
        note = {"columns": self.schema.serialize().to_pybytes().hex()}
        with reached(self.name):
            self._client.set_payload(beside(self.name), note, [point_of(_SCHEMA)], wait=True)
        self._note()

    def delete(self, ids: Sequence[str]) -> int:
        """See `Store`."""
        from qdrant_client import models

        gone = self.get(list(dict.fromkeys(ids)), ["id"]).column("id").to_pylist()
        if gone:
            with reached(self.name):
                self._client.delete(self.name, models.PointIdsList(points=[point_of(name) for name in gone]), wait=True)
            self._note()
        return len(gone)

    def get(self, ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """See `Store`."""
        names = list(columns) if columns is not None else self.schema.names
        found: dict[str, Any] = {}
        for start in range(0, len(ids), _AT_ONCE):
            part = [point_of(name) for name in ids[start : start + _AT_ONCE]]
            with reached(self.name):
                points = self._client.retrieve(self.name, part, with_payload=True, with_vectors="vector" in names)
            found |= {point.payload["id"]: self._row(point) for point in points}
        return self._table([found[name] for name in ids if name in found], names)

    def scan(
        self, columns: Sequence[str] | None = None, where: str | None = None, since: int | None = None
    ) -> pa.Table:
        """See `Store`."""
        names = list(columns) if columns is not None else self.schema.names
        rows = list(self._all(since, "vector" in names))
        if where is not None:
            kept = holding(where, self._columns(), rows)
            rows = [row for row in rows if row["id"] in kept]
        return self._table(rows, names)

    def search(self, query_D: np.ndarray, top: int, where: str | None = None) -> list[tuple[str, float]]:
        """By cosine, as the server does it: through its graph where the collection is large."""
        from qdrant_client import models

        chosen = None
        if where is not None:
            kept = holding(where, self._columns(), list(self._all(None, False)))
            if not kept:
                return []
            chosen = models.Filter(must=[models.HasIdCondition(has_id=[point_of(name) for name in kept])])
        with reached(self.name):
            query = np.asarray(query_D, np.float32).tolist()
            found = self._client.query_points(
                self.name, query=query, limit=top, query_filter=chosen, with_payload=["id"]
            )
        return [(point.payload["id"], float(point.score)) for point in found.points]

    def recall(self, samples: int = 16, top: int = 10) -> float:
        """Share of the true nearest of some rows, themselves left out, that the server's graph finds."""
        from qdrant_client import models
        from qdrant_client.local.qdrant_local import QdrantLocal

        if isinstance(self._client._client, QdrantLocal):
            return 1.0  # in memory all rows are compared
        hits = wanted = 0
        with reached(self.name):
            some = self._client.scroll(self.name, limit=samples, with_vectors=True)[0]
            for point in some:
                near = []
                for exact in (False, True):
                    params = models.SearchParams(exact=exact)
                    found = self._client.query_points(
                        self.name, query=point.vector, limit=top + 1, search_params=params
                    ).points
                    near.append({other.id for other in found} - {point.id})
                hits, wanted = hits + len(near[0] & near[1]), wanted + len(near[1])
        return hits / max(wanted, 1)

    def count(self, where: str | None = None) -> int:
        """See `Store`."""
        if where is not None:
            return len(holding(where, self._columns(), list(self._all(None, False))))
        with reached(self.name):
            return int(self._client.count(self.name, exact=True).count)

    def tag(self, name: str) -> int:
        """Qdrant keeps no versions."""
        raise bad("--tag", repr(name), "a store that keeps versions, such as a folder", "Make a snapshot in Qdrant.")

    def at(self, version: int | str) -> Self:
        """Qdrant keeps no versions."""
        raise bad("--at", repr(version), "a store that keeps versions, such as a folder")

    def maintain(self) -> tuple[int, int]:
        """Qdrant tidies up by itself; the bytes it takes are not known here."""
        return 0, 0

    def _columns(self) -> list[str]:
        return [name for name in self.schema.names if name != "vector"]

    def _note(self, more: dict[str, Any] | None = None) -> int:
        from qdrant_client import models

        # not nanoseconds, which are more than the server's numbers can tell apart
        now = max(time.time_ns() // 1000, 0 if more is not None else self.version + 1)
        with reached(self.name):
            if more is not None:
                point = models.PointStruct(id=point_of(_SCHEMA), vector=[0.0], payload=more | {"at": now})
                self._client.upsert(beside(self.name), [point], wait=True)
            else:
                self._client.set_payload(beside(self.name), {"at": now}, [point_of(_SCHEMA)], wait=True)
        return now

    def _all(self, since: int | None, vectors: bool) -> Iterator[dict[str, Any]]:
        from qdrant_client import models

        later = models.FieldCondition(key="_written", range=models.Range(gt=since)) if since is not None else None
        chosen, offset = models.Filter(must=[later]) if later else None, None
        while True:
            with reached(self.name):
                points, offset = self._client.scroll(
                    self.name, scroll_filter=chosen, limit=_AT_ONCE, offset=offset, with_vectors=vectors
                )
            yield from map(self._row, points)
            if offset is None:
                return

    def _row(self, point: Any) -> dict[str, Any]:
        row = dict(point.payload) | {ROW: int(hash_bytes(point.payload["id"].encode())[:15], 16)}
        if point.vector is not None:
            row["vector"] = (np.asarray(point.vector, np.float32) * np.float32(row["_length"])).tolist()
        return row

    def _table(self, rows: list[dict[str, Any]], names: list[str]) -> pa.Table:
        kinds = [self.schema.field(name) if name != ROW else pa.field(ROW, pa.uint64()) for name in names]
        return pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows], pa.schema(kinds))


_: type[Store] = QdrantStore
