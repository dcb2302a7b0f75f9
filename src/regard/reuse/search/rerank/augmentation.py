"""Database-side augmentation: each result becomes the mean of itself and of its own neighbours.

Turcot and Lowe 2009, Better matching with fewer features (ICCV workshops); Arandjelović and Zisserman 2012, Three
things everyone should know to improve object retrieval (CVPR); weighted by the cosine to the power alpha: Gordo et al.
2017, End-to-end learning of deep visual representations for image retrieval (IJCV 124, arXiv 1610.07940).

What differs: `Method` looks for neighbours among the results that it was given, so that the collection is not changed
and stays in step with its images. `augment` is the published form, of a whole collection at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import bad, check_matrix
from ....metrics.knn import unit
from ._common import Vectors, best_first, checked, others
from .expansion import ALPHA, TOP, check_settings, expand

_PIECE = 512  # vectors whose neighbours are looked for at once


@dataclass(frozen=True)
class Method:
    """Scores are the cosines of the query to the augmented results. O(m² d) a query.

    Attributes:
        top: neighbours that are taken into each result.
        alpha: the power of their cosines that they are weighted by; 0 is the plain mean.
    """

    top: int = TOP
    alpha: float = ALPHA

    def __call__(
        self, query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Reranker`."""
        query, rows, _, read = checked(query_QD, rows_QM, scores_QM, vectors)
        check_settings(self.top, self.alpha)
        found = [
            best_first(line, augment(read(line), self.top, self.alpha) @ asked) for line, asked in zip(rows, query)
        ]
        return np.stack([line for line, _ in found]), np.stack([scores for _, scores in found])


def augment(vectors_ND: ArrayLike, top: int = TOP, alpha: float = ALPHA) -> np.ndarray:
    """Database-side augmentation (alpha-DBA): every vector expanded by its own nearest neighbours, (n, d).

    x' = normalise(x + sum over its `top` nearest others of max(s, 0)^alpha * y), all from the vectors as they came. A
    vector's place then speaks for its neighbourhood; items that are alone keep theirs. Queries stay as they are.

    O(n² d) time: ten times the vectors take a hundred times as long. Memory is the result and pieces of it; there is
    no n x n matrix.

    Args:
        vectors_ND: (n, d), not changed; their length does not matter.
        top: neighbours taken in; all the others where there are fewer.
        alpha: at least 0.

    Raises:
        InputError: NaN, a vector of zeros.
    """
    check_settings(top, alpha)
    vectors = check_matrix("vectors", vectors_ND)
    lengths = np.linalg.norm(vectors, axis=1)
    if not lengths.all():
        raise bad("vectors", f"a vector of zeros (row {int(lengths.argmin())})", "vectors with a direction")
    vectors = unit(vectors)
    new = np.empty_like(vectors)
    for start in range(0, len(vectors), _PIECE):
        own = np.arange(start, min(start + _PIECE, len(vectors)))
        near, cosines = others(vectors, own, top)
        new[own] = expand(vectors[own], vectors[near], cosines, alpha)
    return new
