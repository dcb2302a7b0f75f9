"""A small table of vectors, for tests of stores; `python -c` code of theirs imports it too."""

from typing import Any

import numpy as np
import pyarrow as pa

from regard.reuse.search.store.protocol import as_rows, schema_of

DIM = 6
SCHEMA = schema_of(DIM, {"style": "text", "year": "whole", "good": "boolean"})


def rows(*names: str, seed: int = 0, **more: list[Any]) -> pa.Table:
    """Rows with these ids, and vectors that hang on the seed and on how many there are."""
    vectors = np.random.default_rng([seed, len(names)]).standard_normal((len(names), DIM)).astype(np.float32)
    return as_rows(SCHEMA, {"id": list(names), **more}, vectors)


def ids(table: pa.Table) -> set[str]:
    """The ids of a table."""
    return set(table.column("id").to_pylist())


def qdrant(name: str = "photos") -> Any:
    """An empty Qdrant store in the client's own mode in memory: no server."""
    from qdrant_client import QdrantClient

    from regard.reuse.search.store.qdrant import QdrantStore

    return QdrantStore.create(QdrantClient(":memory:"), name, SCHEMA)
