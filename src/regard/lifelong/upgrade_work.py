"""The steps of an upgrade, in order: embed a few images, learn the map, embed the worst rows, write, take the place."""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import RunError, bad
from ..core.events import Event
from ..core.runtime import numpy_rng
from ..core.storage import write_json
from ..learning.bridge import Bridge
from ..representation.representation import Representation
from ..representation.transform.steps import Step
from ..reuse.search.index.atomic_replace import take_place
from ..reuse.search.index.record import meaning
from ..reuse.search.index.search_index import CARD, FORMAT, SearchIndex
from ..reuse.search.regions.table import has_regions
from ..reuse.search.store.lance import LanceStore
from ..reuse.search.store.protocol import MARKS, vectors_in
from .embedded_again import Again
from .translate import FEWEST, Translation, learn_translation
from .upgrade_others import Others, teaching
from .upgrade_rows import fill, freshen
from .upgrade_worth import Worth, among_others, worth_of

# pairs, where their number is not given: what a map of a thousand numbers needs hardly depends on the index
SHARE, LEAST, MOST = 0.05, 512, 4000
OTHERS = 5000  # rows among which pairs are searched, to see whether the index loses
TRIES = 3  # to write an index that others change meanwhile


@dataclass(frozen=True)
class Upgraded:
    """What was done.

    Attributes:
        index: of the new representation.
        before: the old one's card.
        pairs: images that the map was learned from; 0 where none was learned.
        reextracted: rows that were embedded with the new representation by this run, the pairs among them.
        translated: rows that are translated now.
        translation: the map; None where all rows were embedded, or an earlier run's map made them.
        worth: what the translated rows are worth; None where there is no map.
        set_aside: images that could not be embedded; their rows are translated.
        notes: what is to be said.
        also: other images that taught the map.
    """

    index: SearchIndex
    before: Mapping[str, Any]
    pairs: int
    reextracted: int
    translated: int
    translation: Translation | None
    worth: Worth | None
    set_aside: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    also: int = 0


def has_translated(index: SearchIndex) -> int:
    """How many rows of an index are translated."""
    return index.store.count("translated") if set(MARKS) <= set(index.store.schema.names) else 0


@dataclass
class Work:
    """One upgrade; `run` does it. For what the attributes are see `upgrade.upgrade`."""

    index: SearchIndex
    store: LanceStore
    rep: Representation
    again: Again
    budget: int
    pairs: int | None
    by: str
    target: Path
    seed: int
    others: Others | Bridge | None = None

    def run(self, found: list[Upgraded]) -> Iterator[Event]:
        """Do it, telling how far it is; what was done goes into `found`."""
        if self.index.card.get("fingerprint") == self.rep.fingerprint:
            yield from self._go_on(found)
            return
        rows = self.store.scan(["id", "path"])
        ids, paths = (rows.column(name).to_pylist() for name in ("id", "path"))
        files = sorted(name for name, path in zip(ids, paths) if self._there(name, path))
        if not files:
            what = "an index of image files" if self.again.items is None else "images with the ids of the index"
            raise bad("INDEX", "images whose files are not known", what, "Name the images with --images.")
        wanted = self.pairs or min(max(LEAST, math.ceil(SHARE * len(ids))), MOST)
        order = [files[place] for place in numpy_rng(self.seed, "pairs").permutation(len(files))]
        yield from self.again.embed("pairs", order, min(wanted, len(files)))
        pairs = list(self.again.vectors)
        translation = self._learned(pairs, len(ids))
        if translation is not None and self.budget:
            yield Event("note", text=f"map: {translation.name}, learned from {len(pairs)} images")
            worst = self._worst(translation)
            yield from self.again.embed("worst", worst, min(self.budget, len(worst)))
        worth = None if translation is None else self._worth(pairs, translation)
        self._refuse_harm(worth)
        notes = self._notes(translation, worth)
        before = dict(self.index.card)
        self._written(translation, len(pairs))
        index = SearchIndex.open(self.target)
        taught = 0 if translation is None else len(pairs)
        found.append(told(index, before, taught, len(self.again.vectors), translation, worth, self.again.aside, notes))
        yield Event("done", len(ids), len(ids))

    def _go_on(self, found: list[Upgraded]) -> Iterator[Event]:
        """Embed more rows of an index that is of this representation, in their place."""
        rows = self.store.scan(["id", "path", "translation_error"], "translated").to_pylist()
        order = [row["id"] for row in sorted(rows, key=lambda row: (-row["translation_error"], row["id"]))]
        yield from self.again.embed("worst", order, self.budget)
        done = freshen(self.store, self.again)
        self.index.maintain()
        before = self.index.card["upgrade"]["from"]
        found.append(told(self.index, before, reextracted=done, aside=self.again.aside))
        yield Event("done", done, done)

    def _learned(self, pairs: list[str], rows: int) -> Translation | None:
        """The map; None where all rows were embedded, so that none is needed."""
        if len(pairs) == rows:
            return None
        if len(pairs) < FEWEST:
            why = f"; first: {self.again.aside[0]['path']}: {self.again.aside[0]['cause']}" if self.again.aside else ""
            raise bad("INDEX", f"{len(pairs)} images that can be embedded{why}", f"at least {FEWEST} to learn from")
        old, new = self._through(self._old(pairs)), np.stack([self.again.vectors[name] for name in pairs])
        cosine, also = self.index.card["metric"] == "cosine", None
        if self.others is not None:
            contents = {self.again.contents[name] for name in pairs}
            was, now = teaching(self.others, contents, self._old(pairs), new)
            also = (self._through(was), now) if len(was) else None
        return learn_translation(old, new, cosine=cosine, also=also)

    def _through(self, old_ND: np.ndarray) -> np.ndarray:
        """Old vectors as the map takes them: by the new transform, where only that is new, and so known already."""
        return old_ND if self._known is None else self._known.apply(old_ND)

    @cached_property
    def _known(self) -> Step | None:
        """The new transform, where the old vectors are what the new one's network gives."""
        card = self.index.card
        same = card.get("layer") is None and card.get("fingerprint") == self.rep.network_fingerprint
        return self.rep.transform if same else None

    def _old(self, names: list[str]) -> np.ndarray:
        rows = self.store.get(names, ["id", "vector"])
        if rows.num_rows < len(names):
            raise RunError("index: images were taken out of it while it was upgraded. Run the same command again.")
        return vectors_in(rows)

    def _there(self, name: str, path: str | None) -> bool:
        """Whether it is known where an image is."""
        return bool(path) if self.again.items is None else name in self.again.items

    def _worst(self, translation: Translation) -> list[str]:
        """Ids of images that were not asked for yet, the largest expected error first."""
        asked, found = set(self.again.asked), list[tuple[float, str]]()
        for piece in self.store.pieces(["id", "path", "vector"]):
            errors = translation.error_of(self._through(vectors_in(piece)))
            known = zip(errors.tolist(), piece.column("id").to_pylist(), piece.column("path").to_pylist())
            found += [(-error, name) for error, name, path in known if self._there(name, path) and name not in asked]
        return [name for _, name in sorted(found)]

    def _worth(self, pairs: list[str], translation: Translation) -> Worth:
        kinds = self._kinds(pairs)
        new = np.stack([self.again.vectors[name] for name in pairs])
        held_out, old = translation.held_out.astype(np.float32), self._old(pairs)
        known = kinds if any(kind is not None for kind in kinds) else None
        more: dict[str, Any] = {"metric": self.index.card["metric"], "things": self.by != "label"}
        found = worth_of(new, held_out, old, kinds=known, **more)
        rest = sorted(set(self.store.scan(["id"]).column("id").to_pylist()) - set(pairs))
        if known is None or not rest:
            return found
        some = [rest[place] for place in sorted(numpy_rng(self.seed, "others").permutation(len(rest))[:OTHERS])]
        others = self._old(some)
        moved = translation.apply(self._through(others))
        return replace(
            found, whole=among_others(new, held_out, old, (others, moved), kinds + self._kinds(some), **more)
        )

    def _kinds(self, names: list[str]) -> list[str | None]:
        return list(self.store.get(names, ["id", self.by]).column(self.by).to_pylist())

    def _written(self, translation: Translation | None, pairs: int) -> None:
        """Write the new index beside, and let it take its place."""
        before, made = self.index.card, self.again.made
        said = ("representation", "loaded_from", "fingerprint", "layer", "dim")
        dim = len(next(iter(self.again.vectors.values())))
        card = {"regard_index": FORMAT, "dim": dim, "metric": before["metric"], "store": "", **made}
        taught = {"map": translation.name if translation else None, "pairs": pairs, "seed": self.seed}
        if translation is not None and translation.also:
            taught["also"] = translation.also
        card["upgrade"] = {
            "from": {key: before.get(key) for key in said},
            "to": {key: card.get(key) for key in said},
            **taught,
        }
        card["checksum"] = meaning(card)
        new = self.again.folder / "index"
        in_place = self.target == self.index.folder.resolve()
        for _ in range(TRIES):
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            write_json(new / CARD, card)
            version = fill(new, self.store, self.again, translation, self._through)
            if version is None:
                continue
            asked = (lambda version=version: self.store.version == version) if in_place else None
            if take_place(new, self.target, asked):
                return
        raise RunError(f"index {str(self.index.folder)!r}: others keep changing it. Run the same command again.")

    def _refuse_harm(self, worth: Worth | None) -> None:
        """Where translated rows find less than the old index does, it is not replaced: it could not be had back."""
        if worth is None or self.target != self.index.folder.resolve():
            return
        for measure, lost in worth.whole.items():
            if lost.verdict == "loss":
                said = f"{measure}: {lost.told(sign='+')}, asked by {worth.images} pairs among the index"
                fix = "Give more --pairs, or --out NEW_INDEX to have it beside the old one all the same."
                got = f"translated rows that find less than the index does now ({said})"
                raise bad("INDEX", got, "an upgrade that does no harm", fix)

    def _notes(self, translation: Translation | None, worth: Worth | None) -> tuple[str, ...]:
        notes = []
        if self._known is not None:
            notes.append("only the transform is new: old vectors go through it before the map")
        if translation is not None and (worth is None or not worth.figures):
            notes.append(f"no column {self.by!r} says which images belong together: what search gains is not known")
        if isinstance(self.others, Bridge) and translation is not None:
            notes.append(self.others.told(translation.also))
        if has_regions(self.index.folder):
            notes.append(
                "regions are of the old representation and are not taken along; make them with index --regions"
            )
        if has_translated(self.index):
            notes.append("the index held translated rows; their errors add to those of this translation")
        if translation is not None and np.isnan(translation.expected.agreement):
            notes.append("the pairs do not tell which rows are translated worse than others")
        return tuple(notes)


def told(
    index: SearchIndex,
    before: Mapping[str, Any],
    pairs: int = 0,
    reextracted: int = 0,
    translation: Translation | None = None,
    worth: Worth | None = None,
    aside: Sequence[dict[str, str]] = (),
    notes: tuple[str, ...] = (),
) -> Upgraded:
    """What was done, with the rows that are translated counted."""
    translated, also = has_translated(index), translation.also if translation else 0
    return Upgraded(index, before, pairs, reextracted, translated, translation, worth, tuple(aside), notes, also)
