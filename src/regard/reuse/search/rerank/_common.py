"""What every re-ranking takes and gives, and the checks of it.

A re-ranking is a frozen dataclass `Method` of settings that is called as `Reranker` says; a new one is a new file.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import bad, check_matrix
from ....metrics.knn import unit
from ..nearest.exact import top_by_product

Reader = Callable[[np.ndarray], np.ndarray]
Vectors = ArrayLike | Reader  # of the collection, (n, d), or a function that reads rows of them
_SLACK = 1e-3  # by how much a cosine in half precision passes 1


class Reranker(Protocol):
    """Gives results a new order."""

    def __call__(
        self, query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows (q, m), the same in each line as came in, and their new scores, best first.

        Args:
            query_QD: (q, d) queries; their length does not matter.
            rows_QM: (q, m) what was found for each, best first, none twice.
            scores_QM: (q, m) the cosines, never rising along a line.
            vectors: (n, d) the collection, or a function that gives the vectors (m, d) of rows (m,); their length
                does not matter.

        Raises:
            InputError: shapes that do not match, NaN, a query of zeros, scores that are not falling cosines.
        """


def checked(
    query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Reader]:
    """The arguments of a `Reranker`, with queries and what is read of length 1, in double precision."""
    query = check_matrix("query", query_QD)
    if not np.linalg.norm(query, axis=1).all():
        raise bad("query", "a vector of zeros", "vectors with a direction", "Is the image blank?")
    rows = np.asarray(rows_QM)
    if rows.ndim != 2 or len(rows) != len(query) or rows.shape[1] < 1 or rows.dtype.kind not in "iu":
        raise bad("rows", f"{rows.dtype} of shape {rows.shape}", f"whole numbers ({len(query)}, m) with m at least 1")
    ordered = np.sort(rows, axis=1)
    if ordered[:, 0].min() < 0 or (ordered[:, 1:] == ordered[:, :-1]).any():
        raise bad("rows", "a negative row or one that comes twice for a query", "rows of the collection, each once")
    scores = check_matrix("scores", scores_QM)
    if scores.shape != rows.shape:
        raise bad("scores", f"shape {scores.shape}", f"shape {rows.shape}, as rows")
    if np.abs(scores).max() > 1 + _SLACK:
        raise bad("scores", f"{scores.flat[np.abs(scores).argmax()]:g}", "cosines", "Re-rank what a search gave.")
    if (np.diff(scores, axis=1) > _SLACK).any():
        raise bad("scores", "scores that rise along a line", "each query's best result first")
    return unit(query.astype(np.float64)), rows, scores.astype(np.float64), _reader(vectors, query.shape[1])


def best_first(rows_M: np.ndarray, scores_M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By falling score; equal ones stay in the order they came in."""
    order = np.argsort(-scores_M, kind="stable")
    return rows_M[order], scores_M[order]


def _reader(vectors: Vectors, dim: int) -> Reader:
    """A function that gives the vectors of rows at length 1."""
    held: Any = vectors
    read = held if callable(held) else held.__getitem__

    def unit_vectors(rows: np.ndarray) -> np.ndarray:
        try:
            found = check_matrix("vectors", read(rows))
        except IndexError as error:
            raise bad("rows", f"row {int(rows.max())}", "rows of the collection") from error
        if found.shape != (len(rows), dim):
            raise bad("vectors", f"shape {found.shape}", f"shape ({len(rows)}, {dim}): one of each row, as the query")
        return unit(found.astype(np.float64))

    return unit_vectors


def others(vectors_ND: np.ndarray, own_M: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """The `top` nearest to some of the vectors (of length 1) by cosine, themselves left out: rows and cosines (m, k).

    k = min(top, n - 1). O(m n d).
    """
    rows, cosines = top_by_product(vectors_ND, vectors_ND[own_M], top + 1)
    itself = rows == own_M[:, None]
    # where more than `top` others are equal to it, a vector need not be among its own nearest
    itself[~itself.any(axis=1), -1] = True
    shape = (len(own_M), rows.shape[1] - 1)
    return rows[~itself].reshape(shape), cosines[~itself].reshape(shape)
