"""Diffusion: relevance spreads from the query's neighbours along the graph of what is near what.

Iscen et al. 2017, Efficient diffusion on region manifolds: recovering small objects with compact CNN representations
(CVPR, arXiv 1611.05113). On the graph of mutual nearest neighbours, with affinity max(cosine, 0)^3, solve (I - alpha
S) f = y, S the normalised affinity and y the query's own nearest; f ranks. So a result is found that is far from the
query and near to what is near it. The query need not be in the graph, and conjugate gradients solve without inverting.

What differs: by default the graph is made of the query's shortlist, which needs nothing prepared; `Graph.of` makes it
once for a collection, and is then cut down to the shortlist and normalised again, as in the paper's truncation. There
the solver stops after 20 steps; here it goes on until the residual is small. f is not multiplied by 1 - alpha.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike
from scipy.sparse.linalg import cg

from ....core.checks import bad, check_matrix, check_number
from ....metrics.knn import unit
from ._common import Vectors, best_first, checked, others

if TYPE_CHECKING:
    from scipy import sparse

K, GAMMA, ALPHA = 50, 3.0, 0.99
STEPS, TOLERANCE = 200, 1e-6
_PIECE = 1024  # vectors whose neighbours are looked for at once


@dataclass(frozen=True)
class Graph:
    """Which vectors are near which.

    Attributes:
        affinity_NN: (n, n) sparse (scipy CSR), symmetric: max(cosine, 0)^gamma where i and j are among each other's k
            nearest, else nothing; nothing on the diagonal.
        k: neighbours looked at, the vector itself not counted.
        gamma: the power.
    """

    affinity_NN: "sparse.csr_array"
    k: int = K
    gamma: float = GAMMA

    def __len__(self) -> int:
        return int(self.affinity_NN.shape[0])

    @staticmethod
    def of(vectors_ND: ArrayLike, k: int = K, gamma: float = GAMMA) -> "Graph":
        """The graph of these vectors (n, d), whose length does not matter. O(n² d) time, O(n k) memory.

        Raises:
            InputError: NaN, k below 1, gamma not above 0.
        """
        check_number("k", k, 1, whole=True)
        check_number("gamma", gamma, open_low=True, low=0)
        vectors = unit(check_matrix("vectors", vectors_ND))
        pieces = [
            others(vectors, np.arange(start, min(start + _PIECE, len(vectors))), k)
            for start in range(0, len(vectors), _PIECE)
        ]
        near, cosines = np.concatenate([rows for rows, _ in pieces]), np.concatenate([found for _, found in pieces])
        count, width = near.shape
        weights = np.maximum(cosines.ravel(), 0).astype(np.float64) ** gamma
        ends = np.arange(count + 1) * width
        listed = sp.csr_array((weights, near.ravel(), ends), (count, count))
        # what is in one list alone has 0 on the other side
        mutual = listed.minimum(listed.T).tocsr()
        mutual.eliminate_zeros()
        return Graph(mutual, k, gamma)

    def among(self, rows_M: np.ndarray) -> Any:
        """(m, m) the affinity between some of the vectors, in that order; neighbours are not looked for again."""
        return self.affinity_NN[rows_M][:, rows_M]


def diffuse(
    affinity_NN: "sparse.csr_array",
    seeds_N: np.ndarray,
    alpha: float = ALPHA,
    steps: int = STEPS,
    tolerance: float = TOLERANCE,
) -> np.ndarray:
    """Solve (I - alpha D^-1/2 A D^-1/2) f = seeds, (n,), D the sums of A's lines. O(steps * entries of A).

    Args:
        affinity_NN: A, sparse, symmetric, not negative. A vector without neighbours keeps its seed.
        seeds_N: y, what is relevant from the start.
        alpha: in [0, 1): how far relevance spreads.
        steps: of conjugate gradients, at most.
        tolerance: of the residual, relative to the seeds.

    >>> chain = sp.csr_array(np.array([[0, 1.0, 0], [1, 0, 1], [0, 1, 0]]))
    >>> diffuse(chain, np.array([1.0, 0, 0]), alpha=0.5).round(4).tolist()    # spreads, and falls with distance
    [1.1667, 0.4714, 0.1667]
    """
    degree = np.asarray(affinity_NN.sum(axis=1)).ravel()
    scale = sp.diags_array(np.divide(1, np.sqrt(degree), out=np.zeros(len(degree)), where=degree > 0))
    system = sp.eye_array(len(degree)) - alpha * (scale @ affinity_NN @ scale)
    return np.asarray(cg(system.tocsr(), seeds_N, rtol=tolerance, atol=0.0, maxiter=steps)[0])


@dataclass(frozen=True)
class Method:
    """Scores are f, at least 0. What relevance does not reach has 0 and stays in its order.

    With a graph O(m k) a step of the solver for each query, m at most `shortlist`; without one O(m² d) more to make it.

    Attributes:
        k: neighbours in the graph of a shortlist; a `graph` has its own. Not many more than a query has to find: two
            rings of 180 points each are told apart with 10 (mAP 1.0) and not with 50 (0.6, as without diffusion).
        seeds: how many of the query's nearest start.
        gamma: power of the cosines; with a `graph`, the same as there.
        alpha: in [0, 1): how far relevance spreads.
        shortlist: how many results are re-ranked.
        steps: of the solver, at most; 20 in the published code.
        tolerance: of the residual.
        graph: of the whole collection, rows as in the search.
    """

    k: int = K
    seeds: int = 10
    gamma: float = GAMMA
    alpha: float = ALPHA
    shortlist: int = 1000
    steps: int = STEPS
    tolerance: float = TOLERANCE
    graph: Graph | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("k", "seeds", "shortlist", "steps"):
            check_number(name, getattr(self, name), 1, whole=True)
        check_number("gamma", self.gamma, 0, open_low=True)
        check_number("tolerance", self.tolerance, 0, open_low=True)
        if check_number("alpha", self.alpha, 0) >= 1:
            raise bad("alpha", self.alpha, "a number of at least 0 and below 1", "At 1 there is no solution.")
        if self.graph is not None and self.graph.gamma != self.gamma:
            raise bad("gamma", self.gamma, f"{self.graph.gamma}, as the graph was made with")

    def __call__(
        self, query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Reranker`; with a graph the vectors are not read."""
        _, rows, scores, read = checked(query_QD, rows_QM, scores_QM, vectors)
        if self.graph is not None and rows.max() >= len(self.graph):
            raise bad("rows", f"row {rows.max()}", f"rows of the graph, below {len(self.graph)}", "Make it anew.")
        found = [self._line(*line, read) for line in zip(rows, scores)]
        return np.stack([line for line, _ in found]), np.stack([new for _, new in found])

    def _line(self, rows: np.ndarray, scores: np.ndarray, read: Any) -> tuple[np.ndarray, np.ndarray]:
        near = rows[: self.shortlist]
        affinity = (
            Graph.of(read(near), self.k, self.gamma).affinity_NN if self.graph is None else self.graph.among(near)
        )
        seeds = np.zeros(len(near))
        seeds[: self.seeds] = np.maximum(scores[: min(self.seeds, len(near))], 0) ** self.gamma
        new = np.zeros(len(rows))
        new[: len(near)] = np.maximum(diffuse(affinity, seeds, self.alpha, self.steps, self.tolerance), 0)
        return best_first(rows, new)
