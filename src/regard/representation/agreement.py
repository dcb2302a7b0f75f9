"""How well vectors of a low precision stand for the exact ones of the same pictures. Pure numbers."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

NEIGHBOURS = 10
VOTERS = 5


@dataclass(frozen=True)
class Agreement:
    """What was measured on `pictures` pictures.

    Attributes:
        pictures: how many.
        held_out: whether none of them had a part in making the low precision.
        smallest_cosine: over the pictures, between the two vectors of each.
        recall_at_10: share of the 10 nearest others by the exact vectors (of all others where they are fewer) that
            are among the 10 nearest by the low ones; None for a single picture.
        knn_change: share of the pictures whose class their 5 nearest others name, low minus exact; None without
            labels of two classes.
    """

    pictures: int
    held_out: bool
    smallest_cosine: float
    recall_at_10: float | None = None
    knn_change: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for cards."""
        return asdict(self)

    def __str__(self) -> str:
        """For a note: `smallest cosine 0.987, recall@10 0.96 on 300 others`."""
        parts = [f"smallest cosine {self.smallest_cosine:.4f}"]
        if self.recall_at_10 is not None:
            parts.append(f"recall@10 {self.recall_at_10:.3f}")
        if self.knn_change is not None:
            parts.append(f"accuracy of {VOTERS} nearest neighbours {100 * self.knn_change:+.1f} points")
        whose = f"{self.pictures} others" if self.held_out else f"the same {self.pictures}, as there are no more"
        return f"{', '.join(parts)} on {whose}"


def agreement(exact: np.ndarray, low: np.ndarray, labels: np.ndarray | None, held_out: bool) -> Agreement:
    """Compare vectors (n, d) of the same n pictures in two precisions. O(n² d), for hundreds of pictures.

    Args:
        exact: in fp32.
        low: in the low precision.
        labels: (n,) classes, or None.
        held_out: whether the pictures had no part in making `low`.
    """
    a, b = (_unit(vectors) for vectors in (exact, low))
    n = len(a)
    cosine = float((a * b).sum(1).min())
    if n < 2:
        return Agreement(n, held_out, cosine)
    first, second = (_nearest(vectors, min(NEIGHBOURS, n - 1)) for vectors in (a, b))
    recall = float(np.mean([np.isin(two, one).mean() for one, two in zip(first, second)]))
    change = None
    if labels is not None and len(np.unique(labels)) > 1:
        classes, codes = np.unique(labels, return_inverse=True)
        right = [(_vote(near[:, :VOTERS], codes, len(classes)) == codes).mean() for near in (first, second)]
        change = float(right[1] - right[0])
    return Agreement(n, held_out, cosine, recall, change)


def _unit(vectors: np.ndarray) -> np.ndarray:
    wide = vectors.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-30)


def _nearest(unit: np.ndarray, k: int) -> np.ndarray:
    """Places (n, k) of the nearest others, the nearest first."""
    alike = unit @ unit.T
    np.fill_diagonal(alike, -np.inf)
    return np.argsort(-alike, axis=1, kind="stable")[:, :k]


def _vote(near: np.ndarray, codes: np.ndarray, classes: int) -> np.ndarray:
    """The commonest class among each row's neighbours; of equally common ones that of the nearest."""
    votes = np.zeros((len(near), classes))
    for place in range(near.shape[1]):
        votes[np.arange(len(near)), codes[near[:, place]]] += 1 + 1e-3 * 0.5**place
    return votes.argmax(1)
