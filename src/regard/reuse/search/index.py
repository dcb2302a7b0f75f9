"""A collection of images that can be searched by image, vector or id, and that images can be added to and taken from.

On disk: `card.json` says which representation the vectors are of, and the table beside it holds them as they were
given. In memory: the same vectors as they are compared, read once; after that only what was written since. A query
never changes the collection.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import InputError, bad, check_choice, check_matrix, check_number, check_path
from ...core.storage import new_folder, read_json, write_json
from ...representation.embeddings import Embeddings
from . import metric as metrics
from . import plan
from .collection import Collection
from .record import Hit, Hits, check_origin, columns, metadata, mismatch, origin
from .store.lance import LanceStore
from .store.protocol import Store, as_rows, schema_of, vectors_in
from .swap import CARD, settle, take_place

FORMAT = 2


class SearchIndex:
    """A collection in a folder; see `create` and `open`."""

    def __init__(self, folder: Path, card: dict[str, Any], store: Store) -> None:
        self.folder, self.card, self._store = folder, card, store
        self._collection = Collection(card["dim"], card["metric"])

    @staticmethod
    def create(
        folder: str | Path,
        embeddings: Embeddings,
        paths: Sequence[str | Path] | None = None,
        *,
        metric: str = "cosine",
        overwrite: bool = False,
    ) -> "SearchIndex":
        """Make a collection of these embeddings in a new folder; it appears whole or not at all.

        Where it takes the place of another one and fails, the other one stays.

        Args:
            folder: a new or empty folder, or with `overwrite` one that holds an index.
            embeddings: vectors with ids, and labels where known; further columns can be searched by, too.
            paths: where each image is; by default the column `path` of the embeddings.
            metric: what counts as similar: cosine | product | euclidean.
            overwrite: replace the index that is there.

        Raises:
            InputError: the folder holds something.
        """
        check_choice("--metric", metric, metrics.METRICS)
        settle(Path(folder).resolve())
        target = new_folder("--out", folder).resolve()
        if (target / CARD).exists() and not (overwrite and "regard_index" in read_json(target / CARD)):
            raise bad(
                "--out",
                f"{str(folder)!r}, which holds an index or a run already",
                "a new or empty folder",
                "Add to an index with add, or overwrite it.",
            )
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        card = {"regard_index": FORMAT, "dim": embeddings.dim, "metric": metric, **origin(embeddings)}
        try:
            beside.mkdir()
            write_json(beside / CARD, card)
            store = LanceStore.create(beside, schema_of(embeddings.dim, metadata(embeddings)))
            store.upsert(as_rows(store.schema, columns(embeddings, paths), embeddings.vectors))
            take_place(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return SearchIndex.open(target)

    @staticmethod
    def open(folder: str | Path, version: int | str | None = None) -> "SearchIndex":
        """Open the collection in a folder; one that was being replaced when the process died is put back first.

        Args:
            folder: made by `create` or `regard index`.
            version: a number or tag: the collection as it was then, to search only.

        Raises:
            InputError: no such folder, not an index, damaged, or of a newer format.
        """
        settle(Path(folder).resolve())
        path = check_path("index", folder, folder=True)
        card = read_json(path / CARD) if (path / CARD).exists() else None
        if not isinstance(card, dict) or "regard_index" not in card:
            raise bad("index", repr(str(folder)), "a folder made by regard index")
        if card["regard_index"] > FORMAT:
            raise bad("index", f"format {card['regard_index']}", f"format {FORMAT} or older", "Update regard.")
        if card["regard_index"] < FORMAT:
            raise bad(
                "index", f"format {card['regard_index']}", f"format {FORMAT}", "Make the index again, with --overwrite."
            )
        return SearchIndex(path, card, LanceStore.open(path, version))

    def __len__(self) -> int:
        return self._store.count()

    def count(self) -> int:
        """How many images the collection holds now."""
        return len(self)

    def add(
        self, embeddings: Embeddings, paths: Sequence[str | Path] | None = None, *, replace: bool = False
    ) -> tuple[int, int]:
        """Add images; one whose id is there already takes its place. Returns how many were new and how many replaced.

        Args:
            embeddings: vectors of the same representation, with ids.
            paths: where each image is; by default the column `path` of the embeddings.
            replace: also where an id is there with another path, which is probably another image.

        Raises:
            InputError: vectors of another representation or length; or, changing nothing, an id that is there with
                another path.
        """
        check_origin("embeddings", self.card, embeddings)
        given = columns(embeddings, paths)
        if not replace:
            self._refuse_others(given["id"], given["path"])
        known = {name: value for name, value in given.items() if name in self._store.schema.names}
        return self._store.upsert(as_rows(self._store.schema, known, embeddings.vectors))

    def update(self, embeddings: Embeddings, paths: Sequence[str | Path] | None = None) -> int:
        """Replace images that are there; raises, changing nothing, where an id is not."""
        self._known(embeddings.ids)
        return self.add(embeddings, paths, replace=True)[1]

    def remove(self, ids: Sequence[str]) -> int:
        """Take images out; raises, changing nothing, where an id is not there. Returns how many were taken out."""
        names = list(dict.fromkeys([ids] if isinstance(ids, str) else map(str, ids)))
        self._known(names)
        return self._store.delete(names)

    def paths(self, ids: Sequence[str]) -> list[str]:
        """Where images of the collection are, "" where that is not known; raises where an id is not there."""
        names = [ids] if isinstance(ids, str) else [str(name) for name in ids]
        self._known(names)
        return [path or "" for path in self._store.get(names, ["path"]).column("path").to_pylist()]

    def maintain(self) -> tuple[int, int]:
        """Tidy the table up after many changes; returns its size in bytes before and after."""
        return self._store.maintain()

    def tag(self, name: str) -> int:
        """Name the collection as it is now, so that `open(folder, name)` finds it so again; returns the version."""
        return self._store.tag(name)

    def search(
        self,
        vectors: Any,
        top: int = 10,
        where: str | None = None,
        *,
        leave_out: Sequence[str | None] | None = None,
        way: str = "auto",
    ) -> Hits:
        """Find the most similar images to each query.

        Up to 50,000 images all are compared, exactly; among more, those that are near in a sketch of one bit a number
        (`sketch.py`), and `recall` says what share of the true ten nearest that finds in this collection.

        Args:
            vectors: (q, d) queries, one (d,), or `Embeddings`.
            top: results for each query; where the collection has fewer, all of it comes, with a note.
            where: an SQL condition on the columns, such as `label = 'cat'`; others are not searched.
            leave_out: for each query, an id that must not come up (the query itself), or None.
            way: auto | exact | sketch | ivf (the store's own index, for many millions).

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
        searched = self._store.count(where)
        taken = plan.pick(searched, len(queries), way)
        find = self._from_store if taken == "ivf" else self._from_memory
        found, taken, recall = find(queries, top + (leave_out is not None), where, taken)
        hits = Hits(
            [hit for hit in row if leave_out is None or hit.id != leave_out[i]][:top] for i, row in enumerate(found)
        )
        hits.queries, hits.way, hits.recall = names, taken, recall
        if searched < top:
            scope = "the index holds" if where is None else f"{where} holds for"
            hits.notes = (f"{top} results were asked for; {scope} {searched} image(s).",)
        return hits

    def search_ids(self, ids: Sequence[str], top: int = 10, where: str | None = None, *, way: str = "auto") -> Hits:
        """Find what is most similar to images of the collection, each without itself."""
        names = [ids] if isinstance(ids, str) else [str(name) for name in ids]
        self._known(names)
        vectors = vectors_in(self._store.get(names, ["id", "vector"]))
        hits = self.search(vectors, top, where, leave_out=names, way=way)
        hits.queries = tuple(names)
        return hits

    def search_images(
        self, images: Any, top: int = 10, where: str | None = None, representation: Any = None, **embed_settings: Any
    ) -> Hits:
        """Find what is most similar to images from outside; they are embedded as the collection was, and not added.

        Args:
            images: a file, a folder, or a list of paths and arrays.
            top: results for each.
            where: as in `search`.
            representation: by default the one that the collection's card names.
            embed_settings: device, precision, cache ... of `embed`.
        """
        from ...representation.embed import embed
        from ...representation.representation import Representation

        chosen = representation
        if chosen is None:
            try:
                chosen = Representation.load(self.card.get("loaded_from") or self.card.get("representation") or "")
            except InputError as error:
                name = self.card.get("representation") or "a representation from elsewhere"
                raise bad("--with", "none", f"the one that made the index's vectors ({name})") from error
        queries = embed(images, chosen, layer=self.card.get("layer"), **embed_settings)
        hits = self.search(queries, top, where)
        unread = [f"{row['path']} was set aside: {row['cause']}" for row in queries.card.get("set_aside", ())]
        hits.notes = (*hits.notes, *unread)
        return hits

    def _from_memory(
        self, queries: np.ndarray, top: int, where: str | None, way: str
    ) -> tuple[list[list[Hit]], str, float]:
        """Hits, the way that was taken, and its recall."""
        self._collection.sync(self._store)
        among = None if where is None else self._collection.places(self._ids_where(where))
        asked = metrics.prepared_queries(self.card["metric"], queries)
        places, sums, way = self._collection.search(asked, top, among, way)
        shown = metrics.scores(self.card["metric"], sums, asked)
        named = [
            [(self._collection.ids[place], float(score)) for place, score in zip(row, scores)]
            for row, scores in zip(places, shown)
        ]
        return self._described(named), way, 1.0 if way == "exact" else float(self._collection.recall or 0)

    def _from_store(
        self, queries: np.ndarray, top: int, where: str | None, way: str
    ) -> tuple[list[list[Hit]], str, float]:
        if self.card["metric"] != "cosine":
            raise bad("--search", "ivf", f"exact or sketch for an index by {self.card['metric']}")
        asked = metrics.prepared_queries("cosine", queries)
        found = self._described([self._store.search(query, top, where) for query in asked])
        return found, way, self._store.recall()

    def _described(self, named: list[list[tuple[str, float]]]) -> list[list[Hit]]:
        """Hits with the path and label that the store has for each id."""
        wanted = list({name: None for row in named for name, _ in row})
        rows = self._store.get(wanted, ["id", "path", "label"]).to_pylist()
        about = {row["id"]: (row["path"] or "", row["label"]) for row in rows}
        # an image that somebody took out in between is left out
        return [[Hit(name, score, *about[name]) for name, score in row if name in about] for row in named]

    def _ids_where(self, where: str) -> list[str]:
        return list(self._store.scan(["id"], where).column("id").to_pylist())

    def _check_queries(self, queries: np.ndarray) -> np.ndarray:
        vectors = check_matrix("query", queries)
        if vectors.shape[1] != self.card["dim"]:
            raise mismatch("query", self.card, f"vectors of {vectors.shape[1]} dimensions")
        return vectors.astype(np.float32)

    def _refuse_others(self, ids: Sequence[str], paths: Sequence[str]) -> None:
        """Refuse an id whose image is elsewhere than the one of that id; only whole paths say where an image is."""
        if not any(map(os.path.isabs, paths)):
            return
        there_already = self._store.get(list(ids), ["id", "path"]).to_pylist()
        known = {row["id"]: row["path"] or "" for row in there_already}
        for name, path in zip(ids, paths):
            there = known.get(name, "")
            if os.path.isabs(path) and os.path.isabs(there) and os.path.normpath(path) != os.path.normpath(there):
                raise bad(
                    "ids",
                    f"{name!r} of {path}, which the index has of {there}",
                    "ids that are new, or of the same file",
                    "Give --replace, or embed from the common parent folder so that ids differ.",
                )

    def _known(self, ids: Iterable[Any]) -> None:
        names = [str(name) for name in ids]
        there = set(self._store.get(names, ["id"]).column("id").to_pylist())
        missing = [name for name in names if name not in there]
        if missing:
            raise bad("ids", f"{len(missing)} that are not in the index: {', '.join(missing[:3])}", "ids of the index")
