"""`regard.duplicates`: copies in a collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import InputError, check_choice
from ..core.runtime import measured
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..report.html import Table, check_page
from ..reuse.duplicates.find import KINDS, Duplicates, Pair, find_duplicates
from ..reuse.duplicates.groups import REMEMBERED
from ..reuse.duplicates.of_index import images_of
from ..reuse.duplicates.summary import counts, told_counts, why
from ..reuse.search.index.atomic_replace import CARD
from ..reuse.search.index.search_index import SearchIndex
from ..reuse.search.query.searcher import Searcher
from ._decisions import Remembering, about_decisions
from ._given import SHOWN, Words, given_images, named, words
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Copies(Result):
    """Copies that were found.

    Attributes:
        index: what was looked at, as it was named.
        images: all of them.
        found: all pairs and groups.
        pairs: those of the kinds that were asked for, by kind.
        limit: groups and pairs that are shown of each kind.
        decides: whether it is an index, which remembers what is decided.
        out: the page that was written, or None.
    """

    verb: ClassVar[str] = "duplicates"
    index: str
    images: ImageSet
    found: Duplicates
    pairs: Mapping[str, Sequence[Pair]]
    limit: int
    decides: bool
    out: Path | None = None

    def told(self) -> Mapping[str, object]:
        """All pairs of the kinds that were asked for, all groups, and which image is a part of which."""
        listed = [
            {"kind": one.kind, "score": one.score, "a": one.a, "b": one.b, "evidence": dict(one.evidence)}
            for pairs in self.pairs.values()
            for one in pairs
        ]
        parts = [
            {"part": one.a, "whole": one.b} if one.evidence["part"] == "a" else {"part": one.b, "whole": one.a}
            for one in self.found.pairs
            if one.kind == "same photo" and "part" in one.evidence
        ]
        return {"pairs": listed, "groups": self.found.groups, "parts": parts}

    def shown(self) -> Iterator[str | Table]:
        """A row for each pair with what speaks for it, and how many there are."""
        rows = [
            [one.kind, one.score, one.a, one.b, why(one)]
            for pairs in self.pairs.values()
            for one in pairs[: self.limit]
        ]
        if rows:
            yield Table(["kind", "score", "image", "image", "why"], rows)
        yield told_counts(self.found, self.pairs)
        for name, pairs in self.pairs.items():
            if len(pairs) > self.limit:
                yield f"{name}: {len(pairs)} pairs, of which {len(pairs) - self.limit} are not shown; see --limit"
        if not self.decides:
            yield "note: these are images, not an index: crops, small turns and other views were not looked for."
        for fault in self.set_aside[:SHOWN]:
            yield f"set aside: {fault['path']}: {fault['cause']}"
        if self.out is not None:
            yield f"pictures: {self.out}"

    def rows(self) -> Table:
        """All pairs of the kinds that were asked for."""
        pairs = [one for several in self.pairs.values() for one in several]
        rows = [[one.kind, one.score, one.a, one.b, why(one)] for one in pairs]
        return Table(["kind", "score", "a", "b", "why"], rows)

    def write_page(self, path: Path) -> None:
        """The copies side by side; of an index with choices, which make the file that `decide` reads."""
        from ..pages.duplicates import write_duplicates_page

        write_duplicates_page(path, self.index, self.images, self.found, self.pairs, self.limit, decide=self.decides)


@verb
def duplicates(
    index: Any,
    pair: Sequence[str] | None = None,
    *,
    decide: str | Path | None = None,
    skip_gone: bool = False,
    decisions: bool = False,
    undo: tuple[str, str] | None = None,
    kind: Words = "identical,same-photo,same-scene",
    radius: int = 10,
    mirror: bool = True,
    limit: int = 200,
    out: str | Path | None = None,
    allow_host: str | Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Copies | Remembering:
    """Find copies in a collection: the same file, the same photo changed, and other photos of the same scene.

    Same photo: compressed, resized, lit, captioned, cropped, turned or mirrored. Same scene: one thing photographed
    twice, or one photo with something changed. Each pair says why. Groups hold copies of one another; what is a part
    of another image is told apart. What you decide about a pair holds after a file is renamed or moved.

    Args:
        index: a folder made by `regard.index`, or a `SearchIndex`; or images: a folder, a table, an `ImageSet`, a list
            of paths or arrays, in which crops, small turns and other views are not looked for. It does not take
            vectors, as copies are told by pixels.
        pair: two ids, with `decide`.
        decide: remember that the two are the `same`, or `different`; or all that a .json or .csv file says of pairs.
        skip_gone: with a file: pass over images that the index does not have.
        decisions: list what is remembered.
        undo: two ids: take back what was decided about them.
        kind: what is shown: identical, same-photo, same-scene; one or more, as "a,b" or a list.
        radius: bits in which hashes of candidates may differ.
        mirror: look for mirrored copies, too.
        limit: groups and pairs that are shown of each kind.
        out: show them as pictures in this .html; `to_html` does so later, too.
        allow_host: where the index's table may be, if not in its folder.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Returns:
        The copies; with decide, decisions or undo what was done with the decisions.

    Raises:
        InputError: fewer than two images, what does not go together, and as `find_duplicates`.
    """
    names = {one.replace(" ", "-"): one for one in KINDS}
    kinds = [names[check_choice("--kind", one, names)] for one in words(kind) or [""]]
    if out is not None:
        check_page("--out", out)
    if pair or decide is not None or decisions or undo is not None:
        folder = index.folder if isinstance(index, Searcher) else index
        return about_decisions(folder, list(pair or ()), decide, skip_gone, decisions, undo, allow_host)
    called = str(index.folder) if isinstance(index, Searcher) else named(index)
    if isinstance(index, Searcher) or _is_index(index):
        there = index if isinstance(index, Searcher) else SearchIndex.open(index, allow_host=allow_host)
        images, vectors = images_of(there, called)
        remembered: dict[str, Any] = {"vectors": vectors, "decisions": there.folder / REMEMBERED}
    else:
        images, remembered = open_images(given_images("INDEX", index), argument="INDEX"), {}
    if len(images) < 2:
        raise InputError(f"INDEX: {called!r} holds {len(images)} image(s); expected at least two.")
    with measured() as cost:
        watch = watch_of(progress, "duplicates")
        found = find_duplicates(images, radius=radius, mirror=mirror, watch=watch, **remembered)
    metrics = {"images": len(images), **counts(found), "set_aside": len(found.set_aside), "seconds": cost.seconds}
    copies = Copies(
        index=called,
        images=images,
        found=found,
        pairs={one: [pair for pair in found.pairs if pair.kind == one] for one in kinds},
        limit=limit,
        decides=bool(remembered),
        out=None if out is None else Path(out),
        metrics=metrics,
        set_aside=list(found.set_aside),
    )
    if copies.out is not None:
        copies.write_page(copies.out)
    return copies


def _is_index(given: object) -> bool:
    return isinstance(given, str | Path) and (Path(given) / CARD).exists()
