"""Queries from several images: what all of some show, and what others show is not wanted.

Rocchio 1971, Relevance feedback in information retrieval (in Salton, The SMART retrieval system): the query moves to
the mean of what is relevant and away from the mean of what is not. What differs: there is no query beside the examples
(give it as a positive), every vector counts at length 1, and negative entries stay, as vectors of images are not counts
of words.
"""

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import bad, check_matrix, check_number
from ....metrics.knn import unit

BETA = 0.5
_LEAST = 1e-6  # of the length of what is left, below which its direction is rounding


def combine(positives: ArrayLike, negatives: ArrayLike | None = None, beta: float = BETA) -> np.ndarray:
    """One query (d,) of length 1: normalise(mean of positives - beta * mean of negatives), each at length 1 first.

    How much negatives count is a matter of choice. Rocchio's own query has them count like positives (1); in text
    search 0.15 to 0.25 beside 0.75 for the positives is usual, a ratio of 0.2 to 0.33 (Manning et al. 2008,
    Introduction to information retrieval, section 9.1), as what is wrong is wrong in many ways. The default lies
    between the two, and none of them was tuned on images. At 1 what positives and negatives share is gone from the
    query; above that it is searched for what is unlike the negatives.

    Args:
        positives: (p, d), at least one.
        negatives: (m, d), or None.
        beta: at least 0.

    Raises:
        InputError: NaN, a vector of zeros, or nothing left: what is wanted and what is not cancel out.

    >>> combine([[1.0, 0.0], [0.0, 1.0]]).round(3).tolist()
    [0.707, 0.707]
    >>> combine([[2.0, 0.0]], [[0.0, 3.0]]).round(3).tolist()
    [0.894, -0.447]
    """
    check_number("beta", beta, 0)
    wanted = _directions("positives", positives)
    query = wanted.mean(axis=0)
    if negatives is not None:
        query = query - beta * _directions("negatives", negatives, wanted.shape[1]).mean(axis=0)
    length = float(np.linalg.norm(query))
    if length < _LEAST:
        raise bad(
            "positives",
            f"vectors that cancel out{'' if negatives is None else f' with the negatives at beta={beta:g}'}",
            "examples that leave a direction",
            "Give fewer examples" + ("." if negatives is None else ", or a smaller beta."),
        )
    return query / length


def _directions(argument: str, vectors: ArrayLike, columns: int | None = None) -> np.ndarray:
    array = check_matrix(argument, vectors)
    if columns is not None and array.shape[1] != columns:
        raise bad(argument, f"{array.shape[1]} dimensions", f"{columns}, as the positives have")
    lengths = np.linalg.norm(array, axis=1)
    if not lengths.all():
        row = int(lengths.argmin())
        raise bad(argument, f"a vector of zeros (row {row})", "vectors with a direction", "Is the image blank?")
    return unit(array.astype(np.float64))
