"""Cross-domain similarity local scaling (CSLS): what is near everything is no answer; it is taken down by as much.

Conneau et al. 2018, Word translation without parallel data (ICLR, arXiv 1710.04087), eq. 2-3. Between two domains some
items are neighbours of very many (hubs) and others of none. CSLS takes from each cosine how near both sides are to
their own neighbours on the other side.

What differs: `csls` is the published form, of all queries and a whole collection; `Method` gives it to the results that
it was handed. How near a result is to the queries' domain needs other queries of that domain (`queries`: those that are
asked together, in `regard search` and `search-eval`). Of one query alone nothing is known, and the order stays: to take
the collection's own neighbours in their place lost more than it gave (docs/reproduced.md).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import check_matrix, check_number
from ....metrics.knn import unit
from ._common import Vectors, best_first, checked

NEIGHBOURS = 10


def csls(query_QD: ArrayLike, vectors_ND: ArrayLike, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Scores (q, n) of all queries and a whole collection: 2 cos(q, x) - r(q) - r(x). O(q n d).

    r(q) is the mean cosine of q to its `neighbours` nearest in the collection, r(x) that of x to its nearest queries
    (to all, where there are fewer).

    Args:
        query_QD: (q, d) queries of one domain; their length does not matter.
        vectors_ND: (n, d) the collection, of another.
        neighbours: at least 1.

    Raises:
        InputError: NaN, dimensions that differ.

    >>> csls(np.eye(2), np.array([[1.0, 0.0], [1.0, 1.0]]), neighbours=1).round(2).tolist()
    [[0.0, -0.29], [-1.71, 0.0]]
    """
    check_number("neighbours", neighbours, 1, whole=True)
    query = check_matrix("query", query_QD)
    vectors = check_matrix("vectors", vectors_ND, columns=query.shape[1])
    cosines = unit(query.astype(np.float64)) @ unit(vectors.astype(np.float64)).T
    return 2 * cosines - nearness(cosines, neighbours)[:, None] - nearness(cosines.T, neighbours)


def nearness(cosines_NM: np.ndarray, neighbours: int) -> np.ndarray:
    """(n,) the mean of the `neighbours` largest of each line; of all, where there are fewer."""
    k = min(neighbours, cosines_NM.shape[1])
    return np.partition(cosines_NM, -k, axis=1)[:, -k:].mean(axis=1)


@dataclass(frozen=True)
class Method:
    """Scores are 2 cos(q, x) - r(q) - r(x), with r(q) over the results and r(x) over `queries`. O(m q d) a query.

    Attributes:
        neighbours: whose cosines are averaged.
        queries: (q, d) queries of the domain that is asked from, the one at hand among them; None: that one alone,
            which leaves the order as it was.
    """

    neighbours: int = NEIGHBOURS
    queries: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_number("neighbours", self.neighbours, 1, whole=True)

    def __call__(
        self, query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Reranker`."""
        query, rows, _, read = checked(query_QD, rows_QM, scores_QM, vectors)
        known = None
        if self.queries is not None:
            known = unit(check_matrix("queries", self.queries, columns=query.shape[1]).astype(np.float64))
        found = []
        for asked, line in zip(query, rows):
            images = read(line)
            cosines = images @ asked
            near = cosines if known is None else nearness(images @ known.T, self.neighbours)
            found.append(best_first(line, 2 * cosines - near - nearness(cosines[None], self.neighbours)))
        return np.stack([line for line, _ in found]), np.stack([scores for _, scores in found])
