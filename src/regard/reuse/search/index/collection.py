"""A collection as it is searched: its vectors in order, which of them are there, and the sketch of a large one.

Everything here can be made again from the store. What others wrote to it since is added by `sync`, which reads the new
rows alone: adding one image to a hundred thousand costs what adding it to a thousand does.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ....core.checks import check_choice
from ....core.runtime import threads
from ..nearest import strategy as strategies
from ..nearest.exact import top_by_product
from ..nearest.metric import prepared
from ..nearest.sketch import Sketch
from ..store.protocol import ROW, Store, dim_of, vectors_in
from .growable import Check, Growable


class Collection:
    """Vectors by place: a place is a row of the arrays; one whose image is gone or was replaced stays, unused.

    Attributes:
        ids: (n,) the id at each place.
        vectors: (n, d) as they are compared (see `metric.prepared`).
        version: of the store, up to which all is here; None before the first `sync`.
        sketch: bits of the vectors of a large collection; None as long as it was not needed.
        recall: measured recall@10 of the sketch (see `nearest.strategy.recall`); None where there is no sketch.
        many: candidates that the sketch gives.
    """

    def __init__(self, dim: int, metric: str = "cosine") -> None:
        self.metric, self.version, self.recall, self.many = metric, None, None, 0
        self.ids: list[str] = []
        self.vectors = Growable(np.zeros((0, dim), np.float32))
        self._place: dict[str, int] = {}
        self._numbers = Growable(np.zeros((0, 1), np.int64))
        self._alive = Growable(np.zeros((0, 1), bool))
        self._bias = Growable(np.zeros((0, 1), np.float32))
        self.sketch: Sketch | None = None
        self._pool = ThreadPoolExecutor(threads(), "search")

    version: int | None
    recall: float | None

    def __len__(self) -> int:
        """How many images are there."""
        return len(self._place)

    @property
    def sketch_bytes(self) -> int:
        """Memory of the sketch; 0 where the collection is small enough to do without."""
        return self.sketch.nbytes if self.sketch else 0

    @classmethod
    def again(
        cls,
        ids: list[str],
        vectors_ND: np.ndarray,
        numbers_N: np.ndarray,
        bias_N: np.ndarray,
        metric: str,
        version: int | None,
        check: Check | None = None,
    ) -> "Collection":
        """A collection of vectors that are prepared already, perhaps in a file; see `snapshot`."""
        found = cls(vectors_ND.shape[1], metric)
        found.ids, found.version = ids, version
        found._place = {name: place for place, name in enumerate(ids)}
        found.vectors, found._numbers = Growable(vectors_ND, check), Growable(numbers_N[:, None])
        found._alive, found._bias = Growable(np.ones((len(ids), 1), bool)), Growable(bias_N[:, None])
        return found

    @property
    def numbers(self) -> np.ndarray:
        """(n,) the store's row number at each place."""
        return self._numbers.all()[:, 0]

    @property
    def bias(self) -> np.ndarray:
        """(n,) what is added to each vector's product; empty where nothing is."""
        return self._bias.all()[:, 0]

    def column(self, store: Store, name: str) -> dict[str, np.ndarray]:
        """The values of a column of the store by place, under its name; None where there is none."""
        check_choice("column", name, [one for one in store.schema.names if one not in ("id", "vector")])
        rows, values = store.scan(["id", name]), np.full(len(self.ids), None, object)
        for known, value in zip(rows.column("id").to_pylist(), rows.column(name).to_pylist()):
            if known in self._place:
                values[self._place[known]] = value
        return {name: values}

    def sync(self, store: Store) -> None:
        """Take in what was written to the store since the last time. O(what was written) but for deletions, O(n)."""
        version = store.version
        if version == self.version:
            return
        new = store.scan(["id", ROW, "vector"], since=self.version)
        self.put(new.column("id").to_pylist(), vectors_in(new), new.column(ROW).to_numpy().astype(np.int64))
        if store.count() != len(self):
            there = store.scan([ROW]).column(ROW).to_numpy().astype(np.int64)
            gone = ~np.isin(self.numbers, there) & self._alive.all()[:, 0]
            self.drop([self.ids[place] for place in np.flatnonzero(gone)])
        self.version = version

    def put(self, ids: list[str], vectors_ND: np.ndarray, numbers_N: np.ndarray | None = None) -> None:
        """Add images, or replace those with the same ids."""
        if not len(ids):
            return
        self.drop([name for name in ids if name in self._place])
        first = len(self.ids)
        vectors, bias = prepared(self.metric, vectors_ND)
        self.ids.extend(ids)
        self._place.update(zip(ids, range(first, first + len(ids))))
        self.vectors.append(vectors)
        self._alive.append(np.ones((len(ids), 1), bool))
        self._numbers.append((np.full(len(ids), -1) if numbers_N is None else numbers_N)[:, None])
        if bias is not None:
            self._bias.append(bias[:, None])
        if self.sketch is not None:
            self.sketch.add(vectors)

    def drop(self, ids: list[str]) -> None:
        """Take images out."""
        places = [self._place.pop(name) for name in ids if name in self._place]
        self._alive.set(places, False)

    def places(self, ids: list[str]) -> np.ndarray:
        """(k,) places of ids that are there, in the collection's order; others are left out."""
        return np.array(sorted(self._place[name] for name in ids if name in self._place), np.int64)

    def __contains__(self, name: str) -> bool:
        return name in self._place

    def place_of(self, name: str) -> int:
        """The place of an id that is there."""
        return self._place[name]

    def search(
        self, query_QD: np.ndarray, top: int, among: np.ndarray | None = None, strategy: str = "auto"
    ) -> tuple[np.ndarray, np.ndarray, str]:
        """Places (q, k) and sums (q, k), best first, and the strategy that was taken.

        Args:
            query_QD: queries as they are compared.
            top: at least 1; k is smaller where fewer are there.
            among: (m,) sorted places: others are not searched.
            strategy: auto | exact | sketch.
        """
        searched = len(self) if among is None else len(among)
        taken = strategies.pick(searched, len(query_QD), strategy)
        if taken == "exact" or top > searched // 10:
            return *self._exact(query_QD, top, among), "exact"
        self.tune()
        found = [self._by_sketch(query, top, among) for query in query_QD]
        return np.stack([places for places, _ in found]), np.stack([sums for _, sums in found]), "sketch"

    def _exact(self, query_QD: np.ndarray, top: int, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        alive = self._alive.all()[:, 0]
        rows = among if among is not None else None if len(self) == len(alive) else np.flatnonzero(alive)
        bias = self.bias if self.metric == "euclidean" else None
        return top_by_product(self.vectors, query_QD, top, rows, bias)

    def _by_sketch(self, query_D: np.ndarray, top: int, among: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        assert self.sketch is not None
        alive = self._alive.all()[:, 0]
        if among is not None:
            alive = np.zeros_like(alive)
            alive[among] = True
        all_there = among is None and len(self) == len(alive)
        many = max(self.many, 4 * top)
        rows = self.sketch.candidates(query_D, many, None if all_there else alive, self._pool)
        sums = self.vectors[rows] @ query_D
        if self.metric == "euclidean":
            sums = sums + self._bias[rows][:, 0]
        order = np.lexsort((rows, -sums))[:top]
        return rows[order], sums[order]

    def tune(self) -> None:
        """Make the sketch, and take as many candidates as the measured recall asks for."""
        if self.sketch is not None:
            return
        self.sketch = Sketch.of(self.vectors)
        self.many = strategies.first_candidates(len(self))
        while True:
            self.recall = self.measure()
            if self.recall >= strategies.GOOD or 2 * self.many > len(self) // 10:
                return
            self.many *= 2

    def measure(self, seed: int = 0) -> float:
        """Recall@10 of the sketch as it is now."""
        self.tune()

        def sketch(queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
            found = [self._by_sketch(query, top, None) for query in queries]
            return np.stack([places for places, _ in found]), np.stack([sums for _, sums in found])

        alive = np.flatnonzero(self._alive.all()[:, 0])
        return strategies.recall(sketch, self._exact, self.vectors, alive, seed)

    @classmethod
    def of_store(cls, store: Store, metric: str = "cosine") -> "Collection":
        """All that is in a store."""
        found = cls(dim_of(store.schema), metric)
        found.sync(store)
        return found
