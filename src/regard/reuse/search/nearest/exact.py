"""Exact nearest neighbours by inner product: matrix products over pieces of the collection and of the queries.

Slower than an approximate index and never wrong: what such an index is measured against. Cosine is the inner product of
vectors of length 1; the nearest by Euclidean distance have the largest q·x - |x|²/2, so that one more number a vector
is enough for them.
"""

from typing import Any

import numpy as np

_PIECE = 8192  # vectors compared at once
_QUERIES = 1024  # queries that they are compared with at once


def top_by_product(
    vectors_ND: Any,
    query_QD: np.ndarray,
    top: int,
    rows: np.ndarray | None = None,
    bias_N: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the `top` vectors with the largest q·x (+ bias) for each query; equal ones come in the collection's order.

    Args:
        vectors_ND: (n, d) vectors, an array or whatever is read like one by slices and rows.
        query_QD: (q, d) queries.
        top: at least 1; more than there are gives all.
        rows: (m,) search these rows alone.
        bias_N: (n,) added to each vector's product.

    Returns:
        Rows (q, k) and sums (q, k), best first, with k = min(top, n or m). O(q n d).

    >>> rows, scores = top_by_product(np.eye(3), np.array([[0.6, 0.8, 0.0]]), top=2)
    >>> rows.tolist(), scores.tolist()
    ([[1, 0]], [[0.8, 0.6]])
    """
    found = [
        _top(vectors_ND, query_QD[start : start + _QUERIES], top, rows, bias_N)
        for start in range(0, max(len(query_QD), 1), _QUERIES)
    ]
    return np.concatenate([places for places, _ in found]), np.concatenate([scores for _, scores in found])


def _top(
    vectors_ND: Any, query_QD: np.ndarray, top: int, rows: np.ndarray | None, bias_N: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    count = len(vectors_ND) if rows is None else len(rows)
    best_rows = np.zeros((len(query_QD), 0), np.int64)
    best = np.zeros((len(query_QD), 0), np.float32)
    for start in range(0, count, _PIECE):
        here = np.arange(start, min(start + _PIECE, count))
        if rows is not None:
            here = rows[here]
        part = vectors_ND[here[0] : here[-1] + 1] if rows is None else vectors_ND[here]
        scores = query_QD @ part.T
        if bias_N is not None:
            scores = scores + bias_N[here]
        found = np.concatenate([best, scores], axis=1)
        found_rows = np.concatenate([best_rows, np.broadcast_to(here, scores.shape)], axis=1)
        if found.shape[1] > top:
            # all that could tie with the last place stay in, so that ties are settled by row below
            last = -np.partition(-found, top - 1, axis=1)[:, top - 1 : top]
            width = int((found >= last).sum(axis=1).max())
            keep = np.argpartition(-found, width - 1, axis=1)[:, :width] if width < found.shape[1] else None
            if keep is not None:
                found = np.take_along_axis(found, keep, axis=1)
                found_rows = np.take_along_axis(found_rows, keep, axis=1)
        order = np.lexsort((found_rows, -found), axis=1)[:, :top]
        best, best_rows = np.take_along_axis(found, order, axis=1), np.take_along_axis(found_rows, order, axis=1)
    return best_rows, best
