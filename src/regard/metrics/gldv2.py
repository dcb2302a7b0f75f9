"""Google Landmarks v2: retrieval and recognition (Weyand et al. 2020, arXiv 2004.01804)."""

from collections.abc import Collection, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_number
from .landmarks import mean_known
from .retrieve import ap_at_k

DEPTH = 100


def micro_ap(confidence: ArrayLike, correct: ArrayLike, queries: int) -> float:
    """Micro-AP, also global average precision: one ranking of all predictions of all queries (Weyand et al. 2020).

    1/M * sum over i of P(i) rel(i), predictions sorted by confidence; a confident prediction for a query that shows no
    landmark costs all that come after it. Predictions of equal confidence stay in the order given: pass them sorted
    by query to have what the challenge's code has.

    Args:
        confidence: (p,) finite numbers, comparable between queries.
        correct: (p,) booleans.
        queries: M, how many queries show a landmark, whether or not anything was predicted for them.

    Returns:
        A value in [0, 1].

    Raises:
        InputError: shapes that do not match, NaN, or more correct predictions than M.

    >>> micro_ap([0.9, 0.8, 0.3], [True, False, True], queries=4)     # (1/1 + 2/3) / 4
    0.416667
    """
    score_P, right_P = np.asarray(confidence), np.asarray(correct)
    if score_P.size == 0 and right_P.size == 0:
        score_P, right_P = np.zeros(0), np.zeros(0, bool)
    if score_P.ndim != 1 or score_P.dtype.kind not in "iuf" or not np.isfinite(score_P).all():
        raise bad("confidence", f"{score_P.dtype} of shape {score_P.shape}", "finite numbers, one for each prediction")
    if right_P.shape != score_P.shape or right_P.dtype != np.bool_:
        raise bad("correct", f"{right_P.dtype} of shape {right_P.shape}", f"booleans of shape {score_P.shape}")
    check_number("queries", queries, 1, whole=True)
    if right_P.sum() > queries:
        raise bad(
            "queries",
            f"{queries} for {int(right_P.sum())} correct predictions",
            "at least as many queries that show a landmark as there are correct predictions",
            "Keep one prediction for each query.",
        )
    hit_P = right_P[np.argsort(-score_P.astype(np.float64), kind="stable")]
    precision_P = np.cumsum(hit_P) / np.arange(1, len(hit_P) + 1)
    return float((precision_P * hit_P).sum() / queries)


def gldv2_ap_at_100(rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]) -> np.ndarray:
    """AP at 100 of each query on Google Landmarks v2: 1/min(m, 100) * sum over k <= 100 of P(k) rel(k).

    An id that comes up again keeps its rank and counts as wrong, as in the challenge's code.

    Args:
        rankings: for each query ids, best first; those beyond 100 are not looked at, fewer are allowed, or none.
        positives: for each query the ids to be found, m of them.

    Returns:
        (q,) values in [0, 1]; NaN for a query that has nothing to find.

    Raises:
        InputError: other numbers of rankings and queries, or none.
    """
    if len(rankings) != len(positives) or not len(positives):
        raise bad("rankings", f"{len(rankings)} for {len(positives)} queries", "one for each query, at least one")
    marks_QK = np.zeros((len(rankings), DEPTH), bool)
    wanted = [set(ids) for ids in positives]
    for row, (ranking, ids) in enumerate(zip(rankings, wanted)):
        first = {item: place for place, item in reversed(list(enumerate(ranking[:DEPTH])))}
        marks_QK[row, [place for item, place in first.items() if item in ids]] = True
    return ap_at_k(marks_QK, DEPTH, [len(ids) for ids in wanted])


def gldv2_map_at_100(rankings: Sequence[Sequence[Hashable]], positives: Sequence[Collection[Hashable]]) -> float:
    """Mean of `gldv2_ap_at_100` over the queries that have something to find; NaN where none has.

    >>> gldv2_map_at_100([["a", "b", "c"], ["a"]], [{"a", "c"}, set()])     # (1/1 + 2/3) / 2
    0.833333
    """
    return mean_known(gldv2_ap_at_100(rankings, positives))
