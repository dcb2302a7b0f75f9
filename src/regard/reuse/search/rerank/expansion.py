"""Query expansion: the query becomes the mean of itself and of what it found first.

Chum et al. 2007, Total Recall: automatic query expansion with a generative feature model for object retrieval (ICCV):
the plain mean (`alpha=0`). Radenović et al. 2018, Fine-tuning CNN image retrieval with no human annotation (TPAMI,
arXiv 1711.02512): each is weighted by its cosine to the power alpha, so that a wrong one among the first harms less.
`augmentation` does the same to what was found.

What differs: Chum et al. take only results that geometry has verified; here the first `top` are trusted as they are.
The published way searches again with the new query (`expanded`, then a search); `Method` only gives the list that it
was given new scores, so that it does not find what the first search missed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import check_number
from ....metrics.knn import unit
from ._common import Vectors, best_first, checked

TOP, ALPHA = 10, 3.0


def expand(vectors_ND: np.ndarray, near_NKD: np.ndarray, cosines_NK: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Each vector with its neighbours: x' = normalise(x + sum over k of max(s_k, 0)^alpha * y_k), (n, d).

    All vectors are of length 1. With alpha = 0 it is the plain mean's direction, whatever the cosines.

    >>> expand(np.array([[1.0, 0.0]]), np.array([[[0.0, 1.0]]]), np.array([[0.5]]), alpha=1.0).round(3)
    array([[0.894, 0.447]])
    """
    weights = np.maximum(cosines_NK, 0) ** alpha
    return unit(vectors_ND + np.einsum("nk,nkd->nd", weights.astype(vectors_ND.dtype), near_NKD))


def expanded(
    query_QD: ArrayLike,
    rows_QM: ArrayLike,
    scores_QM: ArrayLike,
    vectors: Vectors,
    top: int = TOP,
    alpha: float = ALPHA,
) -> np.ndarray:
    """Queries (q, d) of length 1 to search with again; arguments and errors as `Reranker` has them. O(q top d).

    Args:
        query_QD: queries.
        rows_QM: what each found.
        scores_QM: their cosines.
        vectors: the collection.
        top: how many results are taken in; all where there are fewer.
        alpha: at least 0; the larger, the less the far ones count.
    """
    query, rows, scores, read = checked(query_QD, rows_QM, scores_QM, vectors)
    check_settings(top, alpha)
    return np.concatenate(
        [expand(query[i : i + 1], read(rows[i, :top])[None], scores[i : i + 1, :top], alpha) for i in range(len(query))]
    )


@dataclass(frozen=True)
class Method:
    """Scores are the cosines to the expanded query. O(m d) a query.

    Attributes:
        top: how many results are taken into the query.
        alpha: the power of their cosines that they are weighted by; 0 is average query expansion.
    """

    top: int = TOP
    alpha: float = ALPHA

    def __call__(
        self, query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Reranker`."""
        _, rows, _, read = checked(query_QD, rows_QM, scores_QM, vectors)
        queries = expanded(query_QD, rows_QM, scores_QM, vectors, self.top, self.alpha)
        found = [best_first(line, read(line) @ query) for line, query in zip(rows, queries)]
        return np.stack([line for line, _ in found]), np.stack([scores for _, scores in found])


def check_settings(top: int, alpha: float) -> None:
    """Refuse less than one neighbour, and a negative power."""
    check_number("top", top, 1, whole=True)
    check_number("alpha", alpha, 0)
