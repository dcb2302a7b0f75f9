"""The Gaussian kernel of density ratios, and its usual bandwidth."""

import numpy as np
from scipy.spatial.distance import cdist, pdist

from ...core.runtime import numpy_rng
from .mmd import drawn


def gaussian(X: np.ndarray, Y: np.ndarray, scale: float) -> np.ndarray:
    """exp(-r^2 / (2 scale^2)) of all pairs of rows, (n, m)."""
    return np.exp(-cdist(X, Y, "sqeuclidean") / (2 * scale**2))


def median_distance(Xs: np.ndarray, Xt: np.ndarray, seed: int) -> float:
    """The median distance of pooled pairs, of at most 1,000 samples; 1 where all are equal."""
    Z = drawn(np.concatenate([Xs, Xt]), 1000, numpy_rng(seed, "bandwidth"))
    pairs = pdist(Z)
    return float(np.median(pairs)) or float(pairs.mean()) or 1.0
