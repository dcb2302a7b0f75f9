"""Re-identification: the same person or thing seen by another camera, scored by CMC and mAP.

Zheng et al. 2015 (Scalable person re-identification: a benchmark, ICCV; Market-1501). What shares the query's identity
and its camera says nothing about finding it elsewhere, so it is junk: taken out of that query's ranking, as are boxes
marked as junk. Distractors, which show nobody (identity 0 in Market-1501), stay in and count as wrong.

Differs from the paper: average precision is the plain sum by default, as later work reports it; the paper's own code
has the trapezoid rule, which is never above it and which `trapezoid=True` gives.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_labels, check_matrix, check_number
from .knn import unit
from .landmarks import ap_oxford

_BLOCK = 4_000_000  # scores in memory at once


@dataclass(frozen=True, eq=False)
class ReidScores:
    """Scores query by query, so that intervals can be drawn; NaN for a query without a true match.

    Attributes:
        ap_Q: (q,) average precisions, in [0, 1].
        first_Q: (q,) rank of the first true match, from 1; infinity where there is one that was not ranked.
    """

    ap_Q: np.ndarray
    first_Q: np.ndarray

    @property
    def skipped(self) -> int:
        """How many queries have no true match; they are in no mean."""
        return int(np.isnan(self.ap_Q).sum())

    @property
    def map(self) -> float:
        """Mean average precision over the queries that have a true match; NaN where none has."""
        known = self.ap_Q[~np.isnan(self.ap_Q)]
        return float(known.mean()) if len(known) else float("nan")

    def found_within(self, k: int) -> np.ndarray:
        """For each query that has a true match, whether one is among the first k: booleans for an interval."""
        check_number("k", k, 1, whole=True)
        return self.first_Q[~np.isnan(self.first_Q)] <= k

    def cmc(self, k: int) -> float:
        """Cumulative matching characteristic at k: the share of such queries with a true match among the first k."""
        found = self.found_within(k)
        return float(found.mean()) if len(found) else float("nan")

    def as_dict(self, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
        """`map`, `cmc_at_K` for each k, `queries` (all of them) and `skipped`."""
        shares = {f"cmc_at_{k}": self.cmc(k) for k in ks}
        return {"map": self.map, **shares, "queries": len(self.ap_Q), "skipped": self.skipped}


def reid(
    queries: ArrayLike,
    query_ids: ArrayLike,
    query_cameras: ArrayLike,
    gallery: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cameras: ArrayLike,
    *,
    junk_id: ArrayLike = -1,
    trapezoid: bool = False,
) -> ReidScores:
    """Rank the gallery by cosine for every query and score what comes up from other cameras.

    Queries are taken in pieces, so memory is O(n + 4M scores); time is O(q n d), and only what scores at least as much
    as the last true match is sorted. Equal scores come in the order of the gallery.

    Args:
        queries: (q, d) vectors.
        query_ids: (q,) identities, text or whole numbers.
        query_cameras: (q,) cameras; None, with `gallery_cameras` None too, where there is no such rule.
        gallery: (n, d) vectors.
        gallery_ids: (n,) identities.
        gallery_cameras: (n,) cameras.
        junk_id: the identity of gallery items that are taken out for every query; None where there is none.
        trapezoid: average precision by the trapezoid rule (`ap_oxford`).

    Raises:
        InputError: shapes that do not match, NaN, a vector of zeros, or identities or cameras that are text on one
            side and numbers on the other.

    >>> found = reid([[1, 0]], [7], [1], [[1, 0], [0.8, 0.6], [0.6, 0.8]], [7, 3, 7], [1, 2, 2])
    >>> found.map, found.cmc(1), found.cmc(2)     # the first is of the same camera, so the true match comes second
    (0.5, 0.0, 1.0)
    """
    query_QD = _directions("queries", queries)
    item_ND = _directions("gallery", gallery, query_QD.shape[1])
    pick = _picker(query_ids, query_cameras, gallery_ids, gallery_cameras, len(query_QD), len(item_ND), junk_id)

    def ranks() -> Iterator[tuple[np.ndarray, int]]:
        step = max(1, _BLOCK // len(item_ND))
        for start in range(0, len(query_QD), step):
            for row, score_N in enumerate(query_QD[start : start + step] @ item_ND.T, start=start):
                kept_N, match_N = pick(row)
                yield _ranks(score_N, kept_N, match_N), int(match_N.sum())

    return _scores(ranks(), trapezoid)


def reid_of_rankings(
    rankings: Iterable[ArrayLike],
    query_ids: ArrayLike,
    query_cameras: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cameras: ArrayLike,
    *,
    junk_id: ArrayLike = -1,
    trapezoid: bool = False,
) -> ReidScores:
    """Score rankings that were made elsewhere, such as re-ranked ones; see `reid`.

    Args:
        rankings: for each query rows of the gallery, best first, each at most once; an iterator is read one at a
            time. A true match that is missing from a short ranking adds 0 to the average precision.
        query_ids: as in `reid`, and so the others.
        query_cameras: (q,).
        gallery_ids: (n,).
        gallery_cameras: (n,).
        junk_id: identity to take out.
        trapezoid: average precision by the trapezoid rule.

    Raises:
        InputError: as `reid`; a ranking with rows that the gallery does not have or has twice; other numbers of
            rankings and queries.
    """
    q, n = len(np.atleast_1d(query_ids)), len(np.atleast_1d(gallery_ids))
    pick = _picker(query_ids, query_cameras, gallery_ids, gallery_cameras, q, n, junk_id)

    def ranks() -> Iterator[tuple[np.ndarray, int]]:
        row = -1
        for row, ranking in enumerate(rankings):
            if row >= q:
                break
            order = np.asarray(ranking)
            order = order.astype(np.int64) if not order.size else order
            if order.ndim != 1 or order.dtype.kind not in "iu" or (order < 0).any() or (order >= n).any():
                raise bad("rankings", f"{order.dtype} of shape {order.shape} (row {row})", f"rows from 0 to {n - 1}")
            if np.bincount(order, minlength=1).max() > 1:
                raise bad("rankings", f"a row of the gallery twice (row {row})", "each once at most")
            kept_N, match_N = pick(row)
            yield np.flatnonzero(match_N[order[kept_N[order]]]), int(match_N.sum())
        if row + 1 != q:
            raise bad("rankings", "fewer" if row + 1 < q else "more", f"one for each of the {q} queries")

    return _scores(ranks(), trapezoid)


def _scores(found: Iterable[tuple[np.ndarray, int]], trapezoid: bool) -> ReidScores:
    ap, first = [], []
    for places, m in found:
        if not m:
            ap.append(np.nan)
        elif trapezoid:
            ap.append(ap_oxford(places, m))
        else:
            ap.append(float((np.arange(1, len(places) + 1) / (places + 1)).sum() / m))
        first.append(places[0] + 1.0 if len(places) else np.inf if m else np.nan)
    return ReidScores(np.array(ap), np.array(first))


def _ranks(score_N: np.ndarray, kept_N: np.ndarray, match_N: np.ndarray) -> np.ndarray:
    if not match_N.any():
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(kept_N & (score_N >= score_N[match_N].min()))
    return np.flatnonzero(match_N[rows[np.argsort(-score_N[rows], kind="stable")]])


def _picker(
    query_ids: ArrayLike,
    query_cameras: ArrayLike,
    gallery_ids: ArrayLike,
    gallery_cameras: ArrayLike,
    q: int,
    n: int,
    junk_id: ArrayLike,
) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """Build the function from a query's row to what of the gallery stays in (n,), and what of it matches (n,)."""
    if not q or not n:
        raise bad("query_ids, gallery_ids", f"{q} queries and a gallery of {n}", "at least one of each")
    who_Q, who_N = _alike("ids", query_ids, gallery_ids, q, n)
    if (query_cameras is None) != (gallery_cameras is None):
        raise bad("query_cameras, gallery_cameras", "one of them alone", "both, or None for both")
    where_Q, where_N = (
        (None, None) if query_cameras is None else _alike("cameras", query_cameras, gallery_cameras, q, n)
    )
    if junk_id is None:
        clean_N = np.ones(n, bool)
    elif who_N.dtype.kind == "U":
        clean_N = who_N != str(junk_id)
    else:
        clean_N = who_N != check_number("junk_id", junk_id, whole=True)

    def pick(row: int) -> tuple[np.ndarray, np.ndarray]:
        same_N = who_N == who_Q[row]
        kept_N = clean_N if where_Q is None or where_N is None else clean_N & ~(same_N & (where_N == where_Q[row]))
        return kept_N, same_N & kept_N

    return pick


def _alike(what: str, of_queries: ArrayLike, of_gallery: ArrayLike, q: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    names = f"query_{what}", f"gallery_{what}"
    first, second = check_labels(names[0], of_queries, q), check_labels(names[1], of_gallery, n)
    kinds = [{"i": "numbers", "u": "numbers", "U": "text"}.get(array.dtype.kind) for array in (first, second)]
    if kinds[0] is None or kinds[0] != kinds[1]:
        raise bad(
            ", ".join(names), f"{first.dtype} and {second.dtype}", "whole numbers in both, or text in both", "Cast one."
        )
    return first, second


def _directions(argument: str, vectors: ArrayLike, columns: int | None = None) -> np.ndarray:
    array = check_matrix(argument, vectors, columns=columns)
    zero = ~array.any(axis=1)
    if zero.any():
        raise bad(argument, f"a vector of zeros (row {int(np.argmax(zero))})", "vectors with a direction")
    return unit(array)
