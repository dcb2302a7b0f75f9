"""Search with several vectors: each image by how well its regions answer those of the query (MaxSim, `maxsim.py`).

Up to 50,000 regions all are compared. Among more, the nearest regions of each of the query's vectors say which images
are worth it, and these are compared exactly; the recall of that first step is measured.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import bad, check_choice, check_matrix, check_number
from ....data.decode import DecodeError, upright_size
from ....data.imageset import ImageSet
from ....data.sources import open_images
from ....representation.embed import embed
from ....representation.int8 import not_int8
from ....representation.representation import Representation
from ..index import snapshot
from ..index.collection import Collection
from ..nearest import strategy as strategies
from ..nearest.maxsim import top_maxsim
from ..nearest.metric import prepared_queries
from ..query import reranking
from ..query.hits import Hit, Hits
from ..query.searcher import Searcher
from .grid import box_of, regions_of
from .table import APART, check_same, keys, opened

NEAR = 500  # regions that each vector of the query brings in, where not all are compared
Found = list[tuple[str, float, int]]  # images, scores, and which region answers best


class RegionSearch:
    """The regions of an index, ready to be searched; see `step.in_step` for how they are made.

    Attributes:
        index: whose they are.
        card: what made them.
    """

    def __init__(self, index: Searcher) -> None:
        self.index = index
        self._store, self.card, self._step = opened(index.folder)
        self._parts_R4 = np.array(self.card["parts"])
        self._collection: Collection | None = None

    def search_images(
        self,
        images: ImageSet | str | Path | np.ndarray | Sequence[Any],
        top: int = 10,
        where: str | None = None,
        representation: Representation | str | Path | None = None,
        *,
        leave_out: Sequence[str] | None = None,
        strategy: str = "auto",
        rerank: Sequence[str] = (),
        **embed_settings: Any,
    ) -> Hits:
        """Find the images in which some regions show what a query image shows, as a whole and in its parts.

        Args:
            images: what `open_images` takes.
            top: results for each.
            where: an SQL condition on the index's columns.
            representation: by default what made the regions.
            leave_out: for each query, the id of an image that must not come up.
            strategy: auto | exact | sketch.
            rerank: ("spatial",) or none: the others compare vectors of whole images.
            embed_settings: precision, device ... of `embed`.

        Raises:
            InputError: another representation than the regions', and as `search`.
        """
        asked = open_images(images)
        rep = self.index.representation(representation, self.card)
        regions = regions_of(rep, self.card["levels"])
        check_same(self.card, rep, regions)
        embed_settings["precision"] = not_int8(embed_settings.get("precision", "auto"))
        made = embed(asked, regions.query, **embed_settings)
        apart = regions.apart(made.vectors)
        flat = self._step.apply(apart.reshape(-1, regions.channels).astype(np.float64)).astype(np.float32)
        place = {str(name): row for row, name in enumerate(asked.ids)}
        rows = [place[str(name)] for name in made.ids]
        hits = self.search(
            list(flat.reshape(*apart.shape[:2], -1)),
            top,
            where,
            leave_out=None if leave_out is None else [leave_out[row] for row in rows],
            strategy=strategy,
            rerank=rerank,
            pictures=[asked.items[row] for row in rows],
        )
        hits.queries = tuple(map(str, made.ids))
        unread = [f"{row['path']} was set aside: {row['cause']}" for row in made.card["set_aside"]]
        hits.notes = (*hits.notes, *unread)
        return hits

    def search(
        self,
        queries: Sequence[Any],
        top: int = 10,
        where: str | None = None,
        *,
        leave_out: Sequence[str] | None = None,
        strategy: str = "auto",
        rerank: Sequence[str] = (),
        pictures: Sequence[Any] | None = None,
    ) -> Hits:
        """Find the best images for queries of several vectors (l, d) each, as the regions' table has them.

        The score is the mean over a query's vectors of the cosine to the nearest of the image's regions. A hit's
        `region` is the one that answers any of them best, in pixels of the upright image.

        Raises:
            InputError: vectors of another length, NaN, zeros, `top` below 1, a condition that cannot be read.
        """
        check_number("--top", top, 1, whole=True)
        check_choice("--search", strategy, ("auto", "exact", "sketch"))
        for stage in rerank:
            check_choice("--rerank with --regions", stage, [reranking.SPATIAL])
        collection = self._current()
        held = self.index.count()
        lost = len(collection) != held * len(self._parts_R4)
        allowed = None if where is None and not lost else set(self._ids(where))
        depth = (max(top, reranking.SHORTLIST) if rerank else top) + (leave_out is not None)
        found, taken_by = [], set()
        for query_LD in queries:
            vectors = check_matrix("query", query_LD)
            if vectors.shape[1] != self.card["dim"]:
                raise bad("query", f"vectors of {vectors.shape[1]} numbers", f"{self.card['dim']}, as the regions have")
            asked = prepared_queries("cosine", vectors)
            images, taken = self._candidates(collection, asked, allowed, depth, strategy)
            taken_by.add(taken)
            found.append(self._best(collection, asked, images, depth))
        rows, stale = self._described(found)
        if leave_out is not None:
            rows = [[hit for hit in row if hit.id != name] for row, name in zip(rows, leave_out)]
        said: tuple[str, ...] = ()
        if rerank:
            seen = pictures if pictures is not None else [None] * len(rows)
            blank = np.ones(1)  # spatial verification does not look at vectors
            changed = [reranking.rerank(rerank, row, blank, self.index.store, one) for row, one in zip(rows, seen)]
            rows = [row for row, _ in changed]
            said = tuple(dict.fromkeys(note for _, several in changed for note in several))
        hits = Hits([replace(hit, region=self._box(hit)) for hit in row[:top]] for row in rows)
        hits.queries = tuple(str(place) for place in range(len(found)))
        hits.strategy = "sketch" if "sketch" in taken_by else "exact"
        hits.recall = 1.0 if hits.strategy == "exact" else float(collection.recall or 0)
        hits.notes = (*self._notes(top, where, held if allowed is None else len(allowed), lost or stale), *said)
        return hits

    def _candidates(
        self, collection: Collection, asked_LD: np.ndarray, allowed: set[str] | None, depth: int, strategy: str
    ) -> tuple[list[str], str]:
        """The images that are compared, and by which strategy they were found."""
        many, taken = len(self._parts_R4), strategy
        if strategy == "auto":
            taken = (
                "exact"
                if (len(collection) if allowed is None else len(allowed) * many) <= strategies.EXACT
                else "sketch"
            )
        if taken == "exact" or depth * many > len(collection) // 10:
            names = {_image(name) for name in collection.ids if name in collection} if allowed is None else allowed
            return sorted(names), "exact"
        among = None if allowed is None else collection.places(keys(allowed, many))
        near = [collection.search(vector[None], max(NEAR, 20 * depth), among, "sketch") for vector in asked_LD]
        ids = {_image(collection.ids[place]): None for places, _, _ in near for place in places[0]}
        return list(ids), "sketch" if any(one == "sketch" for _, _, one in near) else "exact"

    def _best(self, collection: Collection, asked_LD: np.ndarray, images: list[str], depth: int) -> Found:
        many = len(self._parts_R4)
        whole = [name for name in images if all(key in collection for key in keys([name], many))]
        if not whole:
            return []
        order = np.array([collection.place_of(key) for key in keys(whole, many)])
        found = top_maxsim(asked_LD, _Ordered(collection, order), np.arange(len(whole) + 1) * many, depth, mean=True)
        best = found.which_KL[np.arange(len(found.rows)), found.cosines_KL.argmax(axis=1)]
        return [(whole[row], float(score), int(part)) for row, score, part in zip(found.rows, found.scores, best)]

    def _described(self, found: list[Found]) -> tuple[list[list[Hit]], bool]:
        """Hits, with `region` in shares still; and whether some were left out, as their image has changed since."""
        names = list({name: None for row in found for name, _, _ in row})
        record = self.index.store.get(names, ["id", "content"]).to_pylist()
        mine = self._store.get([f"{name}{APART}0" for name in names], ["image", "content"]).to_pylist()
        contents = {row["image"]: row["content"] for row in mine}
        same = {row["id"] for row in record if (row["content"] or "") == contents.get(row["id"])}
        rows = [[one for one in row if one[0] in same] for row in found]
        hits = self.index.described([[(name, score) for name, score, _ in row] for row in rows])
        parts = [{name: part for name, _, part in row} for row in rows]
        boxes = self._parts_R4.tolist()
        marked = [[replace(hit, region=tuple(boxes[part[hit.id]])) for hit in row] for row, part in zip(hits, parts)]
        return marked, len(same) < len(names)

    def _box(self, hit: Hit) -> tuple[float, float, float, float] | None:
        """The region in pixels; None where the image cannot be read any more."""
        try:
            return box_of(np.array(hit.region), upright_size(Path(hit.path)))
        except DecodeError:
            return None

    def _notes(self, top: int, where: str | None, searched: int, out_of_step: bool) -> tuple[str, ...]:
        notes = []
        if searched < top:
            scope = "the index holds" if where is None else f"{where} holds for"
            notes.append(f"{top} results were asked for; {scope} {searched} image(s).")
        if out_of_step:
            notes.append("The index has changed since its regions were made: run regard index with --update.")
        return tuple(notes)

    def _ids(self, where: str | None) -> list[str]:
        return list(self.index.store.scan(["id"], where).column("id").to_pylist())

    def _current(self) -> Collection:
        if self._collection is None:
            large = self._store.count() > strategies.EXACT
            self._collection = snapshot.opened(self._store, "cosine") if large else Collection(self.card["dim"])
        self._collection.sync(self._store)
        return self._collection


class _Ordered:
    """Vectors of a collection in another order, read by slices."""

    def __init__(self, collection: Collection, order: np.ndarray) -> None:
        self._vectors, self._order = collection.vectors, order
        self.shape = len(order), collection.vectors.shape[1]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self._vectors[self._order[rows]]


def _image(key: str) -> str:
    return key.rpartition(APART)[0]
