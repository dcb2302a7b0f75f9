"""COCO's average precision and recall, of boxes or masks (Lin et al. 2014, Microsoft COCO, arXiv 1405.0312).

AP is the mean over classes and over overlaps of .50, .55, ..., .95. An object outside a range of area is ignored for
that range; so is what was found of such area and matches nothing. Of each class and picture the 100 surest count.
Equal scores are ranked by picture, in the order in which they were added, and within it as they came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import check_choice
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
from .greedy_match import FREE, by_score, greedy_match

THRESHOLDS = np.linspace(0.5, 0.95, 10)
AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MOST = 100  # found objects of a class in a picture
_ALL = tuple(range(len(THRESHOLDS)))
# area, thresholds
PRECISIONS: dict[str, tuple[str, tuple[int, ...]]] = {
    "ap": ("all", _ALL),
    "ap50": ("all", (0,)),
    "ap75": ("all", (5,)),
    "ap_small": ("small", _ALL),
    "ap_medium": ("medium", _ALL),
    "ap_large": ("large", _ALL),
}
# area, how many of each picture
RECALLS: dict[str, tuple[str, int]] = {
    "ar1": ("all", 1),
    "ar10": ("all", 10),
    "ar": ("all", MOST),
    "ar_small": ("small", MOST),
    "ar_medium": ("medium", MOST),
    "ar_large": ("large", MOST),
}
MEASURES = (*PRECISIONS, *RECALLS)


@dataclass(frozen=True)
class _Part:
    """One class in one picture."""

    image: int
    scores: np.ndarray  # (n,) falling
    right: np.ndarray  # (areas, thresholds, n)
    wrong: np.ndarray
    objects: np.ndarray  # (areas,) that count


@dataclass(frozen=True)
class _Ranked:
    """One class in all pictures, sorted by falling score."""

    image: np.ndarray  # (d,)
    rank: np.ndarray  # (d,) within its picture, from 0
    right: np.ndarray  # (areas, thresholds, d)
    wrong: np.ndarray
    objects: np.ndarray  # (images, areas)


class CocoAP:
    """Takes pictures one at a time and tells AP and AR of all of them, or of any weighting of them.

    Attributes:
        classes: names of the classes that whole numbers from 0 stand for.
        images: how many pictures were added, with and without objects.

    >>> from regard.metrics.detection_pairs import box_pairs
    >>> coco = CocoAP(["cat", "dog"])
    >>> coco.add(box_pairs([[0, 0, 9, 9]], [0.8], [0], [[0, 0, 9, 9], [20, 20, 60, 60]], [0, 0]))
    >>> found = coco.scores()
    >>> found.metrics["ap50"], found.metrics["ap_small"], found.by_class["dog"]["ap"]
    (0.5049505, 1.0, nan)
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = class_names(classes)
        self.images = 0
        self._parts: dict[int, list[_Part]] = {}
        self._sorted: dict[int, _Ranked] = {}

    def add(self, pairs: Pairs) -> None:
        """One picture, also where nothing is in it or nothing was found.

        Raises:
            InputError: a class that has no name.
        """
        for one in present(pairs.classes, pairs.truth_classes, self.classes):
            self._parts.setdefault(one, []).append(_matched(pairs, one, self.images))
        self.images += 1
        self._sorted = {}

    def scores(self, weights: ArrayLike | None = None) -> Scores:
        """All measures (`MEASURES`), over classes and for each.

        Args:
            weights: (images,) what each picture counts; 1 if not given.

        Raises:
            InputError: another number of weights, a negative one, NaN.
        """
        each = one_weighting(weights, self.images, "ap")
        tables = {name: self._by_class(name, each)[0] for name in MEASURES}
        count = [float(each[0] @ self._ranked(one).objects[:, 0]) for one in range(len(self.classes))]
        return Scores.of(self.classes, count, tables)

    def ap(self, weights: ArrayLike | None = None, measure: str = "ap") -> np.ndarray:
        """One measure in each of b weightings of the pictures, all at once.

        Args:
            weights: (b, images) of at least 0: counts of a bootstrap, zeros and ones of a jackknife, any real numbers.
            measure: one of `MEASURES`.

        With equal scores in one picture, two copies of it would be ranked one after the other; a weight of 2 ranks
        each answer beside its copy.

        Returns:
            (b,); a class without objects in a weighting is left out of its mean, and NaN is where all are.

        Raises:
            InputError: an unknown measure, another number of weights, a negative one, NaN.
        """
        check_choice("measure", measure, MEASURES)
        return mean_known(self._by_class(measure, image_weights(weights, self.images)), 1)

    def _by_class(self, measure: str, weights: np.ndarray) -> np.ndarray:
        """(b, classes)."""
        return np.stack([_measured(self._ranked(one), measure, weights) for one in range(len(self.classes))], axis=1)

    def _ranked(self, one: int) -> _Ranked:
        if one not in self._sorted:
            self._sorted[one] = _rank(self._parts.get(one, []), self.images)
        return self._sorted[one]


def _measured(ranked: _Ranked, measure: str, weights: np.ndarray) -> np.ndarray:
    """A measure of one class in each weighting (b,)."""
    parts = row_parts(len(weights), len(ranked.image))
    return np.concatenate([_part_measured(ranked, measure, weights[rows]) for rows in parts])


def _part_measured(ranked: _Ranked, measure: str, weights: np.ndarray) -> np.ndarray:
    area = list(AREAS).index({**PRECISIONS, **RECALLS}[measure][0])
    positives, each = weights @ ranked.objects[:, area], weights[:, ranked.image]
    right, wrong = ranked.right[area], ranked.wrong[area]
    if measure in PRECISIONS:
        levels = PRECISIONS[measure][1]
        found = [average_precision(right[level], wrong[level], positives, each) for level in levels]
        return np.mean(found, axis=0)
    among = ranked.rank < RECALLS[measure][1]
    total = each @ (right & among).mean(axis=0)
    return np.divide(total, positives, out=np.full(len(weights), np.nan), where=positives > 0)


def _matched(pairs: Pairs, one: int, image: int) -> _Part:
    rows, columns = np.flatnonzero(pairs.classes == one), np.flatnonzero(pairs.truth_classes == one)
    rows = rows[by_score(pairs.scores[rows], MOST)]
    ranges = np.array(list(AREAS.values()))
    size, own = pairs.truth_areas[columns], pairs.areas[rows]
    ignored = pairs.ignore[columns] | (size < ranges[:, :1]) | (size > ranges[:, 1:])
    outside = (own < ranges[:, :1]) | (own > ranges[:, 1:])
    got = greedy_match(pairs.overlap[np.ix_(rows, columns)], pairs.crowd[columns], ignored, THRESHOLDS)
    matched = got != FREE
    if len(columns):
        void = matched & np.take_along_axis(ignored[:, None, :], np.maximum(got, 0), axis=2)
    else:
        void = np.zeros_like(matched)
    wrong = ~matched & ~outside[:, None, :]
    return _Part(image, pairs.scores[rows], matched & ~void, wrong, (~ignored).sum(axis=1))


def _rank(parts: list[_Part], images: int) -> _Ranked:
    objects = np.zeros((images, len(AREAS)))
    shape = (len(AREAS), len(THRESHOLDS), 0)
    if not parts:
        none, nothing = np.zeros(0, dtype=np.int64), np.zeros(shape, dtype=bool)
        return _Ranked(none, none, nothing, nothing, objects)
    for part in parts:
        objects[part.image] = part.objects
    order = by_score(np.concatenate([part.scores for part in parts]))
    image = np.repeat([part.image for part in parts], [len(part.scores) for part in parts])
    rank = np.concatenate([np.arange(len(part.scores)) for part in parts])
    right = np.concatenate([part.right for part in parts], axis=2)[..., order]
    wrong = np.concatenate([part.wrong for part in parts], axis=2)[..., order]
    return _Ranked(image[order], rank[order], right, wrong, objects)
