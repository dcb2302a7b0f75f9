"""Only the results that stand out: each query's hits up to where they come by chance (`relevance.py`)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ....core.checks import bad, check_number
from ....core.runtime import numpy_rng
from ..index.collection import Collection
from .hits import Hit
from .relevance import Background, background, relevant

FEWEST = 46  # images, which make 1,000 pairs
SAMPLE = 20_000  # vectors of a larger collection that pairs are drawn from: what lies in a file is not all read


def background_of(collection: Collection) -> Background:
    """The background of a collection by cosine; raises InputError by another metric, or where it is too small."""
    if collection.metric != "cosine":
        raise bad("--relevant", f"an index by {collection.metric}", "an index by cosine")
    places = collection.places(collection.ids)
    if len(places) < FEWEST:
        raise bad("--relevant", f"{len(places)} images", f"at least {FEWEST}, to know what comes by chance among them")
    if len(places) > SAMPLE:
        places = np.sort(numpy_rng(0, "background").choice(places, SAMPLE, replace=False))
    return background(collection.vectors[places])


def cut(rows: Sequence[Sequence[Hit]], against: Background, total: int, q: float) -> tuple[list[list[Hit]], list[str]]:
    """Each query's hits that are kept, with their `chance`, and what is to be said.

    Args:
        rows: hits of the search itself, best first.
        against: the background.
        total: how many images were searched.
        q: share of the kept ones that may be there by chance, above 0 and at most 1.
    """
    check_number("--relevant", q, 0, 1, open_low=True)
    kept: list[list[Hit]] = []
    open_ended = 0
    for row in rows:
        if not row:
            kept.append([])
            continue
        found = relevant([[hit.score for hit in row]], against, total, q)
        many = int(found.counts[0])
        open_ended += bool(found.open[0])
        kept.append([replace(hit, chance=float(p)) for hit, p in zip(row[:many], found.adjusted_QK[0])])
    notes = []
    if open_ended:
        notes.append(f"for {open_ended} of the queries all results stand out; there may be more. Raise --top.")
    empty = sum(not row for row in kept)
    if empty:
        notes.append(f"for {empty} of the queries nothing stands out from the collection.")
    return kept, notes
