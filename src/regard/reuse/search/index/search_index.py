"""A collection of images that can be searched by image, vector or id, and that images can be added to and taken from.

On disk: `card.json` says which representation the vectors are of, and the table beside it holds them as they were
given. In memory: the same vectors as they are compared, read once; after that only what was written since. A query
never changes the collection.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ....core.checks import bad, check_choice, check_path
from ....core.leftovers import clear
from ....core.records import check_record, maybe, one_of, text, whole
from ....core.storage import new_folder, read_json, write_json
from ....representation.embeddings import Embeddings
from ..nearest import metric as metrics
from ..query.searcher import Searcher
from ..store.address import create_store, open_store
from ..store.lance import LanceStore
from ..store.protocol import MARKS, as_rows, dim_of, schema_of
from .atomic_replace import CARD, settle, take_place
from .metadata import fitted, keep_known, keep_unsaid, kinds_of, widen
from .record import check_origin, columns, meaning, origin
from .same_files import as_indexed, refuse_others, same_files
from .same_vectors import SameVectors

FORMAT = 2
UNMARKED = {"translated": False, "translation_error": 0.0}  # a vector that its image was embedded for
KEYS = {
    "regard_index": whole(),
    "dim": maybe(whole(1)),
    "metric": maybe(one_of(*metrics.METRICS)),
    "layer": maybe(whole(-(2**20), 2**20)),
} | dict.fromkeys(("store", "representation", "loaded_from", "fingerprint", "checksum"), maybe(text))


class SearchIndex(Searcher):
    """A collection in a folder; see `create` and `open`."""

    @staticmethod
    def create(
        folder: str | Path,
        embeddings: Embeddings,
        paths: Sequence[str | Path] | None = None,
        *,
        metric: str = "cosine",
        overwrite: bool = False,
        store: str = "",
    ) -> "SearchIndex":
        """Make a collection of these embeddings in a new folder; it appears atomically.

        Where it takes the place of another one and fails, the other one stays.

        Args:
            folder: a new or empty folder, or with `overwrite` one that holds an index.
            embeddings: vectors with ids, and labels where known; further columns can be searched by, too.
            paths: where each image is; by default the column `path` of the embeddings.
            metric: what counts as similar: cosine | product | euclidean.
            overwrite: replace the index that is there.
            store: where the table goes, if not into the folder (`store.address`).

        Raises:
            InputError: the folder holds something, or the store's address does.
        """
        check_choice("--metric", metric, metrics.METRICS)
        target = check_target(folder, overwrite, store)
        beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        card = {"regard_index": FORMAT, "dim": embeddings.dim, "metric": metric, "store": store, **origin(embeddings)}
        card["checksum"] = meaning(card)
        try:
            beside.mkdir()
            write_json(beside / CARD, card)
            table = create_store(store, beside, schema_of(embeddings.dim, kinds_of(embeddings.columns)))
            rows = fitted(table.schema, columns(embeddings, paths))
            table.upsert(as_rows(table.schema, rows, embeddings.vectors))
            take_place(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return SearchIndex.open(target, allow_host=store or None)

    @staticmethod
    def open(
        folder: str | Path, version: int | str | None = None, *, allow_host: str | Sequence[str] | None = None
    ) -> "SearchIndex":
        """Open the collection in a folder; one that was being replaced when the process died is put back first.

        Args:
            folder: made by `create` or `regard index`.
            version: a number or tag: the collection as it was then, to search only.
            allow_host: servers (`HOST`, `https://HOST:PORT`) and buckets (`s3://BUCKET`) that may be contacted where
                the card says that the table is there; those at which you made an index are known (`store.allowed`).

        Raises:
            InputError: a table at an address that was not allowed; nothing was contacted. Or no such folder, not an
                index, damaged, or of a newer format.
        """
        settle(Path(folder).resolve())
        path = check_path("index", folder, folder=True)
        guard = SameVectors(path / CARD)
        card = read_json(path / CARD) if (path / CARD).exists() else None
        if not isinstance(card, dict) or "regard_index" not in card:
            raise bad("index", repr(str(folder)), "a folder made by regard index")
        check_record(str(path / CARD), card, KEYS)
        if card["regard_index"] > FORMAT:
            raise bad("index", f"format {card['regard_index']}", f"format {FORMAT} or older", "Update regard.")
        if card["regard_index"] < FORMAT:
            raise bad(
                "index", f"format {card['regard_index']}", f"format {FORMAT}", "Make the index again, with --overwrite."
            )
        store = open_store(card.get("store") or "", path.resolve(), version, allow_host)
        if card.get("checksum", meaning(card)) != meaning(card) or card.get("dim") != dim_of(store.schema):
            raise bad(
                "index",
                f"{str(path / CARD)!r}, which was changed or is of another index",
                "the card that the index was made with",
                "Put a copy of the card back, or make the index again.",
            )
        if isinstance(store, LanceStore):
            guard.card, store.guard = card, guard
        return SearchIndex(path, card, store)

    def add(
        self, embeddings: Embeddings, paths: Sequence[str | Path] | None = None, *, replace: bool = False
    ) -> tuple[int, int]:
        """Add images; one whose id is there already takes its place. Returns how many were new and how many replaced.

        A file that is there under another id, as its folder was named in another way, keeps that id, and what is known
        of it and not given. Columns that the index does not have are added to it. Labels and columns that only the
        index has keep their values, unless another file takes an id.

        Args:
            embeddings: vectors of the same representation, with ids.
            paths: where each image is; by default the column `path` of the embeddings.
            replace: also where an id is there with another path, which is probably another image.

        Raises:
            InputError: changing nothing: vectors of another representation or length, an id that is there with
                another path, a file that is there under an id that cannot be taken or (without `replace`) with
                another label, a column of another kind.
        """
        check_origin("embeddings", self.card, embeddings)
        given = columns(embeddings, paths)
        ids = as_indexed(self.store, given["id"], given["path"])
        renamed = [row for row, (name, own) in enumerate(zip(given["id"], ids)) if name != own]
        given["id"] = ids
        if not replace:
            refuse_others(self.store, ids, given["path"])
        same = same_files(self.store, ids, given["path"]) if replace else range(len(ids))
        keep_unsaid(self.store, given, embeddings, same)
        keep_known(self.store, given, renamed, relabel=replace)
        return _write(self, embeddings, given)

    def update(self, embeddings: Embeddings, paths: Sequence[str | Path] | None = None) -> int:
        """Replace images that are there; raises, changing nothing, where an id is not."""
        self._known(embeddings.ids)
        return self.add(embeddings, paths, replace=True)[1]

    def remove(self, ids: Sequence[str]) -> int:
        """Take images out; raises, changing nothing, where an id is not there. Returns how many were taken out."""
        names = list(dict.fromkeys([ids] if isinstance(ids, str) else map(str, ids)))
        self._known(names)
        return self.store.delete(names)

    def maintain(self) -> tuple[int, int]:
        """Tidy the table up after many changes; returns its size in bytes before and after."""
        return self.store.maintain()

    def tag(self, name: str) -> int:
        """Name the collection as it is now, so that `open(folder, name)` finds it so again; returns the version."""
        return self.store.tag(name)


def put(
    index: SearchIndex, embeddings: Embeddings, marks: Mapping[str, Sequence[Any]] | None = None
) -> tuple[int, int]:
    """Write images under their ids, whatever an index has under these or of these files; otherwise as `add`.

    Args:
        index: the collection.
        embeddings: what is written.
        marks: of vectors that come from other rows: what `protocol.MARKS` says there.
    """
    check_origin("embeddings", index.card, embeddings)
    return _write(index, embeddings, columns(embeddings, None), marks)


def _write(
    index: SearchIndex,
    embeddings: Embeddings,
    given: dict[str, Any],
    marks: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[int, int]:
    fitted(index.store.schema, given)  # a value of another kind is refused before anything is changed
    widen(index.store, embeddings.columns)
    if set(MARKS) <= set(index.store.schema.names):
        given |= marks or {name: [value] * len(embeddings) for name, value in UNMARKED.items()}
    rows = fitted(index.store.schema, given)
    return index.store.upsert(as_rows(index.store.schema, rows, embeddings.vectors))


def check_target(folder: str | Path, overwrite: bool, store: str) -> Path:
    """The folder of a new collection, made; refuses one that holds something, but an index with `overwrite`."""
    settle(Path(folder).resolve())
    clear(Path(folder).resolve().parent)
    target = new_folder("--out", folder).resolve()
    if (target / CARD).exists() and not (overwrite and "regard_index" in read_json(target / CARD)):
        raise bad(
            "--out",
            f"{str(folder)!r}, which holds an index or a run already",
            "a new or empty folder",
            "Add to an index with add, or overwrite it.",
        )
    if store and (target / CARD).exists():
        raise bad("--store", repr(store), "a new index", "A table that is elsewhere is not overwritten.")
    return target
