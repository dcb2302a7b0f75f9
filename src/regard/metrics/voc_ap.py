"""Pascal VOC's average precision, of 2007 and of 2010 (Everingham et al. 2010, The Pascal VOC challenge, IJCV 88).

From the surest on, each found object is held against the true one of its class that it overlaps with most, whether that
is taken or not. Below an overlap of .5 it is wrong; else, if the true one is difficult, it does not count; else it is
right if it is the first there, and wrong as a double. So a second find never goes to a neighbour, as COCO's may.
What is found in a crowd, which VOC has none of, does not count either, if it overlaps with nothing else.
Equal scores are ranked by picture, in the order in which they were added, and within it as they came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import check_choice, check_number
from .average_precision import (
    Scores,
    average_precision,
    class_names,
    image_weights,
    mean_known,
    one_weighting,
    row_parts,
)
from .detection_pairs import Pairs, present
from .greedy_match import by_score

MEASURES = ("voc07", "voc10")


@dataclass(frozen=True)
class _Part:
    """One class in one picture, or in all of them."""

    image: np.ndarray  # (d,)
    scores: np.ndarray  # (d,) falling
    right: np.ndarray
    wrong: np.ndarray


def voc_match(
    overlap: np.ndarray, crowd: np.ndarray, ignore: np.ndarray, threshold: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """What is right and what is wrong of one class in one picture.

    Args:
        overlap: (n, m) of found, sorted by falling score, and true ones.
        crowd: (m,) bool.
        ignore: (m,) bool, difficult ones and crowds.
        threshold: least overlap, inclusive.

    Returns:
        Right (n,) and wrong (n,) bool; neither where it does not count.

    The second overlaps most with what is taken, and is a double, though the other true one would do.

    >>> overlap = np.array([[0.9, 0.5], [0.8, 0.6]])
    >>> [part.tolist() for part in voc_match(overlap, np.zeros(2, bool), np.zeros(2, bool))]
    [[True, False], [False, True]]
    """
    n, single = len(overlap), np.flatnonzero(~crowd)
    right, best, most = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64), np.zeros(n)
    if len(single):
        best = single[overlap[:, single].argmax(axis=1)]
        most = overlap[np.arange(n), best]
    near = most >= threshold
    void = near & ignore[best] if len(single) else np.zeros(n, dtype=bool)
    if crowd.any():
        void |= ~near & (overlap[:, crowd].max(axis=1) >= threshold)
    rows = np.flatnonzero(near & ~void)
    right[rows[np.unique(best[rows], return_index=True)[1]]] = True
    return right, ~right & ~void


class VocAP:
    """Takes pictures one at a time and tells VOC's AP of all of them, or of any weighting of them.

    Boxes are half-open here; VOC's files count the last pixel in, which readers of them have to add.

    Attributes:
        classes: names of the classes that whole numbers from 0 stand for.
        threshold: least overlap, .5 in the challenge.
        images: how many pictures were added.

    >>> from regard.metrics.detection_pairs import box_pairs
    >>> voc = VocAP(["cat", "dog"])
    >>> voc.add(box_pairs([[0, 0, 9, 9]], [0.8], [0], [[0, 0, 9, 9], [20, 20, 60, 60]], [0, 0]))
    >>> voc.scores().metrics, voc.scores().by_class["dog"]["voc07"]
    ({'voc07': 0.5454545, 'voc10': 0.5}, nan)
    """

    def __init__(self, classes: Sequence[str], threshold: float = 0.5) -> None:
        self.classes = class_names(classes)
        self.threshold = float(check_number("threshold", threshold, 0, 1, open_low=True))
        self.images = 0
        self._parts: dict[int, list[_Part]] = {}
        self._objects: list[np.ndarray] = []  # (classes,) for each picture

    def add(self, pairs: Pairs) -> None:
        """One picture, also where nothing is in it or nothing was found.

        Raises:
            InputError: a class that has no name.
        """
        for one in present(pairs.classes, pairs.truth_classes, self.classes):
            rows, columns = np.flatnonzero(pairs.classes == one), np.flatnonzero(pairs.truth_classes == one)
            rows = rows[by_score(pairs.scores[rows])]
            overlap = pairs.overlap[np.ix_(rows, columns)]
            right, wrong = voc_match(overlap, pairs.crowd[columns], pairs.ignore[columns], self.threshold)
            part = _Part(np.full(len(rows), self.images), pairs.scores[rows], right, wrong)
            self._parts.setdefault(one, []).append(part)
        there = pairs.truth_classes[~pairs.ignore]
        self._objects.append(np.bincount(there, minlength=len(self.classes)))
        self.images += 1

    def scores(self, weights: ArrayLike | None = None) -> Scores:
        """Both measures, `voc07` and `voc10`, over classes and for each.

        Args:
            weights: (images,) what each picture counts; 1 if not given.

        Raises:
            InputError: another number of weights, a negative one, NaN.
        """
        each = one_weighting(weights, self.images, "ap")
        tables = {name: self._by_class(name, each)[0] for name in MEASURES}
        count = (each @ self._counts())[0]
        return Scores.of(self.classes, count, tables)

    def ap(self, weights: ArrayLike | None = None, measure: str = "voc10") -> np.ndarray:
        """One measure (b,) in each of b weightings (b, images) of the pictures, as `CocoAP.ap`."""
        check_choice("measure", measure, MEASURES)
        return mean_known(self._by_class(measure, image_weights(weights, self.images)), 1)

    def curve(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Recall (d,) and precision (d,) of a class, down to each found object that counts; NaN without objects."""
        check_choice("name", name, self.classes)
        one = self.classes.index(name)
        ranked = _rank(self._parts.get(one, []))
        counts = ranked.right | ranked.wrong
        true = ranked.right[counts].cumsum()
        objects = self._counts()[:, one].sum()
        return true / objects if objects else np.full(len(true), np.nan), true / np.arange(1, len(true) + 1)

    def _by_class(self, measure: str, weights: np.ndarray) -> np.ndarray:
        """(b, classes)."""
        positives, columns = weights @ self._counts(), []
        for one in range(len(self.classes)):
            ranked = _rank(self._parts.get(one, []))
            parts = [
                average_precision(
                    ranked.right, ranked.wrong, positives[rows, one], weights[rows][:, ranked.image], rule=measure
                )
                for rows in row_parts(len(weights), len(ranked.image))
            ]
            columns.append(np.concatenate(parts))
        return np.stack(columns, axis=1)

    def _counts(self) -> np.ndarray:
        return np.array(self._objects, dtype=np.float64).reshape(self.images, len(self.classes))


def _rank(parts: list[_Part]) -> _Part:
    if not parts:
        return _Part(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
    order = by_score(np.concatenate([part.scores for part in parts]))
    fields = ("image", "scores", "right", "wrong")
    return _Part(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in fields))
