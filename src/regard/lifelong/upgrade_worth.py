"""What a translated index is worth: searched by images whose new vectors are known, beside an index of new vectors.

Measured on the pairs, which were drawn at random: each is translated by a map that was learned from the others. A
query is an image's new vector. It looks among the translated rows of all pairs for its own one, and, where there are
labels or identities, for the others of its kind, itself left out: among new vectors, among translated ones, and among
the old ones as they are where both have one length ("stale"). "before" is what the index found until now: old vectors
among old ones. These are few images, so that figures are higher than in the whole index; what counts is how they
differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..metrics.contrast import Difference, contrast
from ..metrics.intervals import Interval, accuracy_interval
from ..metrics.retrieve import ap_at_k
from ..reuse.search.evaluate.things import things_of
from ..reuse.search.nearest.metric import prepared, prepared_queries

MOST = 1000  # images that ask and are searched
MEASURES = ("recall_at_1", "map")


@dataclass(frozen=True)
class Worth:
    """What was measured.

    Attributes:
        images: that ask and are searched.
        itself: share of them whose own translated row comes first.
        queries: of them, those that have others of their kind to find.
        figures: by arm (before, reextracted, translated, stale) and measure (recall_at_1, map).
        differences: of translated to each other arm, by name.
        whole: translated - before by measure, where other rows of the index are searched as well.
    """

    images: int
    itself: Interval
    queries: int = 0
    figures: dict[str, dict[str, Interval]] = field(default_factory=dict)
    differences: dict[str, Difference] = field(default_factory=dict)
    whole: dict[str, Difference] = field(default_factory=dict)


def worth_of(
    new_NE: np.ndarray,
    translated_NE: np.ndarray,
    old_ND: np.ndarray,
    *,
    metric: str = "cosine",
    kinds: Sequence[str | None] | None = None,
    things: bool = False,
) -> Worth:
    """Search among translated vectors by new ones.

    Args:
        new_NE: (n, e) of images, embedded anew.
        translated_NE: (n, e) of the same, each by a map that does not know it.
        old_ND: (n, d) of the same.
        metric: as the index counts similarity.
        kinds: (n,) what an image shows, None where that is not known.
        things: whether images of one kind are of one thing, and so right or wrong together.
    """
    own = np.arange(min(len(new_NE), MOST))
    new, translated, old = new_NE[: len(own)], translated_NE[: len(own)], old_ND[: len(own)]
    sides = {"before": (old, old), "reextracted": (new, new), "translated": (new, translated)}
    sides |= {"stale": (new, old)} if old.shape[1] == new.shape[1] else {}
    ranked = {name: _ranked(metric, *side) for name, side in sides.items()}
    itself = accuracy_interval((ranked["translated"][:, 0] == own).astype(float))
    if kinds is None:
        return Worth(len(own), itself)
    codes, _ = things_of(np.array(list(kinds)[: len(own)], object))
    several = np.array([code >= 0 and (codes == code).sum() > 1 for code in codes])
    if not several.any() or len(np.unique(codes[codes >= 0])) < 2:
        return Worth(len(own), itself)
    units = codes[several] if things else None
    scores = {name: _scores(rows[several], own[several], codes) for name, rows in ranked.items()}
    figures = {
        name: {measure: accuracy_interval(values, units) for measure, values in found.items()}
        for name, found in scores.items()
    }
    differences = {
        f"translated - {other}: {measure}": contrast(scores["translated"][measure], scores[other][measure], units)
        for other in scores
        if other != "translated"
        for measure in MEASURES
    }
    return Worth(len(own), itself, int(several.sum()), figures, differences)


def among_others(
    new_NE: np.ndarray,
    translated_NE: np.ndarray,
    old_ND: np.ndarray,
    others: tuple[np.ndarray, np.ndarray],
    kinds: Sequence[str | None],
    *,
    metric: str = "cosine",
    things: bool = False,
) -> dict[str, Difference]:
    """Translated - before by measure: images ask among themselves and other rows, whose new vectors nobody knows.

    Pairs alone have few of their kind to find, and say little of what an index of many rows loses.

    Args:
        new_NE: (n, e) of the images that ask.
        translated_NE: (n, e) of the same, each by a map that does not know it.
        old_ND: (n, d) of the same.
        others: (m, d) old vectors of other rows, and (m, e) their translations.
        kinds: (n + m,) what images show, those that ask first.
        metric: as the index counts similarity.
        things: whether images of one kind are of one thing.
    """
    own = np.arange(min(len(new_NE), MOST))
    codes, _ = things_of(np.array([*kinds[: len(own)], *kinds[len(new_NE) :]], object))
    several = np.array([code >= 0 and (codes == code).sum() > 1 for code in codes[: len(own)]])
    if not several.any() or len(np.unique(codes[codes >= 0])) < 2:
        return {}
    asked = own[several]
    sides = {"before": (old_ND, old_ND[own], others[0]), "translated": (new_NE, translated_NE[own], others[1])}
    found = {
        name: _scores(_ranked(metric, queries[asked], np.concatenate(rows)), asked, codes)
        for name, (queries, *rows) in sides.items()
    }
    units = codes[asked] if things else None
    return {one: contrast(found["translated"][one], found["before"][one], units) for one in MEASURES}


def _ranked(metric: str, queries_QE: np.ndarray, gallery_NE: np.ndarray) -> np.ndarray:
    """(q, n) rows of the gallery, nearest first."""
    vectors, bias = prepared(metric, gallery_NE)
    sums = prepared_queries(metric, queries_QE) @ vectors.T
    return np.argsort(-(sums if bias is None else sums + bias), axis=1, kind="stable")


def _scores(ranked_QN: np.ndarray, own_Q: np.ndarray, codes_N: np.ndarray) -> dict[str, np.ndarray]:
    """(q,) of each measure; each query is taken out of its own ranking."""
    others = ranked_QN[ranked_QN != own_Q[:, None]].reshape(len(own_Q), -1)
    marks = codes_N[others] == codes_N[own_Q][:, None]
    return {"recall_at_1": marks[:, 0].astype(float), "map": ap_at_k(marks)}
