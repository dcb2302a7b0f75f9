"""k-reciprocal encoding: two images are alike where they are among each other's neighbours, and their neighbours agree.

Zhong et al. 2017, Re-ranking person re-identification with k-reciprocal encoding (CVPR, arXiv 1701.08398). Each image
is written as weights on those that have it among their k1 nearest as it has them; what two such sets share gives
their Jaccard distance, which is mixed with the distance of the vectors.

What differs: the graph is that of each query and its shortlist alone, O(m²) a query where the published one is O(n²)
for all. With the whole collection as the shortlist it is the published one of that query. (There, all queries are in
one graph, so that a query's result depends on the others; `k_reciprocal_distances` does that where it is asked.)
Where paper and released code differ, this follows the code, as others do: an image counts itself among its neighbours,
sets must share more than (not at least) two thirds, weights add up to 1, and distances are squared Euclidean ones
divided by each image's largest.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from ....core.checks import check_number
from ._common import Vectors, best_first, checked

K1, K2, WEIGHT = 20, 6, 0.3


def k_reciprocal_distances(
    cosines_AA: np.ndarray, queries: int, k1: int = K1, k2: int = K2, weight: float = WEIGHT
) -> np.ndarray:
    """Distances (q, a - q) from the first q images to the others: (1 - weight) * Jaccard + weight * original.

    Jaccard(i, j) = 1 - sum min(V_i, V_j) / sum max(V_i, V_j), of the weights V of `encode`. Original(i, j) = |x_i -
    x_j|² divided by the largest of i's. O(a²) memory for what comes in; V is sparse.

    Args:
        cosines_AA: (a, a) cosines of all images, symmetric; the queries come first.
        queries: q, from 1 to a - 1.
        k1: neighbours that must be mutual.
        k2: neighbours (the image itself is the first) whose weights are averaged; 1 for none.
        weight: of the original distance, the paper's lambda.
    """
    distances = _scaled(cosines_AA)
    codes = encode(cosines_AA, k1, k2)
    columns = codes.tocsc()
    found = np.empty((queries, len(distances) - queries))
    for i in range(queries):
        own = slice(codes.indptr[i], codes.indptr[i + 1])
        touched = columns[:, codes.indices[own]]
        least = np.minimum(touched.data, np.repeat(codes.data[own], np.diff(touched.indptr)))
        shared = np.bincount(touched.indices, least, minlength=len(distances))[queries:]
        # each line of V adds up to 1, so the largest of two add up to 2 less the smallest
        found[i] = (1 - weight) * (1 - shared / (2 - shared)) + weight * distances[i, queries:]
    return found


def encode(cosines_AA: np.ndarray, k1: int = K1, k2: int = K2) -> Any:
    """Weights V (a, a), sparse (CSR): image i as exp(-distance) on its k-reciprocal set; each line adds up to 1.

    R(i, k): images among i's k nearest (and i) that have i among theirs. The set of i is R(i, k1), and all of R(j, k1
    / 2) for each j in it with |R(i, k1) and R(j, k1 / 2)| > 2/3 |R(j, k1 / 2)|. Lines are then averaged over the k2
    nearest (i itself is the first of them), whatever k1 is; where there are fewer images, over all.
    """
    order = _neighbours(cosines_AA, max(k1, k2 - 1))  # few mutual neighbours may be averaged over more images
    mutual, half = _reciprocal(order, k1), _reciprocal(order, round(k1 / 2))
    shared = (mutual @ half.T).multiply(mutual).tocoo()
    sizes = np.asarray(half.sum(axis=1)).ravel()
    good = 3 * shared.data > 2 * sizes[shared.col]
    joined = sp.csr_array((np.ones(good.sum()), (shared.row[good], shared.col[good])), mutual.shape)
    members = (mutual + joined @ half).tocoo()
    weights = np.exp(-_scaled(cosines_AA)[members.row, members.col])
    weights /= np.bincount(members.row, weights, minlength=len(order))[members.row]
    codes = sp.csr_array((weights, (members.row, members.col)), mutual.shape)
    return (_matrix(order[:, :k2]) @ codes / min(k2, order.shape[1])).tocsr()


@dataclass(frozen=True)
class Method:
    """Scores are 1 - distance. O(m² (d + log m)) time and O(m²) memory a query, with m at most `shortlist`.

    Results beyond the shortlist share no neighbour with the query (Jaccard distance 1) and stay in their order.

    Attributes:
        k1: neighbours that must be mutual; about as many as a query has to find.
        k2: neighbours whose encodings are averaged.
        weight: of the original distance, in [0, 1]; the paper's lambda.
        shortlist: how many results are re-ranked.
    """

    k1: int = K1
    k2: int = K2
    weight: float = WEIGHT
    shortlist: int = 200

    def __post_init__(self) -> None:
        for name in ("k1", "k2", "shortlist"):
            check_number(name, getattr(self, name), 1, whole=True)
        check_number("weight", self.weight, 0, 1)

    def __call__(
        self, query_QD: ArrayLike, rows_QM: ArrayLike, scores_QM: ArrayLike, vectors: Vectors
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Reranker`."""
        query, rows, scores, read = checked(query_QD, rows_QM, scores_QM, vectors)
        found = [self._line(*line, read) for line in zip(query, rows, scores)]
        return np.stack([line for line, _ in found]), np.stack([new for _, new in found])

    def _line(
        self, query: np.ndarray, rows: np.ndarray, scores: np.ndarray, read: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        near = rows[: self.shortlist]
        images = np.concatenate([query[None], read(near)])
        cosines = images @ images.T
        distances = k_reciprocal_distances(cosines, 1, self.k1, self.k2, self.weight)[0]
        far = (1 - self.weight) + self.weight * (2 - 2 * scores[self.shortlist :]) / _largest(cosines)[0]
        return best_first(rows, 1 - np.concatenate([distances, far]))


def _neighbours(cosines_AA: np.ndarray, k: int) -> np.ndarray:
    """(a, min(k + 1, a)) the nearest of each, itself first; equal ones in their order."""
    nearness = cosines_AA.copy()
    np.fill_diagonal(nearness, np.inf)
    return np.argsort(-nearness, axis=1, kind="stable")[:, : k + 1]


def _reciprocal(order_AK: np.ndarray, k: int) -> Any:
    among = _matrix(order_AK[:, : k + 1])
    return among.multiply(among.T).tocsr()


def _matrix(near_AK: np.ndarray) -> Any:
    """(a, a) sparse: 1 where column j is among line i's."""
    count, k = near_AK.shape
    ends = np.arange(0, count * k + 1, k)
    return sp.csr_array((np.ones(count * k), near_AK.ravel(), ends), (count, count))


def _scaled(cosines_AA: np.ndarray) -> np.ndarray:
    return np.maximum(2 - 2 * cosines_AA, 0) / _largest(cosines_AA)[:, None]


def _largest(cosines_AA: np.ndarray) -> np.ndarray:
    """(a,) each one's largest squared distance; 1 where all are the same."""
    largest = np.maximum(2 - 2 * cosines_AA, 0).max(axis=1)
    return np.where(largest > 0, largest, 1)
