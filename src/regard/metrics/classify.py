"""How often labels are right: accuracy, balanced accuracy, confusion, precision and recall by class."""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_labels


def accuracy(ground_truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of predictions that equal the ground truth, in [0, 1]; both have shape (n,).

    >>> accuracy(["cat", "dog", "dog"], ["cat", "dog", "cat"])
    0.6666667
    """
    ground_truth, predicted = _pair(ground_truth, predicted)
    return float(np.mean(ground_truth == predicted))


def balanced_accuracy(ground_truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over the classes of `ground_truth` of the share found: chance is 1 / classes however unequal they are.

    >>> balanced_accuracy(["cat"] + ["dog"] * 9, ["dog"] * 10)
    0.5
    """
    ground_truth, predicted = _pair(ground_truth, predicted)
    return float(np.mean([np.mean(predicted[ground_truth == label] == label) for label in np.unique(ground_truth)]))


def confusion(ground_truth: ArrayLike, predicted: ArrayLike) -> tuple[list[str], np.ndarray]:
    """Count who was taken for whom.

    Returns:
        The classes of either, sorted as text, and counts (classes, classes): rows ground truth, columns prediction.

    >>> names, counts = confusion(["cat", "dog", "dog"], ["cat", "dog", "cat"])
    >>> names, counts.tolist()
    (['cat', 'dog'], [[1, 0], [1, 1]])
    """
    ground_truth, predicted = _pair(ground_truth, predicted)
    ground_truth, predicted = ground_truth.astype(np.str_), predicted.astype(np.str_)
    classes = np.union1d(ground_truth, predicted)
    k = len(classes)
    places = np.searchsorted(classes, ground_truth) * k + np.searchsorted(classes, predicted)
    return [str(name) for name in classes], np.bincount(places, minlength=k * k).reshape(k, k)


def per_class(ground_truth: ArrayLike, predicted: ArrayLike) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support for each class.

    What has nothing to divide by is NaN, not 0: the precision of a class that was never predicted is unknown.

    >>> per_class(["cat", "dog", "dog"], ["cat", "dog", "cat"])["cat"]
    {'precision': 0.5, 'recall': 1.0, 'f1': 0.6666666666666666, 'support': 1}
    """
    classes, counts = confusion(ground_truth, predicted)
    right, support, chosen = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return {
        name: {
            "precision": _share(right[i], chosen[i]),
            "recall": _share(right[i], support[i]),
            "f1": _share(2 * right[i], chosen[i] + support[i]),
            "support": int(support[i]),
        }
        for i, name in enumerate(classes)
    }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _pair(ground_truth: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first = np.asarray(ground_truth)
    if first.ndim != 1 or len(first) == 0:
        raise bad("ground_truth", f"shape {first.shape}", "at least one label, shape (n,)")
    second = check_labels("predicted", predicted, len(first))
    # numpy compares text with numbers as "all different": a silent accuracy of 0
    if (first.dtype.kind in "US") != (second.dtype.kind in "US"):
        raise bad("predicted", f"type {second.dtype}", f"labels of the same kind as ground_truth ({first.dtype})")
    return first, second
