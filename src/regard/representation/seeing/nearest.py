"""The nearest pictures of a few, in the space of one layer: streamed, with nothing kept but the nearest."""

import numpy as np

from ...metrics.knn import unit


class Near:
    """The nearest of each query by cosine similarity.

    Attributes:
        scores: (Q, k) from the nearest on; -inf where there were fewer pictures.
        images: (Q, k) rows of the collection.
    """

    def __init__(self, queries_QD: np.ndarray, rows: np.ndarray, k: int) -> None:
        """Queries with their own rows in the collection, which are not their own neighbours."""
        self._queries, self._rows = unit(queries_QD.astype(np.float64)), np.asarray(rows)
        self.scores = np.full((len(rows), k), -np.inf)
        self.images = np.full((len(rows), k), -1)

    def add(self, images: np.ndarray, vectors_ND: np.ndarray) -> None:
        """Take more pictures: their rows (N,), rising from call to call, and vectors; equal ones stay in that order."""
        k = self.scores.shape[1]
        found = self._queries @ unit(vectors_ND.astype(np.float64)).T
        found[self._rows[:, None] == images[None]] = -np.inf
        scores = np.concatenate([self.scores, found], axis=1)
        rows = np.concatenate([self.images, np.where(np.isfinite(found), images, -1)], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        self.scores, self.images = (np.take_along_axis(one, order, 1) for one in (scores, rows))
