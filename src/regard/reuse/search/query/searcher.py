"""Searching a collection: by vectors, by ids, by images from outside, in memory or through the store's own index."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import bad, check_matrix, check_number
from ....data.imageset import ImageSet
from ....data.sources import open_images
from ....representation.embeddings import Embeddings
from ....representation.representation import Representation
from ..index import snapshot
from ..index.collection import Collection
from ..index.made_by import made_by
from ..index.record import check_origin, check_representation, mismatch
from ..nearest import metric as metrics
from ..nearest import strategy as strategies
from ..store.lance import LanceStore
from ..store.protocol import Store, vectors_in
from . import reranking
from .cutoff import background_of, cut
from .hits import Hit, Hits
from .lookup import check_known, described
from .relevance import Background


class Searcher:
    """What can be asked of a collection; `SearchIndex` is one that can also be changed.

    Attributes:
        folder: where the collection is.
        card: which representation its vectors are of, and what counts as similar.
        store: the record of its rows.
    """

    def __init__(self, folder: Path, card: dict[str, Any], store: Store) -> None:
        self.folder, self.card, self.store = folder, card, store
        self._collection: Collection | None = None
        self._background: tuple[int, Background] | None = None

    def __len__(self) -> int:
        return self.store.count()

    def count(self) -> int:
        """How many images the collection holds now."""
        return len(self)

    def paths(self, ids: Sequence[str]) -> list[str]:
        """Where images of the collection are, "" where that is not known; raises where an id is not there."""
        names = [ids] if isinstance(ids, str) else [str(name) for name in ids]
        self._known(names)
        return [path or "" for path in self.store.get(names, ["path"]).column("path").to_pylist()]

    def search(
        self,
        vectors: Embeddings | ArrayLike,
        top: int = 10,
        where: str | None = None,
        *,
        leave_out: Sequence[str | None] | None = None,
        strategy: str = "auto",
        rerank: Sequence[str] = (),
        pictures: Sequence[Any] | None = None,
        relevant: float | None = None,
    ) -> Hits:
        """Find the most similar images to each query.

        Up to 50,000 images all are compared, exactly; among more, those that are near in a sketch of one bit a number
        (`nearest/sketch.py`), and `recall` says what share of the true ten nearest that finds in this collection.

        Args:
            vectors: (q, d) queries, one (d,), or `Embeddings`.
            top: results for each query; where the collection has fewer, all of it comes, with a note.
            where: an SQL condition on the columns, such as `label = 'cat'`; others are not searched.
            leave_out: for each query, an id that must not come up (the query itself), or None.
            strategy: auto | exact | sketch | ivf (the store's own index, for many millions).
            rerank: names of re-rankings (`regard methods rerank`, and `spatial`) for the first 200 results, in turn.
            pictures: each query's path or pixels, which `spatial` compares.
            relevant: keep only what stands out from the collection, of which this share comes by chance (`cutoff.py`).

        Returns:
            For each query its hits, best first; equal ones in the order of the collection.

        Raises:
            InputError: queries of another length or representation, NaN, zeros, `top` below 1, or `where` that cannot
                be read.
        """
        check_number("--top", top, 1, whole=True)
        if isinstance(vectors, Embeddings):
            check_origin("query", self.card, vectors)
            names, vectors = tuple(map(str, vectors.ids)), vectors.vectors
        else:
            names = tuple(str(place) for place in range(len(np.atleast_2d(vectors))))
        queries = np.asarray(vectors)
        queries = self._check_queries(queries[None] if queries.ndim == 1 else queries)
        searched = self.store.count(where)
        taken = strategies.pick(searched, len(queries), strategy)
        find = self._from_store if taken == "ivf" else self._from_memory
        depth = max(top, reranking.SHORTLIST) if rerank else top
        found, taken, recall = find(queries, depth + (leave_out is not None), where, taken)
        rows = [
            [hit for hit in row if leave_out is None or hit.id != leave_out[i]][:depth] for i, row in enumerate(found)
        ]
        notes: list[str] = []
        if relevant is not None:
            if self._background is None or self._background[0] != self.store.version:
                self._background = self.store.version, background_of(self.collection())
            rows, notes = cut(rows, self._background[1], searched, relevant)
        if rerank:
            seen = pictures if pictures is not None else [None] * len(queries)
            changed = [
                reranking.rerank(rerank, row, query, self.store, picture, queries)
                for row, query, picture in zip(rows, queries, seen)
            ]
            rows = [row for row, _ in changed]
            notes += dict.fromkeys(note for _, said in changed for note in said)
        hits = Hits(row[:top] for row in rows)
        hits.queries, hits.strategy, hits.recall = names, taken, recall
        if searched < top:
            scope = "the index holds" if where is None else f"{where} holds for"
            notes.insert(0, f"{top} results were asked for; {scope} {searched} image(s).")
        hits.notes = tuple(notes)
        return hits

    def search_ids(
        self,
        ids: Sequence[str],
        top: int = 10,
        where: str | None = None,
        **settings: Any,
    ) -> Hits:
        """Find what is most similar to images of the collection, each without itself; `settings` are of `search`."""
        names = [ids] if isinstance(ids, str) else [str(name) for name in ids]
        self._known(names)
        vectors = vectors_in(self.store.get(names, ["id", "vector"]))
        hits = self.search(vectors, top, where, leave_out=names, pictures=self._pictures(names), **settings)
        hits.queries = tuple(names)
        return hits

    def search_images(
        self,
        images: ImageSet | str | Path | np.ndarray | Sequence[Any],
        top: int = 10,
        where: str | None = None,
        representation: Representation | str | Path | None = None,
        *,
        strategy: str = "auto",
        rerank: Sequence[str] = (),
        relevant: float | None = None,
        **embed_settings: Any,
    ) -> Hits:
        """Find what is most similar to images from outside; they are embedded as the collection was, and not added.

        Args:
            images: a file, a folder, an `ImageSet`, or a list of paths and arrays.
            top: results for each.
            where: as in `search`.
            representation: by default the one that the collection's card names.
            strategy: as in `search`.
            rerank: as in `search`.
            relevant: as in `search`.
            embed_settings: device, precision, cache ... of `embed`.
        """
        strategies.pick(1, 1, strategy)
        self.store.count(where)  # what cannot be asked is told before anything is embedded
        if relevant is not None:
            check_number("--relevant", relevant, 0, 1, open_low=True)
        opened = open_images(images)
        queries = self.embedded(opened, representation, **embed_settings)
        items = dict(zip(map(str, opened.ids), opened.items))
        pictures = [items[str(name)] for name in queries.ids]
        hits = self.search(queries, top, where, strategy=strategy, rerank=rerank, pictures=pictures, relevant=relevant)
        unread = [f"{row['path']} was set aside: {row['cause']}" for row in queries.card.get("set_aside", ())]
        hits.notes = (*hits.notes, *unread)
        return hits

    def embedded(
        self,
        images: ImageSet | str | Path | np.ndarray | Sequence[Any],
        representation: Representation | str | Path | None = None,
        **embed_settings: Any,
    ) -> Embeddings:
        """Images as vectors of the collection's kind; see `search_images`."""
        from ....representation.embed import embed
        from ....representation.int8 import alike

        chosen = self.representation(representation)
        if representation is not None:
            check_representation("--with", self.card, chosen)
        embed_settings["precision"] = alike(self.card, embed_settings.get("precision", "auto"))
        return embed(images, chosen, layer=self.card.get("layer"), **embed_settings)

    def representation(
        self, given: Representation | str | Path | None = None, card: Mapping[str, Any] | None = None
    ) -> Representation:
        """What made the vectors, loaded again: the one that is given, or that the card names (`made_by.py`)."""
        return made_by(self.card if card is None else card, given)

    def collection(self) -> Collection:
        """The collection as it is now: what others have written since the last call is taken in."""
        if self._collection is None:
            if isinstance(self.store, LanceStore) and len(self) > strategies.EXACT:
                self._collection = snapshot.opened(self.store, self.card["metric"])
            else:
                self._collection = Collection(self.card["dim"], self.card["metric"])
        self._collection.sync(self.store)
        return self._collection

    def _from_memory(
        self, queries: np.ndarray, top: int, where: str | None, strategy: str
    ) -> tuple[list[list[Hit]], str, float]:
        """Hits, the strategy that was taken, and its recall."""
        collection = self.collection()
        among = None if where is None else collection.places(self._ids_where(where))
        asked = metrics.prepared_queries(self.card["metric"], queries)
        places, sums, strategy = collection.search(asked, top, among, strategy)
        shown = metrics.scores(self.card["metric"], sums, asked)
        named = [
            [(collection.ids[place], float(score)) for place, score in zip(row, scores)]
            for row, scores in zip(places, shown)
        ]
        return self.described(named), strategy, 1.0 if strategy == "exact" else float(collection.recall or 0)

    def _from_store(
        self, queries: np.ndarray, top: int, where: str | None, strategy: str
    ) -> tuple[list[list[Hit]], str, float]:
        if self.card["metric"] != "cosine":
            raise bad("--search", "ivf", f"exact or sketch for an index by {self.card['metric']}")
        asked = metrics.prepared_queries("cosine", queries)
        found = self.described([self.store.search(query, top, where) for query in asked])
        return found, strategy, self.store.recall()

    def _pictures(self, names: list[str]) -> list[Path | None]:
        return [Path(path) if path else None for path in self.paths(names)]

    def described(self, named: list[list[tuple[str, float]]]) -> list[list[Hit]]:
        """Hits with the path and label that the store has for each id."""
        return described(self.store, named)

    def _ids_where(self, where: str) -> list[str]:
        return list(self.store.scan(["id"], where).column("id").to_pylist())

    def _check_queries(self, queries: np.ndarray) -> np.ndarray:
        vectors = check_matrix("query", queries)
        if vectors.shape[1] != self.card["dim"]:
            raise mismatch("query", self.card, f"vectors of {vectors.shape[1]} dimensions")
        return vectors.astype(np.float32)

    def _known(self, ids: Iterable[Any]) -> None:
        check_known(self.store, ids)
