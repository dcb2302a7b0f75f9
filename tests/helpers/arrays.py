"""Vectors that tests start from."""

import numpy as np


def unit(x: np.ndarray) -> np.ndarray:
    """Vectors at length 1 along the last axis."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
