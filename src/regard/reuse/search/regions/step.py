"""Regions in step with their index: what is new is embedded, what was moved is not, what is gone goes.

A thousand images at a time, so that an interrupted run goes on. Regions are whitened before they are kept, by a step
that is learned once, from the first thousand images (drawn at random): what all regions of a collection share rules
their cosines even more than those of whole images.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import InputError, bad
from ....core.events import Event
from ....core.runtime import numpy_rng, threads
from ....data.imageset import ImageSet
from ....representation.embed import Watch, embed
from ....representation.int8 import made_as, not_int8
from ....representation.pipeline import NothingRead
from ....representation.representation import Representation
from ....representation.transform.steps import L2, Chain, Step
from ....representation.transform.whitening import fit_whitening
from ..index.contents import facts_of
from ..index.search_index import SearchIndex
from ..store.lance import ROWS_A_VERSION, LanceStore
from ..store.protocol import vectors_in
from .grid import LEVELS, Regions, regions_of
from .table import AGAIN, APART, check_same, create, has_regions, keys, opened, write

PIECE = 1000  # images embedded between two writes
DIM = 512  # numbers that a region's vector keeps at most


@dataclass(frozen=True)
class Stepped:
    """What bringing regions in step did, as numbers of images.

    Attributes:
        images: that have regions now.
        embedded: whose regions were made.
        carried: whose regions were there, under another id with the same bytes.
        removed: whose regions went.
        set_aside: images without regions, each with the cause.
        note: what is to be said; "" mostly.
    """

    images: int
    embedded: int = 0
    carried: int = 0
    removed: int = 0
    set_aside: tuple[dict[str, str], ...] = ()
    note: str = ""


def in_step(
    index: SearchIndex,
    representation: Representation | str | Path | None = None,
    *,
    levels: int | None = None,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Stepped:
    """Make the regions of an index's images, or bring them in step with it. O(what changed), after a look at all ids.

    Args:
        index: made from image files.
        representation: by default what made the regions, else what made the index.
        levels: of regions (`grid.py`); by default as they are, else 3.
        watch: wraps the stream of progress events.
        embed_settings: precision, device, batch of `embed`.

    Raises:
        InputError: another representation or other levels than those that are there were made with; none of the
            images can be read.
    """
    store, card, step = opened(index.folder) if has_regions(index.folder) else (None, {}, None)
    rep = index.representation(representation, card or None)
    regions = regions_of(rep, levels or card.get("levels") or LEVELS)
    if card:
        check_same(card, rep, regions)
    elif index.card.get("fingerprint") not in (None, made_as(index.card, rep.fingerprint)):
        raise bad("--with", rep.name, f"the representation of the index ({index.card.get('representation')})")
    work = _Work(index, rep, regions, levels or LEVELS, store, step)
    # regions are not quantised: they are of other sizes, of which nothing was measured
    embed_settings["precision"] = not_int8(embed_settings.get("precision", "auto"))
    events = work.run(embed_settings)
    for _ in watch(events) if watch else events:
        pass
    return work.done()


@dataclass
class _Work:
    """One pass: `run` does it, `done` says what was done."""

    index: SearchIndex
    rep: Representation
    regions: Regions
    levels: int
    store: LanceStore | None
    step: Step | None
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    aside: list[dict[str, str]] = field(default_factory=list)
    embedded: int = 0
    carried: int = 0

    def run(self, settings: dict[str, Any]) -> Iterator[Event]:
        self.rows = {row["id"]: row for row in self.index.store.scan(["id", "content", "path"]).to_pylist()}
        have: dict[str, str] = {}
        if self.store is not None:
            known = self.store.scan(["image", "content"], "part = 0")
            have = dict(zip(known.column("image").to_pylist(), known.column("content").to_pylist()))
        missing = [name for name in self.rows if have.get(name) != self._content(name)]
        self.gone = [name for name in have if name not in self.rows]
        by_content = {content: name for name, content in have.items() if content}
        copies = [name for name in missing if self._content(name) in by_content]
        fresh = [name for name in missing if self._content(name) not in by_content]
        many = max(1, min(PIECE, ROWS_A_VERSION // len(self.regions.parts_R4)))  # so that a piece is one write
        for start in range(0, len(copies), many):
            fresh += self._carry(copies[start : start + many], by_content)
        # at random, as the whitening is learned from the first piece
        fresh = [fresh[place] for place in numpy_rng(0, "regions").permutation(len(fresh))]
        for start in range(0, len(fresh), many):
            yield Event("regions", start, len(fresh))
            self._embed(fresh[start : start + many], settings)
        if self.store is None:
            causes = ", ".join(dict.fromkeys(fault["cause"] for fault in self.aside))
            raise bad("--regions", f"{len(self.rows)} images ({causes or 'empty'})", "an index of image files")
        if self.gone:
            # an image's first region goes last: as long as that is there, the others are looked for
            many = len(self.regions.parts_R4)
            self.store.delete([f"{name}{APART}{part}" for part in reversed(range(many)) for name in self.gone])
        if missing or self.gone:
            self.store.maintain()
        yield Event("done", len(fresh), len(fresh))

    def done(self) -> Stepped:
        store, card, _ = opened(self.index.folder)
        learned, now, note = card["learned_from"], store.count("part = 0"), ""
        if learned < PIECE and now > 4 * learned:
            note = f"The whitening of the regions was learned from {learned} images, and there are {now}. {AGAIN}"
        return Stepped(now, self.embedded, self.carried, len(self.gone), tuple(self.aside), note)

    def _content(self, name: str) -> str:
        return self.rows[name]["content"] or ""

    def _carry(self, names: list[str], by_content: dict[str, str]) -> list[str]:
        """Write images whose bytes have regions already, under their ids; return those of which some are lost."""
        assert self.store is not None
        many = len(self.regions.parts_R4)
        sources = {name: by_content[self._content(name)] for name in names}
        rows = self.store.get(keys(dict.fromkeys(sources.values()), many), ["id", "vector"])
        vectors = dict(zip(rows.column("id").to_pylist(), vectors_in(rows)))
        taken = {name: [vectors.get(key) for key in keys([source], many)] for name, source in sources.items()}
        whole = [name for name in names if all(vector is not None for vector in taken[name])]
        if whole:
            write(self.store, {name: self._content(name) for name in whole}, np.array([taken[name] for name in whole]))
        self.carried += len(whole)
        return [name for name in names if name not in whole]

    def _embed(self, names: list[str], settings: dict[str, Any]) -> None:
        paths = {name: Path(self.rows[name]["path"]) for name in names if self.rows[name]["path"]}
        self.aside += [{"path": name, "cause": "its file is not known"} for name in names if name not in paths]
        with ThreadPoolExecutor(threads()) as pool:
            contents = dict(zip(paths, (fact["content"] for fact in pool.map(facts_of, paths.values()))))
        right = [name for name, content in contents.items() if content and self._content(name) in ("", content)]
        for name in paths.keys() - set(right):
            cause = "is another file now: update the index" if contents[name] else "cannot be read"
            self.aside.append({"path": name, "cause": cause})
        if not right:
            return
        images = ImageSet([paths[name] for name in right], np.array(right))
        # not in the cache of vectors besides: the table is what keeps them
        try:
            made = embed(images, self.regions.collection, **{"cache": False} | settings)
        except NothingRead:
            self.aside += [{"path": name, "cause": "cannot be read"} for name in right]
        else:
            self.aside += made.card["set_aside"]
            apart = self.regions.apart(made.vectors)
            flat = apart.reshape(-1, self.regions.channels)
            if self.step is None or self.store is None:
                self.step = _whitening(flat)
                create(self.index.folder, self.rep, self.regions, self.step, self.levels, len(made))
                self.store = opened(self.index.folder)[0]
            whitened = self.step.apply(flat.astype(np.float64)).astype(np.float32)
            contents = {str(name): self._content(str(name)) for name in made.ids}
            write(self.store, contents, whitened.reshape(*apart.shape[:2], -1))
            self.embedded += len(made)


def _whitening(flat_MC: np.ndarray) -> Step:
    """Learned from regions; only length 1 where they are too few or all alike."""
    try:
        return fit_whitening(flat_MC, None, DIM if flat_MC.shape[1] > DIM else None)
    except InputError:
        return Chain((L2(),))
