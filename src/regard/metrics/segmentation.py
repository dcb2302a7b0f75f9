"""The class of each pixel: mean intersection over union, and what is read beside it.

With n_ij the pixels of class i taken for class j, t_i = sum_j n_ij and p_j = sum_i n_ij over all pictures together,

    IoU_i = n_ii / (t_i + p_i - n_ii),   mIoU = mean of IoU_i over classes with t_i + p_i > 0
    pixel accuracy = sum n_ii / sum t_i,   mean accuracy = mean of n_ii / t_i over classes with t_i > 0
    frequency-weighted IoU = sum t_i IoU_i / sum t_i

(Long et al. 2015, Fully convolutional networks, section 5; Everingham et al. 2015.) A class that is neither there nor
predicted is left out of the mean and is NaN; one that is predicted and not there is 0. Pixels of the ignored value
count neither way, whatever is predicted there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_choice, check_number
from .average_precision import Scores, class_names, image_weights, mean_known, one_weighting

MEASURES = ("miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou")
IGNORED = 255


def pixel_confusion(truth: ArrayLike, predicted: ArrayLike, classes: int, ignored: int = IGNORED) -> np.ndarray:
    """Count pixels (classes, classes) int64 of one picture: rows ground truth, columns prediction.

    Args:
        truth: (H, W) whole numbers, classes from 0 or `ignored`.
        predicted: (H, W) classes.
        classes: how many.
        ignored: what pixels have that count neither way.

    Raises:
        InputError: different sizes, no whole numbers, a class that is not there.

    >>> pixel_confusion([[0, 1], [1, 255]], [[0, 0], [1, 1]], 2).tolist()
    [[1, 0], [1, 1]]
    """
    one, two = checked_maps(truth, predicted, classes, ignored)
    counts = one != ignored
    return np.bincount(one[counts] * classes + two[counts], minlength=classes**2).reshape(classes, classes)


class SemanticScores:
    """Takes pictures one at a time and tells how well their pixels are classed, or of any weighting of them.

    Attributes:
        classes: names of the classes that whole numbers from 0 stand for.
        ignored: what pixels have that count neither way.
        confusion: (classes, classes) pixels of all pictures; rows ground truth, columns prediction.

    >>> semantic = SemanticScores(["road", "sky", "tram"])
    >>> semantic.add([[0, 1], [1, 255]], [[0, 0], [1, 2]])
    >>> semantic.scores().metrics["miou"], semantic.absent
    (0.5, ('tram',))
    """

    def __init__(self, classes: Sequence[str], ignored: int = IGNORED) -> None:
        self.classes = class_names(classes)
        self.ignored = int(check_number("ignored", ignored, whole=True))
        if 0 <= self.ignored < len(self.classes):
            raise bad("ignored", ignored, f"a number that is no class, not from 0 to {len(self.classes) - 1}")
        self.confusion = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        self._counts: list[np.ndarray] = []  # (3, classes) for each picture: right, there, predicted

    @property
    def images(self) -> int:
        """How many pictures were added."""
        return len(self._counts)

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes that are neither there nor predicted, which are left out."""
        seen = self.confusion.sum(axis=0) + self.confusion.sum(axis=1)
        return tuple(name for name, pixels in zip(self.classes, seen) if not pixels)

    def add(self, truth: ArrayLike, predicted: ArrayLike) -> None:
        """One picture (H, W), as `pixel_confusion`."""
        table = pixel_confusion(truth, predicted, len(self.classes), self.ignored)
        self.confusion += table
        self._counts.append(np.stack([np.diag(table), table.sum(axis=1), table.sum(axis=0)]))

    def scores(self, weights: ArrayLike | None = None) -> Scores:
        """All measures (`MEASURES`), and of each class `iou`, `accuracy` and its `pixels`.

        Args:
            weights: (images,) what each picture counts; 1 if not given.

        Raises:
            InputError: another number of weights, a negative one, NaN.
        """
        each = one_weighting(weights, self.images, "measured")
        right, there, predicted = self._sums(each)[:, 0]
        iou, accuracy = _share(right, there + predicted - right), _share(right, there)
        rows = {
            name: {"iou": float(iou[one]), "accuracy": float(accuracy[one]), "pixels": float(there[one])}
            for one, name in enumerate(self.classes)
        }
        return Scores({name: float(self.measured(each, name)[0]) for name in MEASURES}, rows)

    def measured(self, weights: ArrayLike | None = None, measure: str = "miou") -> np.ndarray:
        """One measure (b,) in each of b weightings (b, images) of the pictures; NaN where no pixel counts.

        Raises:
            InputError: an unknown measure, another number of weights, a negative one, NaN.
        """
        check_choice("measure", measure, MEASURES)
        right, there, predicted = self._sums(image_weights(weights, self.images))
        iou = _share(right, there + predicted - right)
        if measure == "miou":
            return mean_known(iou, 1)
        if measure == "mean_accuracy":
            return mean_known(_share(right, there), 1)
        part = right if measure == "pixel_accuracy" else there * np.where(np.isnan(iou), 0.0, iou)
        return _share(part.sum(axis=1), there.sum(axis=1))

    def _sums(self, weights: np.ndarray) -> np.ndarray:
        """(3, b, classes)."""
        counts = np.array(self._counts, dtype=np.float64).reshape(self.images, 3, len(self.classes))
        return np.einsum("bi,ijk->jbk", weights, counts)


def checked_maps(
    truth: ArrayLike, predicted: ArrayLike, classes: int, ignored: int = IGNORED
) -> tuple[np.ndarray, np.ndarray]:
    """Both as int64 (H, W) of the same size, with classes that are there."""
    maps = []
    for name, given in (("truth", truth), ("predicted", predicted)):
        array = np.asarray(given)
        if array.ndim != 2 or array.dtype.kind not in "iu":
            raise bad(name, f"{array.dtype} of shape {array.shape}", "a class for each pixel, whole numbers (H, W)")
        array = array.astype(np.int64)
        odd = (array < 0) | (array >= classes)
        if name == "truth":
            odd &= array != ignored
        if odd.any():
            more = f", or {ignored} where it does not count" if name == "truth" else ""
            raise bad(name, f"class {array[odd][0]} in {odd.sum()} pixels", f"classes from 0 to {classes - 1}{more}")
        maps.append(array)
    if maps[0].shape != maps[1].shape:
        raise bad("predicted", f"height and width {maps[1].shape}", f"those of the truth, {maps[0].shape}")
    return maps[0], maps[1]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
