"""Bring a collection in step with a folder: what is new is embedded, what was moved is not, what is gone goes.

An image is known by the hash of its bytes. A file whose size and time are as they were is not even read. New images are
embedded and written a thousand at a time, so that an update that was interrupted goes on where it was.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.events import Event
from ....core.runtime import threads
from ....data.imageset import ImageSet
from ....representation.embeddings import Embeddings
from ....representation.int8 import alike
from ....representation.pipeline import NothingRead, Piece, open_pipeline
from ....representation.representation import Representation
from ..store.protocol import MARKS, vectors_in
from .contents import look
from .metadata import differing, notes_on, widen
from .search_index import UNMARKED, SearchIndex, put

PIECE = 1000  # images looked at together, and embedded between two writes
Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class Updated:
    """What an update did, as numbers of images.

    Attributes:
        new: embedded, and not there before.
        changed: another file now: embedded anew, or with the vector of an image with the same bytes.
        moved: under another id, with the vector that it had.
        copied: new, with the vector of an image with the same bytes.
        removed: no longer among the images.
        unchanged: left as they were.
        relabelled: the file is the same, its label or another column is not; they keep their vectors.
        set_aside: could not be read; what the collection had of them stays.
        notes: what is to be said of labels and columns: new ones, emptied ones, such as cannot be kept.
    """

    new: int = 0
    changed: int = 0
    moved: int = 0
    copied: int = 0
    removed: int = 0
    unchanged: int = 0
    relabelled: int = 0
    set_aside: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, int]:
        """The numbers, by name."""
        numbers = {name: value for name, value in asdict(self).items() if name != "notes"}
        return numbers | {"set_aside": len(self.set_aside)}


def update(
    index: SearchIndex,
    images: ImageSet,
    representation: Representation | str | Path,
    *,
    remove: bool = True,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Updated:
    """Bring a collection in step with images, and with what is known of them: labels and further columns.

    Args:
        index: the collection.
        images: all that should be in it, under their ids.
        representation: what made the collection's vectors, or its name.
        remove: take out what is not among the images.
        watch: wraps the stream of progress events.
        embed_settings: precision, device, batch ... of `embed`.

    Raises:
        InputError: another representation than the collection's; or, changing nothing, a column that holds values of
            another kind than the collection's column of that name.
    """
    found: list[Updated] = []
    events = _work(index, images, representation, remove, embed_settings, found)
    for _ in watch(events) if watch else events:
        pass
    return found[0]


def _work(
    index: SearchIndex,
    images: ImageSet,
    representation: Representation | str | Path,
    remove: bool,
    settings: dict[str, Any],
    out: list[Updated],
) -> Iterator[Event]:
    before = index.store.schema
    rows = index.store.scan([name for name in before.names if name != "vector"]).to_pylist()
    there = {row["id"]: row for row in rows}
    differs = differing(images, there, before)
    notes = notes_on(images, before, rows)
    widen(index.store, images.columns)
    if index.store.schema != before:
        new = {name: None for name in index.store.schema.names if name not in before.names}
        differs = differing(images, {name: row | new for name, row in there.items()}, index.store.schema)
    by_content = {row["content"]: row["id"] for row in rows if row["content"]}
    wanted = {str(name) for name in images.ids}
    facts: dict[int, dict[str, Any]] = {}
    yield from _look(images, there, facts)
    relabelled = 0
    for place in differs:
        row = there[str(images.ids[place])]
        fact = facts.setdefault(place, {name: row[name] for name in ("content", "size", "mtime")})
        relabelled += fact["content"] in by_content and fact["content"] == row["content"]
    kept = sorted(place for place, fact in facts.items() if fact["content"] in by_content)
    # one that takes another's bytes while its own go to a third: read before anything is written over it
    over = {
        name
        for place in kept
        if (name := str(images.ids[place])) in there and there[name]["content"] != facts[place]["content"]
    }
    fresh = [place for place in kept if str(images.ids[place]) not in there]
    sources = [by_content[facts[place]["content"]] for place in fresh]
    moved = len({name for name in sources if name not in wanted})
    held = _vectors(index, sorted(over & {by_content[facts[place]["content"]] for place in kept}))
    for start in range(0, len(kept), PIECE):
        part = kept[start : start + PIECE]
        _carry_over(index, images.subset(part), [facts[place] for place in part], by_content, held)
    names: list[str] = []
    aside = list(images.set_aside)
    todo = {place: fact for place, fact in facts.items() if fact["content"] not in by_content}
    yield from _embed(index, images, todo, representation, settings, names, aside)
    # a file or folder that cannot be read today is not gone
    unread = {fault["path"] for fault in aside} | set(map(str, images.ids))
    gone = [name for name, row in there.items() if name not in wanted and not _among(unread, name, row["path"] or "")]
    removed = index.remove(gone) - moved if remove and gone else 0
    changed = sum(name in there for name in names)
    out.append(
        Updated(
            new=len(names) - changed,
            changed=changed + len(over),
            moved=moved,
            copied=len(fresh) - moved,
            removed=removed,
            unchanged=len(images) - len(todo) - len(fresh) - len(over) - relabelled,
            relabelled=relabelled,
            set_aside=tuple(aside),
            notes=notes,
        )
    )
    yield Event("done", len(names), len(names))


def _look(images: ImageSet, there: dict[str, Any], facts: dict[int, dict[str, Any]]) -> Iterator[Event]:
    """Put into `facts` what is found of the images that are not as the collection has them."""
    with ThreadPoolExecutor(threads()) as pool:
        for start in range(0, len(images), PIECE):
            part = slice(start, start + PIECE)
            pairs = zip(images.items[part], images.ids[part])
            for place, fact in enumerate(pool.map(lambda pair: look(pair[0], there.get(str(pair[1]))), pairs), start):
                if fact is not None:
                    facts[place] = fact
            if len(images) > PIECE:  # fewer are looked at in no time
                yield Event("look", min(start + PIECE, len(images)), len(images))


def _among(unread: set[str], name: str, path: str) -> bool:
    """Whether an image, its file or a folder above it is among what could not be read."""
    above = {str(folder) for folder in Path(name).parents} - {"."}
    return bool(unread & {name, path, *above})


def _carry_over(
    index: SearchIndex,
    images: ImageSet,
    facts: list[dict[str, Any]],
    by_content: dict[str, str],
    held: "dict[str, _Held]",
) -> None:
    """Write images whose content is there already, under their ids, with the vectors that it has."""
    sources = [by_content[fact["content"]] for fact in facts]
    found = _vectors(index, [name for name in dict.fromkeys(sources) if name not in held]) | held
    vectors = np.stack([found[name].vector for name in sources])
    marks = {name: [found[source].marks[name] for source in sources] for name in MARKS}
    put(index, _described(images, vectors, facts, {}), marks)


@dataclass(frozen=True)
class _Held:
    """A row's vector, and whether it was translated."""

    vector: np.ndarray
    marks: dict[str, Any]


def _vectors(index: SearchIndex, names: list[str]) -> dict[str, _Held]:
    marks = [name for name in MARKS if name in index.store.schema.names]
    rows = index.store.get(names, ["id", *marks, "vector"])
    known = rows.select(marks).to_pylist() if marks else [UNMARKED] * rows.num_rows
    held = (_Held(vector, one) for vector, one in zip(vectors_in(rows), known))
    return dict(zip(rows.column("id").to_pylist(), held))


def _embed(
    index: SearchIndex,
    images: ImageSet,
    facts: dict[int, dict[str, Any]],
    representation: Representation | str | Path,
    settings: dict[str, Any],
    names: list[str],
    aside: list[dict[str, str]],
) -> Iterator[Event]:
    """Embed the images that `facts` tells of and write them, adding to `names` and to what is set `aside`."""
    aside += [_fault(images, place) for place, fact in facts.items() if not fact["content"]]
    places = [place for place, fact in facts.items() if fact["content"]]
    if not places:
        return
    yield Event("index", 0, len(places), text=f"{len(places)} of {len(images)} images are to be embedded")
    part = replace(images.subset(places), set_aside=())  # what the folder set aside is told already
    settings = settings | {"precision": alike(index.card, settings.get("precision", "auto"))}
    pipeline = open_pipeline(part, representation, layer=index.card.get("layer"), **settings)
    waiting: list[Piece] = []

    def write() -> None:
        rows = np.concatenate([piece.rows for piece in waiting])
        vectors = np.concatenate([piece.vectors for piece in waiting])
        known = [facts[places[row]] for row in rows]
        made = _described(part.subset(rows), vectors, known, pipeline.card(len(rows)))
        put(index, made)
        names.extend(str(name) for name in made.ids)
        waiting.clear()

    try:
        for piece in pipeline:
            waiting.append(piece)
            if sum(len(one.rows) for one in waiting) >= PIECE:
                write()
            yield Event("index", piece.through, len(places))
    except NothingRead:
        pass  # each is in what the pipeline set aside
    if waiting:
        write()
    aside += pipeline.set_aside
    for text in pipeline.sentences():
        yield Event("note", text=text)


def _fault(images: ImageSet, row: int) -> dict[str, str]:
    return {"path": images.called(row), "cause": "cannot be read"}


def _described(
    images: ImageSet, vectors: np.ndarray, facts: list[dict[str, Any]], card: Mapping[str, Any]
) -> Embeddings:
    known = {name: np.array([fact[name] for fact in facts]) for name in ("content", "size", "mtime")}
    return Embeddings(vectors, images.ids, images.labels, card, {**images.columns, "path": images.paths, **known})
