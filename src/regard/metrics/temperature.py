"""Temperature scaling: one number that makes probabilities mean what they say, and changes no answer.

Guo, Pleiss, Sun and Weinberger 2017, On calibration of modern neural networks (ICML, arXiv 1706.04599), section 4.2:
softmax(z / T), with the T > 0 that makes the mean of -log p of the right class least on images that were not learned
from. For several labels an image sigmoid(z / T), and the mean is over all of them. The loss is convex in 1 / T, so that
a search in one dimension finds the least.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad

LOWEST, HIGHEST = 0.05, 20.0  # where the search ends: of separable images the best T is 0, of mere noise it is infinite


def probabilities(logits: ArrayLike, temperature: float = 1.0, several: bool = False) -> np.ndarray:
    """(n, C) float64: softmax of logits / T, or with `several` labels an image the sigmoid of each.

    >>> probabilities([[0.0, 0.0]]), probabilities([[0.0, 0.0]], several=True)
    (array([[0.5, 0.5]]), array([[0.5, 0.5]]))
    """
    from scipy.special import expit, softmax

    scaled = np.asarray(logits, np.float64) / temperature
    return expit(scaled) if several else softmax(scaled, axis=1)


def log_loss(logits: ArrayLike, truth: ArrayLike, temperature: float = 1.0) -> float:
    """Mean of -log of the probability of what is right.

    Args:
        logits: (n, C).
        truth: (n,) places of the right classes; or (n, C) of 0 and 1, several labels an image.
        temperature: T.

    >>> round(log_loss([[0.0, 0.0], [0.0, 0.0]], [0, 1]), 4)  # log 2
    0.6931
    """
    from scipy.special import logsumexp

    z, right = np.asarray(logits, np.float64) / temperature, np.asarray(truth)
    if right.ndim == 2:
        return float(np.mean(np.logaddexp(0, z) - right * z))
    return float(np.mean(logsumexp(z, axis=1) - np.take_along_axis(z, right[:, None], 1)[:, 0]))


def fit_temperature(logits: ArrayLike, truth: ArrayLike) -> float:
    """The temperature from 0.05 to 20 with the least `log_loss`; arguments as there.

    Raises:
        InputError: no images, NaN, or shapes that do not belong together.

    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(20_000, 3))
    >>> truth = (z + rng.gumbel(size=z.shape)).argmax(1)  # drawn from softmax(z)
    >>> round(fit_temperature(3 * z, truth), 1)
    3.0
    """
    from scipy.optimize import minimize_scalar

    z, right = np.asarray(logits, np.float64), np.asarray(truth)
    if z.ndim != 2 or not len(z) or right.shape not in ((len(z),), z.shape):
        raise bad("truth", f"shape {right.shape} for logits {z.shape}", "(n,) places or (n, C) of 0 and 1, n above 0")
    if not np.isfinite(z).all():
        raise bad("logits", "NaN or infinity", "finite numbers")
    ends = np.log(LOWEST), np.log(HIGHEST)
    found = minimize_scalar(lambda t: log_loss(z, right, float(np.exp(t))), bounds=ends, method="bounded")
    return float(np.exp(found.x))
