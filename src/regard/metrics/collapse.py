"""Whether features have collapsed: how far they spread, and over how many directions.

Chen & He 2021 (SimSiam, figure 2) for the spread of unit vectors; Roy & Vetterli 2007 (EUSIPCO) for the effective rank.
"""

import numpy as np

from ..core.linalg import singular_values
from .knn import unit


def feature_spread(features: np.ndarray) -> float:
    """sqrt(d) times the standard deviation of unit vectors (n, d), averaged over dimensions.

    1 for vectors in all directions, 0 where all samples get the same vector.

    >>> feature_spread(np.ones((5, 3)))
    0.0
    """
    return float(unit(features).std(axis=0).mean() * np.sqrt(features.shape[1]))


def effective_rank(features: np.ndarray) -> float:
    """exp(entropy) of the shares of the singular values of centred features (n, d): from 1 to min(n - 1, d).

    0 where all samples get the same vector.

    >>> round(effective_rank(np.vstack([np.eye(4), -np.eye(4)])), 6)
    4.0
    """
    centred = features - features.mean(axis=0)
    values = singular_values(centred)
    if not values.max(initial=0.0) > 1e-9 * max(float(np.abs(features).max(initial=0.0)), 1e-300):
        return 0.0
    share = values / values.sum()
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))
