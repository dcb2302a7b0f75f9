"""Vectors, and what is said of them."""

import numpy as np


def unit(x: np.ndarray) -> np.ndarray:
    """Vectors at length 1 along the last axis."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row, the cosine of two sets of vectors."""
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def known_first(y: np.ndarray, known: int) -> np.ndarray:
    """Labels of which the first `known` may be seen; the others are marked as unknown."""
    from regard.adapt.labels import UNKNOWN

    labels = np.array(y, dtype=object)
    labels[known:] = UNKNOWN
    return labels
