"""Noise: each value of each pixel goes wrong by itself.

Hendrycks and Dietterich 2019. Strengths are theirs for pictures of 224 pixels and more; smaller ones have less of it
(`_common.fewer`).
"""

import numpy as np

from ._common import fewer

_GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)  # standard deviation
_PHOTONS = (60, 25, 12, 5, 3)  # of a white value
_IMPULSES = (0.03, 0.06, 0.09, 0.17, 0.27)  # share of the values


def gaussian_noise(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Normal noise, of a sensor in little light: x + sigma n."""
    sigma = np.float32(_GAUSSIAN[severity - 1] * fewer(x))
    return np.asarray(x + sigma * rng.standard_normal(x.shape, dtype=np.float32))


def shot_noise(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Light comes in photons: Poisson(c x) / c, so that black stays black."""
    photons = _PHOTONS[severity - 1] / fewer(x) ** 2
    return np.asarray(rng.poisson(x * photons) / photons)


def impulse_noise(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Salt and pepper: a share of the values is 0 or 1."""
    share = _IMPULSES[severity - 1] * fewer(x)
    drawn = rng.random(x.shape)
    return np.where(drawn < share / 2, 0, np.where(drawn > 1 - share / 2, 1, x))


CORRUPTIONS = {"gaussian_noise": gaussian_noise, "shot_noise": shot_noise, "impulse_noise": impulse_noise}
