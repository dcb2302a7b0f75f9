"""Pictures through threads and the network, in order: what `embed` and an index's update consume.

Reading, hashing, decoding and preprocessing run in a thread pool, the network beside it. At most a few batches are
under way at once, so memory does not grow with the number of images.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.checks import InputError, bad, check_number
from ..core.storage import cache_folder, hash_json
from ..data._room import room_for
from ..data.decode import CLEAR, NOTES, DecodeError, content_hash, decode, read
from ..data.imageset import ImageSet
from ..data.sources import open_images
from .embeddings import check_columns
from .int8 import Chosen, Watch, settle
from .named import named
from .runner import LayerName, Runner, as_layer, make_runner
from .vector_cache import VectorCache

if TYPE_CHECKING:
    from .representation import Representation

Images = ImageSet | str | Path | np.ndarray | Sequence[Any]  # whatever `open_images` takes

COMMIT = 256  # vectors to a commit of the cache: what a kill can lose
DECODER = "torchcodec+pillow 3"  # a part of the cache's key: another decoder gives slightly other vectors
NOTED = "told-1"  # the cache of what was told of pictures, by content: one that is not decoded again is told of, too


class NothingRead(InputError):
    """None of the images can be read."""


@dataclass(frozen=True)
class Piece:
    """Some vectors: `through` images are done, and these are the vectors (k, D) of the images at `rows` (k,)."""

    through: int
    rows: np.ndarray
    vectors: np.ndarray


@dataclass
class Pipeline:
    """One pass over the images; iterate once, then read `set_aside`, `noted` and `from_cache`."""

    images: ImageSet
    representation: "Representation"
    runner: Runner
    batch: int
    layer: LayerName = None
    cache: bool = True
    chosen: Chosen = field(default_factory=Chosen)
    set_aside: list[dict[str, str]] = field(default_factory=list)
    noted: dict[str, list[str]] = field(default_factory=dict)
    from_cache: int = 0
    _told: dict[int, list[str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Piece]:
        """Give the vectors in the order of the images; raise InputError at the end if no image could be read."""
        key = hash_json([self.representation.network_fingerprint, self.layer, self.runner.name, self.batch, DECODER])
        store = VectorCache(key) if self.cache else None
        notes = VectorCache(NOTED, cache_folder() / "notes") if self.cache else None
        fresh: dict[str, np.ndarray] = {}
        fresh_notes: dict[str, np.ndarray] = {}
        kept = 0
        try:
            for group, made in self.runner.run(self._batches(store, notes)):
                new, rows, vectors = iter(made), [], []
                for place, kind, value in group:
                    if kind == "fault":
                        self.set_aside.append({"path": self.images.called(place), "cause": value})
                        continue
                    vector = value if kind == "vector" else next(new)
                    told = self._told.pop(place, [])
                    for note in told:
                        self.noted.setdefault(note, []).append(self.images.called(place))
                    if kind == "pixels":
                        fresh[value] = vector
                        fresh_notes |= {value: np.array([NOTES.index(note) for note in told])} if told else {}
                    self.from_cache += kind == "vector"
                    rows.append(place)
                    vectors.append(vector)
                if store and notes and len(fresh) >= COMMIT:
                    notes.put(fresh_notes)
                    store.put(fresh)
                    fresh_notes.clear()
                    fresh.clear()
                kept += len(rows)
                if rows:
                    yield Piece(group[-1][0] + 1, np.array(rows), self._transformed(np.stack(vectors)))
        finally:
            if store and notes:
                notes.put(fresh_notes)
                store.put(fresh)
                notes.close()
                store.close()
        if not kept:
            self._nothing_read()

    def card(self, embedded: int) -> dict[str, Any]:
        """What made these vectors, and how many they are: known when the pass has ended."""
        return {
            "representation": self.representation.name,
            "loaded_from": self.representation.loaded_from,
            "fingerprint": self.chosen.fingerprint(self.representation.fingerprint),
            "runner": self.runner.name,
            "runner_note": self.runner.note,
            "precision": self.chosen.precision,
            "int8": self.chosen.card,
            "decoder": DECODER,
            "layer": self.layer,
            "images": embedded,
            "images_given": len(self.images),
            "from_cache": self.from_cache,
            "set_aside": self.set_aside,
            "notes": [
                *self.images.notes,
                *({"note": note, "images": len(names), "first": names[0]} for note, names in self.noted.items()),
            ],
        }

    def sentences(self) -> list[str]:
        """Passed over, of int8, and noted of pictures that were read, a line a kind: known when the pass has ended."""
        said = self.images.sentences()
        said += [self.chosen.note] if self.chosen.note else []
        return said + [f"{len(names)} image(s) {note}, such as {names[0]}" for note, names in self.noted.items()]

    def _transformed(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors as the representation gives them; the cache keeps them as the network does."""
        step = self.representation.transform
        # in double precision, so that rounding does not depend on how many are changed at once
        return vectors if step is None else step.apply(vectors.astype(np.float64)).astype(np.float32)

    def _batches(
        self, store: VectorCache | None, notes: VectorCache | None
    ) -> Iterator[tuple[list[tuple[int, str, Any]], np.ndarray]]:
        """Group images; those that need the network fill a batch, the others ride along in their order."""
        shape = (0, 3, *self.representation.preprocess.shape)
        group: list[tuple[int, str, Any]] = []
        pixels: list[np.ndarray] = []
        for place, (kind, value) in enumerate(self._prepared(store, notes)):
            if kind == "pixels":
                pixels.append(value[1])
                value = value[0]
            group.append((place, kind, value))
            if len(pixels) == self.batch or len(group) >= COMMIT:
                yield group, np.stack(pixels) if pixels else np.zeros(shape, np.uint8)
                group, pixels = [], []
        if group:
            yield group, np.stack(pixels) if pixels else np.zeros(shape, np.uint8)

    def _prepared(self, store: VectorCache | None, notes: VectorCache | None) -> Iterator[tuple[str, Any]]:
        workers = self.images.readers
        with ThreadPoolExecutor(workers, "regard-decode") as pool:
            ahead: list[Future[tuple[str, Any]]] = []
            items = enumerate(self.images.items)
            try:
                for _ in range(len(self.images)):
                    while len(ahead) < 2 * workers + self.batch and (item := next(items, None)) is not None:
                        ahead.append(pool.submit(self._safely, *item, store, notes))
                    yield ahead.pop(0).result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _safely(
        self, place: int, item: Path | np.ndarray, store: VectorCache | None, notes: VectorCache | None
    ) -> tuple[str, Any]:
        """As `_prepare`, with no more than the memory there is: one picture that is too much does not end the run."""
        try:
            with room_for(item):
                return self._prepare(place, item, store, notes)
        except (MemoryError, RecursionError):
            return "fault", "too little memory to read it"

    def _prepare(
        self, place: int, item: Path | np.ndarray, store: VectorCache | None, notes: VectorCache | None
    ) -> tuple[str, Any]:
        """One image: ("vector", the kept vector), ("pixels", (hash, array)) or ("fault", the cause)."""
        try:
            content = read(item)
            key = content_hash(content)
            kept = store.get(key) if store else None
            if kept is not None:
                codes = notes.get(key) if notes else None
                if codes is not None:
                    self._told[place] = [NOTES[int(code)] for code in codes if 0 <= code < len(NOTES)]
                return "vector", kept
            steps = self.representation.preprocess
            told: list[str] = []
            decoded = decode(content, steps.decode_side, told)
            if CLEAR in told:
                return "fault", CLEAR
            if told:
                self._told[place] = told
            return "pixels", (key, steps.apply(decoded).numpy())
        except DecodeError as error:
            return "fault", str(error)

    def _nothing_read(self) -> None:
        if not self.set_aside:
            raise InputError(f"IMAGES: {self.images.name} holds no images")
        first = self.set_aside[0]
        raise NothingRead(
            f"IMAGES: none of the {len(self.images)} images in {self.images.name} can be read "
            f"(first: {first['path']}: {first['cause']})"
        )


def open_pipeline(
    images: Images,
    representation: "Representation | str | Path",
    *,
    layer: LayerName = None,
    precision: str | Chosen = "auto",
    device: str = "auto",
    batch: int = 8,
    cache: bool = True,
    shard: tuple[int, int] = (0, 1),
    watch: Watch | None = None,
) -> Pipeline:
    """Open images and a representation for one pass; the arguments, and what they raise, are those of `embed`.

    `watch` takes notes from before the pass; the pass itself gives pieces, of which the caller makes events.
    """
    check_number("batch", batch, 1, 4096, whole=True)
    check_number("--shard", shard[1], 1, whole=True)
    check_number("--shard", shard[0], 0, shard[1] - 1, whole=True)
    found = open_images(images)
    check_columns(found.columns)
    if len(found) <= shard[0]:
        raise InputError(f"--shard {shard[0]}/{shard[1]}: empty, as there are only {len(found)} images.")
    rep = named(representation) if isinstance(representation, str | Path) else representation
    layer = as_layer(layer)
    if isinstance(layer, str):
        rep, layer = rep.at(layer), None
    if layer is not None and (rep.pooled or rep.transform):
        raise bad("--layer", layer, f"none, as {rep.name} pools or whitens its last map", "Use the one it was made of.")
    # of all images, so that shards are calibrated alike
    chosen = settle(precision, found, rep, layer=layer, batch=batch, device=device, watch=watch)
    if shard[1] > 1:
        found = found.subset(slice(shard[0], None, shard[1]))
    runner = make_runner(
        rep.encoder,
        layer=layer,
        size=rep.preprocess.size,
        batch=batch,
        precision=chosen.precision,
        device=device,
        key=hash_json([rep.network_fingerprint, layer]),
        pooled=rep.pooled,
    )
    return Pipeline(found, rep, runner, batch, layer, cache, chosen, list(found.set_aside))
