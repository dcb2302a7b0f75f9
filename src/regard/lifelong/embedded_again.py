"""Images of an index embedded with another representation, a piece at a time, so that a killed run goes on.

Each piece is a file in a work folder: which images were asked for, and the vectors of those that could be read and are
still the files that the index knows. What is there is not asked for again, and pieces have the same images after a kill
as without one, so that their vectors are the same to the last bit.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..core.events import Event
from ..core.runtime import threads
from ..core.storage import read_json, replacing, write_json
from ..data.imageset import ImageSet
from ..representation.embed import embed
from ..representation.pipeline import NothingRead
from ..representation.representation import Representation
from ..representation.vector_files import check_members
from ..reuse.search.index.contents import facts_of
from ..reuse.search.index.record import origin
from ..reuse.search.store.lance import LanceStore

PIECE = 500  # images embedded between two files
MADE = "made.json"


class Again:
    """What was embedded again.

    Attributes:
        asked: ids, in the order in which they were asked for.
        vectors: by id, of those that could be embedded.
        contents: by id, the hash of the bytes that they are of.
        aside: {path, cause} of the others.
    """

    def __init__(
        self,
        folder: Path,
        store: LanceStore,
        rep: Representation,
        settings: dict[str, Any],
        items: Mapping[str, Path | np.ndarray] | None = None,
    ) -> None:
        """Nothing is embedded yet.

        Args:
            folder: for the pieces.
            store: the index's table.
            rep: what embeds.
            settings: of `embed`.
            items: images by id, where they are not taken from the files that the index names.
        """
        self.folder, self.store, self.rep, self.settings, self.items = folder, store, rep, settings, items
        self.asked: list[str] = []
        self.vectors: dict[str, np.ndarray] = {}
        self.contents: dict[str, str] = {}
        self.aside: list[dict[str, str]] = []

    @property
    def made(self) -> dict[str, Any]:
        """What a card says of the vectors; nothing as long as there are none."""
        path = self.folder / MADE
        return dict(read_json(path)) if path.exists() else {}

    def fits(self, name: str, content: str | None) -> bool:
        """Whether an image was embedded, from the bytes that a row is of."""
        return name in self.vectors and content in ("", None, self.contents[name])

    def embed(self, stage: str, order: Sequence[str], wanted: int) -> Iterator[Event]:
        """Embed `wanted` images, the first in this order that can be; what an earlier run did counts."""
        have = 0
        for path in sorted(self.folder.glob(f"{stage}-*.npz")):
            have += self._take(path)
        yield Event(stage, have, wanted)
        before = set(self.asked)
        rest = [name for name in order if name not in before]
        number = len(list(self.folder.glob(f"{stage}-*.npz")))
        while rest and have < wanted:
            many = min(PIECE, wanted - have)
            names, rest = rest[:many], rest[many:]
            path = self.folder / f"{stage}-{number:06d}.npz"
            self._make(path, names)
            have, number = have + self._take(path), number + 1
            yield Event(stage, have, wanted)

    def _item(self, name: str, path: str | None) -> Path | np.ndarray | None:
        """An image of the index; None where nobody knows where it is."""
        if self.items is not None:
            return self.items.get(name)
        return Path(path) if path else None

    def _make(self, path: Path, names: list[str]) -> None:
        rows = self.store.get(names, ["id", "path", "content"]).to_pylist()
        known = {row["id"]: row for row in rows}
        items = {name: self._item(name, known[name]["path"]) for name in names if name in known}
        found = {name: item for name, item in items.items() if item is not None}
        with ThreadPoolExecutor(threads()) as pool:
            contents = dict(zip(found, (fact["content"] for fact in pool.map(facts_of, found.values()))))
        right = [name for name, now in contents.items() if now and known[name]["content"] in ("", None, now)]
        aside = [
            {"path": name, "cause": "is another file now: update the index" if contents[name] else "cannot be read"}
            for name in found
            if name not in right
        ]
        aside += [{"path": name, "cause": "its file is not known"} for name in names if name not in found]
        ids, vectors = np.zeros(0, str), np.zeros((0, 1), np.float32)
        if right:
            try:
                made = embed(ImageSet([found[name] for name in right], np.array(right)), self.rep, **self.settings)
                ids, vectors = made.ids, made.vectors
                aside += made.card["set_aside"]
                if not self.made:
                    write_json(self.folder / MADE, origin(made))
            except NothingRead:
                aside += [{"path": name, "cause": "cannot be read"} for name in right]
        with replacing(path) as beside, open(beside, "wb") as file:
            np.savez(
                file,
                asked=np.array(names),
                ids=ids,
                contents=np.array([contents[str(name)] for name in ids], str),
                vectors=vectors,
                aside=np.array([(one["path"], one["cause"]) for one in aside], str).reshape(-1, 2),
            )

    def _take(self, path: Path) -> int:
        """Read a piece; how many images it holds."""
        with zipfile.ZipFile(path) as archive:
            check_members(path, archive)
        with np.load(path, allow_pickle=False) as piece:
            ids = piece["ids"].tolist()
            self.asked += piece["asked"].tolist()
            self.vectors.update(zip(ids, piece["vectors"]))
            self.contents.update(zip(ids, piece["contents"].tolist()))
            self.aside += [{"path": name, "cause": cause} for name, cause in piece["aside"].tolist()]
        return len(ids)
