"""A collection of images that can be searched by image, vector or id, and that images can be added to and taken from.

On disk: `card.json` says which representation the vectors are of, and the table beside it holds them as they were
given. In memory: the same vectors at length 1, read once and again only after a change. A query never changes the
collection.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import InputError, bad, check_matrix, check_number, check_path
from ...core.storage import new_folder, read_json, write_json
from ...metrics.knn import unit
from ...representation.embeddings import Embeddings
from .exact import top_by_cosine
from .record import Hit, Hits, check_origin, columns, mismatch, origin
from .store import Rows, Store
from .swap import CARD, settle, take_place

FORMAT = 1


class SearchIndex:
    """A collection in a folder; see `create` and `open`."""

    def __init__(self, folder: Path, card: dict[str, Any], store: Store) -> None:
        self.folder, self.card, self._store = folder, card, store
        self._rows: Rows | None = None
        self._unit = np.zeros((0, card["dim"]), np.float32)
        self._place: dict[str, int] = {}

    @staticmethod
    def create(
        folder: str | Path,
        embeddings: Embeddings,
        paths: Sequence[str | Path] | None = None,
        *,
        overwrite: bool = False,
    ) -> "SearchIndex":
        """Make a collection of these embeddings in a new folder; it appears whole or not at all.

        Where it takes the place of another one and fails, the other one stays.

        Args:
            folder: a new or empty folder, or with `overwrite` one that holds an index.
            embeddings: vectors with ids, and labels where known.
            paths: where each image is; by default the column `path` of the embeddings.
            overwrite: replace the index that is there.

        Raises:
            InputError: the folder holds something.
        """
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
        card = {"regard_index": FORMAT, "dim": embeddings.dim, "metric": "cosine", **origin(embeddings)}
        try:
            beside.mkdir()
            write_json(beside / CARD, card)
            Store.create(beside, embeddings.dim).upsert(*columns(embeddings, paths))
            take_place(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return SearchIndex.open(target)

    @staticmethod
    def open(folder: str | Path) -> "SearchIndex":
        """Open the collection in a folder; one that was being replaced when the process died is put back first.

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
        return SearchIndex(path, card, Store.open(path))

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
        rows = columns(embeddings, paths)
        if not replace:
            self._refuse_others(rows[0], rows[2])
        return self._store.upsert(*rows)

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
        rows = self._load()
        return [rows.paths[self._place[name]] or "" for name in names]

    def maintain(self) -> tuple[int, int]:
        """Tidy the table up after many changes; returns its size in bytes before and after."""
        return self._store.maintain()

    def search(
        self, vectors: Any, top: int = 10, where: str | None = None, *, leave_out: Sequence[str | None] | None = None
    ) -> Hits:
        """Find the most similar images to each query, by cosine, exactly.

        Args:
            vectors: (q, d) queries, one (d,), or `Embeddings`.
            top: results for each query; where the collection has fewer, all of it comes, with a note.
            where: an SQL condition on id, path and label, such as `label = 'cat'`; others are not searched.
            leave_out: for each query, an id that must not come up (the query itself), or None.

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
        rows = self._load()
        among = None
        if where is not None:
            wanted = self._store.ids_where(where)
            among = np.array(sorted(self._place[name] for name in wanted if name in self._place), np.int64)
        searched = len(rows.ids) if among is None else len(among)
        places, scores = top_by_cosine(self._unit, unit(queries), top + (leave_out is not None), among)
        hits = Hits(
            self._hits(rows, places[i], scores[i], leave_out[i] if leave_out is not None else None)[:top]
            for i in range(len(queries))
        )
        hits.queries = names
        if searched < top:
            scope = "the index holds" if where is None else f"{where} holds for"
            hits.notes = (f"{top} results were asked for; {scope} {searched} image(s).",)
        return hits

    def search_ids(self, ids: Sequence[str], top: int = 10, where: str | None = None) -> Hits:
        """Find what is most similar to images of the collection, each without itself."""
        names = [ids] if isinstance(ids, str) else [str(name) for name in ids]
        self._known(names)
        rows = self._load()
        hits = self.search(rows.vectors[[self._place[name] for name in names]], top, where, leave_out=names)
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

    def _load(self) -> Rows:
        """The collection in memory, read again where anybody has changed it."""
        if self._rows is None or self._rows.version != self._store.version:
            self._rows = self._store.load()
            self._unit = unit(self._rows.vectors)
            self._place = {str(name): place for place, name in enumerate(self._rows.ids)}
        return self._rows

    def _hits(self, rows: Rows, places: np.ndarray, scores: np.ndarray, without: str | None) -> list[Hit]:
        found = [
            Hit(str(rows.ids[place]), float(score), rows.paths[place] or "", rows.labels[place])
            for place, score in zip(places, scores)
        ]
        return [hit for hit in found if hit.id != without]

    def _check_queries(self, queries: np.ndarray) -> np.ndarray:
        vectors = check_matrix("query", queries)
        if vectors.shape[1] != self.card["dim"]:
            raise mismatch("query", self.card, f"vectors of {vectors.shape[1]} dimensions")
        if not np.linalg.norm(vectors, axis=1).all():
            raise bad("query", "a vector of zeros", "vectors with a direction", "Is the image blank?")
        return vectors.astype(np.float32)

    def _refuse_others(self, ids: Sequence[str], paths: Sequence[str]) -> None:
        """Refuse an id whose image is elsewhere than the one of that id; only whole paths say where an image is."""
        if not any(map(os.path.isabs, paths)):
            return
        rows = self._load()
        for name, path in zip(ids, paths):
            there = (rows.paths[self._place[name]] or "") if name in self._place else ""
            if os.path.isabs(path) and os.path.isabs(there) and os.path.normpath(path) != os.path.normpath(there):
                raise bad(
                    "ids",
                    f"{name!r} of {path}, which the index has of {there}",
                    "ids that are new, or of the same file",
                    "Give --replace, or embed from the common parent folder so that ids differ.",
                )

    def _known(self, ids: Iterable[Any]) -> None:
        self._load()
        missing = [str(name) for name in ids if str(name) not in self._place]
        if missing:
            raise bad("ids", f"{len(missing)} that are not in the index: {', '.join(missing[:3])}", "ids of the index")
