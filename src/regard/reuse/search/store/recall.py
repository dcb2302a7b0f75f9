"""How much a store's own index misses, measured with rows of the store."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from ....core.runtime import numpy_rng
from .protocol import vectors_in


class Searchable(Protocol):
    """A store that searches exactly, too."""

    def scan(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All rows."""
        ...

    def get(self, ids: Sequence[str], columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of these ids."""
        ...

    def search(
        self, query_D: np.ndarray, top: int, where: str | None = None, exact: bool = False
    ) -> list[tuple[str, float]]:
        """Ids and scores of the nearest rows."""
        ...


def measured_recall(store: Searchable, samples: int, top: int, seed: int) -> float:
    """Share of the true `top` nearest of some rows, themselves left out, that a store's own search finds."""
    ids = store.scan(["id"]).column("id").to_pylist()
    some = numpy_rng(seed, "recall").choice(len(ids), min(samples, len(ids)), replace=False)
    rows, hits, wanted = store.get([ids[place] for place in some], ["id", "vector"]), 0, 0
    for name, vector in zip(rows.column("id").to_pylist(), vectors_in(rows)):
        mine, true = ({n for n, _ in store.search(vector, top + 1, exact=exact)} - {name} for exact in (False, True))
        hits, wanted = hits + len(mine & true), wanted + len(true)
    return hits / wanted if wanted else 1.0
