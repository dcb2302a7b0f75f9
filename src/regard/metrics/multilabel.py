"""Several labels an image: how well each class ranks the images that have it above those that do not.

    AP = sum over ranks k of (recall_k - recall_(k-1)) precision_k,   mAP = mean of AP over classes

Images with equal scores share a rank. This is the area under the curve without interpolation, as scikit-learn's
average_precision_score has it; PASCAL VOC's rules, which interpolate, are in `average_precision`. A random ranking
gives on average about the share of images that have the class.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad


def label_precisions(truth: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """Average precision of each class, (C,) in [0, 1]; NaN of a class that no image has. O(C n log n).

    Args:
        truth: (n, C) bool, which images have which labels.
        scores: (n, C), larger where a label is likelier.

    Raises:
        InputError: other shapes, or scores that are NaN.

    >>> label_precisions([[1, 0], [0, 0], [1, 0]], [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]).round(3).tolist()
    [0.833, nan]
    """
    right, value = np.asarray(truth, bool), np.asarray(scores, np.float64)
    if right.ndim != 2 or right.shape != value.shape:
        raise bad("scores", f"shape {value.shape}", f"a score for each image and class, {right.shape}")
    if np.isnan(value).any():
        raise bad("scores", "NaN", "numbers")
    found = np.full(right.shape[1], np.nan)
    for one in np.flatnonzero(right.any(axis=0)):
        order = np.argsort(-value[:, one], kind="stable")
        hits = np.cumsum(right[order, one])
        last = np.append(np.diff(value[order, one]) != 0, True)  # of each rank
        at = np.flatnonzero(last)
        found[one] = np.sum(np.diff(hits[at], prepend=0) / hits[-1] * hits[at] / (at + 1))
    return found


def mean_label_precision(truth: ArrayLike, scores: ArrayLike) -> float:
    """mAP: the mean of `label_precisions` over the classes that some image has; NaN where none has any."""
    each = label_precisions(truth, scores)
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")


def permutation_p(truth: ArrayLike, scores: ArrayLike, rng: np.random.Generator, draws: int = 200) -> float:
    """One-sided p-value of mAP: how often it is as high with the labels of all images dealt anew, whole rows together.

    (1 + k) / (1 + draws), with k of the draws at least as high (Phipson and Smyth 2010), so that it is never 0. Of few
    images a random order gives more than the share of images that have a label, which this counts in.
    O(draws C n log n).

    >>> truth = np.arange(40)[:, None] < 20
    >>> permutation_p(truth, -np.arange(40.0)[:, None], np.random.default_rng(0)) < 0.01
    True
    """
    right, found = np.asarray(truth, bool), mean_label_precision(truth, scores)
    as_high = sum(mean_label_precision(right[rng.permutation(len(right))], scores) >= found for _ in range(draws))
    return (1 + as_high) / (1 + draws)
