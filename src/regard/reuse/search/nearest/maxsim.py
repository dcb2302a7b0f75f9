"""Late interaction: items of several vectors each, compared vector by vector (MaxSim).

Khattab and Zaharia 2020, ColBERT: efficient and effective passage search via contextualized late interaction over BERT
(SIGIR, arXiv 2004.12832): score(Q, X) = sum over the query's vectors of the largest cosine to any of the item's. For
images the vectors are those of regions or patches, so that a part of an image is found in a part of another, and which
region answered which can be drawn.

Items have any number of vectors: all are in one array (t, d), and item i has rows offsets[i] to offsets[i + 1].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....core.checks import bad, check_matrix, check_number
from ....metrics.knn import unit

_PIECE = 8_388_608  # numbers compared at once, but for an item that has more: 32 MiB


@dataclass(frozen=True)
class Matched:
    """The best items for one query of l vectors.

    Attributes:
        rows: (k,) items, best first; equal ones in the collection's order.
        scores: (k,) see `maxsim`.
        which_KL: (k, l) for each of the query's vectors, which of the item's own (0 is its first) is the nearest.
        cosines_KL: (k, l) their cosines, which add up to the score.
    """

    rows: np.ndarray
    scores: np.ndarray
    which_KL: np.ndarray
    cosines_KL: np.ndarray


def maxsim(query_LD: Any, vectors_TD: Any, offsets: Any, mean: bool = False) -> np.ndarray:
    """Scores (n,) of all items: sum over l of max over the item's vectors x of cosine(q_l, x).

    O(l t d) time; memory O(n) and pieces, so that the vectors can be a file's. A vector of zeros is at cosine 0.

    Args:
        query_LD: (l, d) the query's vectors.
        vectors_TD: (t, d) all items' vectors, an array or whatever is read like one by slices.
        offsets: (n + 1,) whole numbers from 0 to t, never falling.
        mean: divide by l, so that scores lie in [-1, 1] whatever the query.

    Returns:
        -infinity for an item without vectors.

    Raises:
        InputError: shapes that do not match, NaN, a query vector of zeros, offsets that do not cover the vectors.

    >>> maxsim([[1, 0], [0, 1]], np.array([[0.0, 2], [0.6, 0.8], [1, 0]]), [0, 1, 3]).tolist()
    [1.0, 1.8]
    """
    query, ends = _checked(query_LD, vectors_TD, offsets)
    scores = np.full(len(ends) - 1, -np.inf)
    for first, last in _pieces(ends, max(1, _PIECE // query.shape[1])):
        filled = first + np.flatnonzero(np.diff(ends[first : last + 1]))
        if len(filled):
            cosines = _unit(vectors_TD, ends[first], ends[last]) @ query.T
            # items without vectors lie between two starts that are the same, so leaving them out loses nothing
            scores[filled] = np.maximum.reduceat(cosines, ends[filled] - ends[first], axis=0).sum(axis=1)
    return scores / len(query) if mean else scores


def top_maxsim(query_LD: Any, vectors_TD: Any, offsets: Any, top: int = 10, mean: bool = False) -> Matched:
    """The `top` best items by `maxsim`, and which of their vectors answered; items without vectors never come.

    >>> found = top_maxsim([[1, 0], [0, 1]], np.array([[0.0, 2], [0.6, 0.8], [1, 0]]), [0, 1, 3], top=1)
    >>> found.rows.tolist(), found.which_KL.tolist(), found.cosines_KL.tolist()
    ([1], [[1, 0]], [[1.0, 0.8]])
    """
    check_number("top", top, 1, whole=True)
    scores = maxsim(query_LD, vectors_TD, offsets, mean)
    query, ends = _checked(query_LD, vectors_TD, offsets)
    rows = np.argsort(-scores, kind="stable")[:top]
    rows = rows[np.isfinite(scores[rows])]
    which = np.zeros((len(rows), len(query)), np.int64)
    cosines = np.zeros((len(rows), len(query)))
    for place, row in enumerate(rows):
        found = _unit(vectors_TD, ends[row], ends[row + 1]) @ query.T
        which[place] = found.argmax(axis=0)
        cosines[place] = found.max(axis=0)
    return Matched(rows, scores[rows], which, cosines)


def _pieces(ends: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Items first to last (not included) that have at most so many vectors together, or one item."""
    first = 0
    while first < len(ends) - 1:
        last = int(np.searchsorted(ends, ends[first] + most, side="right")) - 1
        yield first, (first := max(last, first + 1))


def _unit(vectors_TD: Any, start: int, end: int) -> np.ndarray:
    return unit(check_matrix("vectors", vectors_TD[start:end]))


def _checked(query_LD: Any, vectors_TD: Any, offsets: Any) -> tuple[np.ndarray, np.ndarray]:
    """The query's vectors at length 1, and the offsets."""
    query = check_matrix("query", query_LD)
    if not np.linalg.norm(query, axis=1).all():
        raise bad("query", "a vector of zeros", "vectors with a direction", "Leave blank regions out.")
    shape = np.shape(vectors_TD)
    if len(shape) != 2 or shape[1] != query.shape[1]:
        raise bad("vectors", f"shape {shape}", f"shape (t, {query.shape[1]}), of all items together, as the query")
    ends = np.asarray(offsets)
    if ends.ndim != 1 or len(ends) < 2 or ends.dtype.kind not in "iu":
        raise bad("offsets", f"{ends.dtype} of shape {ends.shape}", "whole numbers (n + 1,) for n items, at least one")
    ends = ends.astype(np.int64)
    if ends[0] != 0 or ends[-1] != shape[0] or (np.diff(ends) < 0).any():
        raise bad("offsets", f"{ends[0]} to {ends[-1]}", f"numbers from 0 to {shape[0]} that never fall")
    return unit(query), ends
