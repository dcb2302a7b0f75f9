"""An index that was built with yesterday's representation, brought to a new one without embedding all of it again.

A few images, drawn at random, are embedded with the new representation. Their old and new vectors teach a map
(`translate`), through which all rows go; then the rows whose translation is expected to be worst are embedded, too
(`expected_error`). A row says by `translated` whether it was, and by `translation_error` what is to be expected of it.

Until all is done the old index stays as it is, and is searched and changed with the old representation; the new one
grows in a hidden folder beside, and takes its place in one step, and only if it is of what the old one holds then. A
query of one representation is never compared with vectors of another: the card names what made the vectors, and an
index that is open while it is replaced refuses to go on. A killed run goes on where it was, and ends with the same
vectors.
"""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core.checks import InputError, bad, check_choice, check_number
from ..core.storage import read_json, write_json
from ..data.imageset import ImageSet
from ..learning.bridge import Bridge, read_bridge
from ..representation.embed import Watch
from ..representation.representation import Representation
from ..reuse.search.index.build import alone
from ..reuse.search.index.record import meaning, named
from ..reuse.search.index.search_index import SearchIndex, check_target
from ..reuse.search.store.lance import LanceStore
from ..reuse.search.store.protocol import MARKS, metadata_of
from .embedded_again import Again
from .translate import FEWEST
from .upgrade_others import Others, old_of
from .upgrade_work import Upgraded, Work, has_translated, told

PLAN = "plan.json"


def upgrade(
    index: SearchIndex,
    representation: Representation,
    *,
    budget: int = 0,
    pairs: int | None = None,
    by: str = "label",
    images: ImageSet | None = None,
    also: ImageSet | None = None,
    was: Representation | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Upgraded:
    """Bring an index to another representation, by translation and by embedding its worst rows again.

    An index that was brought to it before, and has translated rows still, gets `budget` more of them embedded.

    Args:
        index: with its table in its own folder.
        representation: the new one.
        budget: rows to embed beside the pairs, those with the largest expected error first.
        pairs: images to learn the map from, drawn at random; by default a twentieth of the index, at least 512 and
            at most 4000.
        by: the column that says which images belong together, for the measures.
        images: under the ids of the index, where its files are not known or are elsewhere now.
        also: other images, which the index need not hold, and which teach the map, too. The old and the new
            representation embed each of them. By default what the new one brings (`learning.bridge`), where it was
            tuned from the old one.
        was: the old representation; by default what the index's card names.
        out: a new folder for the upgraded index; by default it takes the old one's place.
        seed: of the draw.
        watch: wraps the stream of progress events.
        embed_settings: precision, device, batch ... of `embed`; not int8.

    Raises:
        InputError: a table that is elsewhere or of the past; the same representation, and nothing translated; too few
            images whose files are there; tags, whose vectors would go; a column that is not there; translated rows that
            find less than the index in whose place they would go, as far as the pairs tell.
        RunError: another process upgrades this index, or keeps changing it.
    """
    check_number("--budget", budget, 0, whole=True)
    if pairs is not None:
        check_number("--pairs", pairs, FEWEST, whole=True)
    check_choice("--by", by, ["label", *metadata_of(index.store.schema)])
    target = index.folder.resolve() if out is None else Path(out).resolve()
    beside = target.with_name(f".{target.name}.upgrade")
    plan = {"to": representation.fingerprint, "budget": budget, "pairs": pairs, "seed": seed}
    old = index.card.get("fingerprint", "") if index.card.get("layer") is None else ""
    bridge = None if also is not None else read_bridge(representation, old)
    if also is not None:
        plan["also"] = len(also)
    elif bridge is not None:
        plan["bridge"] = len(bridge.contents)
    if out is None and _was_done(beside, index, plan):
        shutil.rmtree(beside, ignore_errors=True)
        said = "the run before had done it, and was stopped while it tidied up"
        return told(index, index.card["upgrade"]["from"], notes=(said,))
    store = _checked(index, representation, budget, out, str(embed_settings.get("precision", "auto")))
    if out is not None:
        check_target(out, False, "")
    found: list[Upgraded] = []
    try:
        with alone(beside):
            plan |= {"from": meaning(index.card)}
            _begin(beside, plan)
            items = None if images is None else dict(zip(map(str, images.ids), images.items))
            others: Others | Bridge | None = bridge
            if also is not None:
                others = Others(also, old_of(index.card, was), representation, embed_settings)
            again = Again(beside, store, representation, embed_settings, items)
            work = Work(index, store, representation, again, budget, pairs, by, target, seed, others)
            events = work.run(found)
            for _ in watch(events) if watch else events:
                pass
            shutil.rmtree(beside, ignore_errors=True)
    except InputError:
        shutil.rmtree(beside, ignore_errors=True)  # nothing to go on with
        raise
    finally:
        if out is not None:
            with suppress(OSError):
                target.rmdir()  # where it was made for nothing
    return found[0]


def _checked(index: SearchIndex, rep: Representation, budget: int, out: Any, precision: str) -> LanceStore:
    """The index's table, where it can be upgraded."""
    store = index.store
    if index.card.get("store") or not isinstance(store, LanceStore):
        raise bad("INDEX", f"a table at {index.card.get('store')!r}", "one in the index's own folder")
    if precision.startswith("int8"):
        raise bad("--precision", repr(precision), "auto, fp32 or bf16", "A calibration is of images that are all seen.")
    many = has_translated(index) if "upgrade" in index.card else 0
    if index.card.get("fingerprint") == rep.fingerprint:
        if not many:
            raise bad("--with", f"{named(index.card)}, which made all of the index's vectors", "another representation")
        if not budget:
            what = "a number of rows to embed, as the index is of this representation already"
            raise bad("--budget", f"0, and {many} translated rows", what)
        if out is not None:
            raise bad("--out", repr(str(out)), "none: rows of an index of this representation are written into it")
        return store
    taken = [name for name in MARKS if name in store.schema.names and "upgrade" not in index.card]
    if taken:
        raise bad("INDEX", f"a column {taken[0]!r} of your own", "none of that name, which an upgrade needs")
    tags = store.tags()
    if tags and out is None:
        got = f"tags ({', '.join(tags)}), whose vectors are of {named(index.card)}, and would go"
        raise bad("INDEX", got, "none", "Give --out NEW_INDEX: the old one stays as it is.")
    return store


def _begin(beside: Path, plan: Mapping[str, Any]) -> None:
    """Find what a stopped run of the same plan left; anything else there is cleared away."""
    if _plan_of(beside) != plan:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        write_json(beside / PLAN, plan)


def _was_done(beside: Path, index: SearchIndex, plan: Mapping[str, Any]) -> bool:
    """Whether a run of this plan had put the new index into its place when it was stopped."""
    left = _plan_of(beside)
    begun_at = left.pop("from", None)
    left.pop("bridge", None)  # from the old representation, which the index is no more of
    return left == plan and index.card.get("fingerprint") == plan["to"] and begun_at != meaning(index.card)


def _plan_of(beside: Path) -> dict[str, Any]:
    try:
        found = read_json(beside / PLAN)
    except InputError:
        return {}
    return found if isinstance(found, dict) else {}
