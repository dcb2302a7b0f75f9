"""`regard.index_upgrade`: an index of yesterday's representation, brought to a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import bad, check_output
from ..core.runtime import measured
from ..data.sources import open_images
from ..lifelong.upgrade import upgrade
from ..lifelong.upgrade_work import Upgraded
from ..metrics.contrast import Difference
from ..report.html import Table
from ..representation.pipeline import Images
from ..representation.representation import Representation
from ..reuse.search.index.record import named
from ..reuse.search.index.search_index import SearchIndex
from ._given import SHOWN, Rep, check_machine, given_images
from ._result import Progress, Result, difference, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class IndexUpgraded(Result):
    """What was done with an index.

    Attributes:
        out: the folder of the upgraded index.
        search_index: the index as it is now.
        found: the map, and what it is worth.
    """

    verb: ClassVar[str] = "index-upgrade"
    out: Path
    search_index: SearchIndex
    found: Upgraded

    def told(self) -> Mapping[str, object]:
        """The folder, what the vectors were of and are of, and the map."""
        found = self.found
        tried = None if found.translation is None else found.translation.tried
        said = {key: found.index.card.get(key) for key in ("representation", "fingerprint", "layer", "dim")}
        return {"out": self.out, "from": found.before, "to": said, "map": self._map(), "tried": tried}

    def shown(self) -> Iterator[str | Table]:
        """How many rows are what, what the translated ones are worth, what is to be said."""
        found = self.found
        yield f"{self.out}: {named(found.before)} -> {named(found.index.card)}"
        parts = f"{found.translated} translated, {len(found.index) - found.translated} embedded"
        yield f"{len(found.index)} rows: {parts} ({found.reextracted} by this run)"
        if found.translation is not None:
            more = f" and {found.also} others" if found.also else ""
            yield f"map: {found.translation.name}, learned from {found.pairs} images{more}"
        worth = found.worth
        if worth is not None:
            yield f"of {worth.images} images, {worth.itself} find their own translated row first"
            if worth.figures:
                yield Table(["rows", "R@1", "mAP"], [self._row(arm) for arm in worth.figures])
                rows = [[name, str(one), one.verdict] for name, one in _differences(self.found).items()]
                yield Table(["difference", "value", "verdict"], rows)
        for note in self.notes:
            yield f"note: {note}"
        for fault in self.set_aside[:SHOWN]:
            yield f"set aside: {fault['path']}: {fault['cause']}"

    def _row(self, arm: str) -> list[str]:
        figures = self.found.worth.figures[arm] if self.found.worth else {}
        return [arm, str(figures["recall_at_1"]), str(figures["map"])]

    def _map(self) -> str | None:
        return None if self.found.translation is None else self.found.translation.name


@verb
def index_upgrade(
    index: str | Path | SearchIndex,
    with_: Rep,
    *,
    budget: int = 0,
    pairs: int | None = None,
    by: str = "label",
    images: Images | None = None,
    also: Images | None = None,
    was: Rep | None = None,
    out: str | Path | None = None,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> IndexUpgraded:
    """Bring an index to a new representation, without embedding all of its images again.

    A few images are embedded; from their old and new vectors a translation is learned, by which all others go. Then
    the `budget` rows whose translation is expected to be worst are embedded, too. Until it is done the old index is
    searched; a killed run is gone on with. Called again with a `budget`, it embeds more of the translated rows.

    Args:
        index: a folder made by `regard.index`, or a `SearchIndex`, with the table in its own folder.
        with_: the new representation.
        budget: rows to embed beside the pairs, those that are expected to be worst first.
        pairs: images to learn the translation from, drawn at random; by default 5 % of the index, at least 512 and at
            most 4000.
        by: the column that says what belongs together, for R@1 and mAP.
        images: the images, under the ids of the index, where its files are not known or are elsewhere now.
        also: other images, which the index need not hold, and which teach the translation, too: best those that the
            new representation was trained on. The old and the new representation embed each of them.
        was: the old representation, for `also`; by default what the index names.
        out: a new folder for the upgraded index; by default it takes the old one's place.
        precision: auto | fp32 | bf16.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Raises:
        InputError: as `lifelong.upgrade.upgrade`.
    """
    check_machine(device)
    if out is not None:
        check_output("--out", out, folder=True)
    there = index if isinstance(index, SearchIndex) else SearchIndex.open(index)
    rep = with_ if isinstance(with_, Representation) else Representation.load(with_)
    options: dict[str, Any] = {"precision": precision, "device": device, "watch": watch_of(progress, "upgrade")}
    if was is not None and also is None:
        raise bad("--was", repr(str(was)), "with --also, whose images it embeds", "Say --also, or leave out --was.")
    items = None if images is None else open_images(given_images("--images", images))
    more = None if also is None else open_images(given_images("--also", also))
    old = Representation.load(was) if isinstance(was, str | Path) else was
    options |= {"also": more, "was": old}
    with measured() as cost:
        found = upgrade(there, rep, budget=budget, pairs=pairs, by=by, images=items, out=out, seed=seed, **options)
    metrics = {
        "images": len(found.index),
        "pairs": found.pairs,
        "also": found.also,
        "reextracted": found.reextracted,
        "translated": found.translated,
        **_figures(found),
        "set_aside": len(found.set_aside),
        "seconds": cost.seconds,
    }
    return IndexUpgraded(
        out=there.folder if out is None else Path(out),
        search_index=found.index,
        found=found,
        metrics=metrics,
        notes=found.notes,
        set_aside=found.set_aside,
        differences=[difference(name, one) for name, one in _differences(found).items()],
    )


def _differences(found: Upgraded) -> dict[str, Difference]:
    """Among the pairs, and among all rows."""
    if found.worth is None:
        return {}
    whole = {f"among all rows: translated - before: {name}": one for name, one in found.worth.whole.items()}
    return found.worth.differences | whole


def _figures(found: Upgraded) -> dict[str, float | None]:
    """What the translation is worth, by flat names; None where there is none, or too little to say."""
    if found.translation is None or found.worth is None:
        return {}
    itself = found.worth.itself.as_dict()
    told: dict[str, float | None] = {"error": float(found.translation.errors.mean())}
    agreement = found.translation.expected.agreement
    told["error_foretold"] = None if agreement != agreement else agreement
    told |= {"itself": itself["mean"], "itself_low": itself["low"], "itself_high": itself["high"]}
    told["queries"] = found.worth.queries
    for arm, figures in found.worth.figures.items():
        for measure, one in figures.items():
            ends = one.as_dict()
            told |= {f"{arm}_{measure}": ends["mean"]}
            told |= {f"{arm}_{measure}_low": ends["low"], f"{arm}_{measure}_high": ends["high"]}
    return told
