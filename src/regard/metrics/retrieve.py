"""How good a ranking is: recall at k, average precision in its several definitions, and its mean.

All take `relevant` (q, n): for each of q queries, whether the result at each of n ranks, best first, fits.
Average precision has several definitions, so each has a name of its own: `ap_at_k` is the plain sum of
precisions at relevant ranks, as scikit-learn's `average_precision_score` and GLDv2 (Weyand et al. 2020, arXiv
2004.01804) have it; it is not the trapezoid rule of the Oxford buildings code.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_labels, check_matrix, check_number

_CHUNK = 512  # queries ranked at once


def recall_at_k(relevant: ArrayLike, k: int) -> float:
    """Share of queries with at least one relevant result among the first k (the R@k of metric learning).

    Queries that have nothing relevant at all count as missed.

    >>> recall_at_k([[False, True, False], [False, False, True]], k=2)
    0.5
    """
    return float(_relevant(relevant)[:, : _k(k)].any(axis=1).mean())


def ap_at_k(relevant: ArrayLike, k: int | None = None, positives: ArrayLike | None = None) -> np.ndarray:
    """Average precision of each query: sum over ranks i <= k of precision(i) * relevant(i) / min(m, k).

    Args:
        relevant: (q, n) booleans, best rank first.
        k: how many ranks count; all by default.
        positives: (q,) m, how many relevant items the collection has; by default those in `relevant`, which
            is right only where every item is ranked.

    Returns:
        (q,) values in [0, 1]; NaN for a query that has nothing to find.

    >>> ap_at_k([[True, False, True]]).round(4).tolist()     # (1/1 + 2/3) / 2
    [0.8333]
    """
    marks = _relevant(relevant)
    m = marks.sum(axis=1) if positives is None else np.asarray(positives)
    if m.shape != (len(marks),) or (m < marks.sum(axis=1)).any():
        raise bad(
            "positives",
            f"shape {m.shape}",
            f"shape ({len(marks)},), each at least the number ranked as relevant",
        )
    depth = marks.shape[1] if k is None else _k(k)
    top = marks[:, :depth]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    best = m if k is None else np.minimum(m, depth)
    total = (precision * top).sum(axis=1)
    return np.divide(total, best, out=np.full(len(marks), np.nan), where=best > 0)


def mean_ap(relevant: ArrayLike, k: int | None = None, positives: ArrayLike | None = None) -> float:
    """Mean of `ap_at_k` over the queries that have something to find; NaN where none has.

    >>> mean_ap([[True, False], [False, True], [False, False]])
    0.75
    """
    values = ap_at_k(relevant, k, positives)
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else float("nan")


def ap_at_r(relevant: ArrayLike, positives: ArrayLike | None = None) -> np.ndarray:
    """Average precision at R of each query: 1/R * sum over ranks i <= R of precision(i) * relevant(i).

    R is how many relevant items that query has, so nothing ranked after place R counts, and a score of 1 means that
    the first R are all relevant (Musgrave et al. 2020, A metric learning reality check, arXiv 2003.08505).

    Args:
        relevant: (q, n) booleans, best rank first, the query itself left out; n is at least each R.
        positives: (q,) R; by default those in `relevant`, which is right only where every item is ranked.

    Returns:
        (q,) values in [0, 1]; NaN for a query that has nothing to find.

    Raises:
        InputError: fewer ranks than some R, or R below the number ranked as relevant.

    >>> ap_at_r([[True, False, True, True]])     # R = 3: (1/1 + 2/3) / 3
    array([0.55555556])
    """
    marks = _relevant(relevant)
    total = marks.sum(axis=1) if positives is None else np.asarray(positives)
    if total.shape != (len(marks),) or total.dtype.kind not in "iu" or (total < marks.sum(axis=1)).any():
        raise bad(
            "positives",
            f"{total.dtype} of shape {total.shape}",
            f"whole numbers of shape ({len(marks)},), each at least the number ranked as relevant",
        )
    if total.max() > marks.shape[1]:
        raise bad("relevant", f"{marks.shape[1]} ranks", f"at least {total.max()}, as many as a query has positives")
    return ap_at_k(marks & (np.arange(marks.shape[1]) < total[:, None]), positives=total)


def map_at_r(relevant: ArrayLike, positives: ArrayLike | None = None) -> float:
    """Mean of `ap_at_r` over the queries that have something to find (MAP@R); NaN where none has.

    >>> map_at_r([[True, False], [False, True], [False, False]])
    0.5
    """
    values = ap_at_r(relevant, positives)
    found = values[~np.isnan(values)]
    return float(found.mean()) if len(found) else float("nan")


def retrieval(
    queries: ArrayLike,
    query_labels: ArrayLike,
    gallery: ArrayLike | None = None,
    gallery_labels: ArrayLike | None = None,
    ks: Sequence[int] = (1, 5, 10),
    *,
    paired: bool = False,
) -> dict[str, float]:
    """Rank the gallery by cosine for every query and score the ranking; relevant is what shares its label.

    Args:
        queries: (q, d) vectors.
        query_labels: (q,) labels.
        gallery: (n, d) vectors; without it the queries search among themselves, each without itself.
        gallery_labels: (n,) labels.
        ks: which recalls to report.
        paired: row i of the gallery is of the same image as query i, which searches without it: an index of the same
            images that was made by another network.

    Returns:
        `recall_at_K` for each k and `map`, over all ranks. Queries without a relevant item count as missed in
        the recalls and are left out of `map`; `queries` and `findable` say how many there were.

    Raises:
        InputError: shapes that do not match, NaN, a vector of length 0.
    """
    query = _unit("queries", queries)
    labels = check_labels("query_labels", query_labels, len(query))
    alone = gallery is None or paired
    other = query if gallery is None else _unit("gallery", gallery, query.shape[1])
    if paired and len(other) != len(query):
        raise bad("gallery", f"{len(other)} vectors", f"{len(query)}, one for each query, as they are paired")
    names = labels if alone else check_labels("gallery_labels", gallery_labels, len(other))
    if len(other) < 2 and alone:
        raise bad("queries", f"{len(query)} vector", "at least 2 where no other gallery is given")
    hits: dict[int, list[np.ndarray]] = {_k(k): [] for k in ks}
    precisions = []
    for start in range(0, len(query), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(query)))
        scores = query[rows] @ other.T
        if alone:
            scores[np.arange(len(rows)), rows] = -np.inf  # each query itself comes last, and is cut off
        order = np.argsort(-scores, axis=1, kind="stable")[:, : len(other) - alone]
        marks = names[order] == labels[rows, None]
        precisions.append(ap_at_k(marks))
        for k, found in hits.items():
            found.append(marks[:, :k].any(axis=1))
    ap = np.concatenate(precisions)
    findable = int((~np.isnan(ap)).sum())
    return {
        **{f"recall_at_{k}": float(np.concatenate(found).mean()) for k, found in hits.items()},
        "map": float(np.nanmean(ap)) if findable else float("nan"),
        "queries": len(query),
        "findable": findable,
    }


def _unit(argument: str, vectors: ArrayLike, columns: int | None = None) -> np.ndarray:
    array = check_matrix(argument, vectors, columns=columns)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    if not lengths.all():
        raise bad(argument, f"a vector of zeros (row {int(np.argmin(lengths))})", "vectors with a direction")
    return array / lengths


def _relevant(relevant: ArrayLike) -> np.ndarray:
    marks = np.asarray(relevant)
    if marks.ndim != 2 or 0 in marks.shape or marks.dtype != np.bool_:
        raise bad("relevant", f"{marks.dtype} of shape {marks.shape}", "booleans (queries, ranks)")
    return marks


def _k(k: int) -> int:
    return int(check_number("k", k, 1, whole=True))
