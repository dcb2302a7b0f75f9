"""Average precision of boxes in space by the distance of their centres, and how good those are that are found.

Paper: Caesar et al. 2020, nuScenes: a multimodal dataset for autonomous driving, CVPR, section 3.1, and its
`nuscenes-devkit`. A box matches the nearest free true one of its class whose centre is less than .5, 1, 2 or 4 m away
on the ground plane, so that the measure says the same of a cyclist and of a lorry, whose boxes overlap little or much.

Two measures, both named:

- `ap_1m` and so on: the area under the largest precision at each recall or above it, as Pascal VOC has it since 2010.
- `nuscenes_ap_1m` and so on: precision, interpolated linearly at recalls of .11, .12 ... 1, less .1, over .9, and at
  least 0: what lies at recalls up to .1, or at a precision below .1, is thought of as noise.

`ap` and `nuscenes_ap` are the means of the four. Errors are means over what is right at 2 m, whatever its score:
`translation_error` in metres on the ground plane, `scale_error` 1 - IoU of the boxes moved and turned onto one another,
`yaw_error` the smallest angle in radians. What differs: nuScenes' errors are means along the recall, so that surer ones
count more, and are 1 where nothing is right; here they are not known then.

A difficult true object neither hurts nor helps: what is nearest to it and matches no other one does not count, be it
one or several; nor does what lies in a region where nothing counts, unless it is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_choice
from .average_precision import Scores, average_precision, class_names, image_weights, mean_known, one_weighting
from .detection_pairs import present
from .greedy_match import by_score
from .space_pairs import SpacePairs, smallest_angle

DISTANCES = (0.5, 1.0, 2.0, 4.0)  # metres
AT = 2.0  # metres, where errors are told
ERRORS = ("translation_error", "scale_error", "yaw_error")
_NAMES = {metres: f"{metres:g}m" for metres in DISTANCES}
MEASURES = tuple(f"{front}ap{at}" for front in ("", "nuscenes_") for at in ("", *(f"_{m}" for m in _NAMES.values())))
_RECALLS = np.linspace(0, 1, 101)
_LEAST = 0.1  # of recall and of precision, for nuScenes


@dataclass(frozen=True)
class _Part:
    """The found ones of one class in one picture, or in all of them, with what each is at each distance."""

    image: np.ndarray  # (d,)
    scores: np.ndarray  # (d,) falling
    right: np.ndarray  # (4, d)
    wrong: np.ndarray  # (4, d)
    errors: np.ndarray  # (3, d) of those that are right at AT, else NaN


def centre_match(distance: np.ndarray, ignore: np.ndarray, metres: float) -> tuple[np.ndarray, np.ndarray]:
    """Which true object each found one has, of one class in one picture.

    Args:
        distance: (n, m) of found ones, sorted by falling score, and true ones.
        ignore: (m,) bool.
        metres: above all distances that match.

    Returns:
        Its place (n,), -1 where none, and whether it is near an ignored one and has none (n,).

    The surest takes the nearest, the second the other one, though it is farther; the third has none.

    >>> distance = np.array([[0.1, 0.6], [0.2, 0.7], [0.3, 0.8]])
    >>> centre_match(distance, np.array([False, False]), 1.0)[0].tolist()
    [0, 1, -1]
    """
    taken, free = np.full(len(distance), -1), ~ignore
    for row in np.flatnonzero((distance < metres).any(axis=1)):
        able = np.where(free, distance[row], np.inf)
        best = int(able.argmin())
        if able[best] < metres:
            taken[row], free[best] = best, False
    return taken, (taken < 0) & (distance[:, ignore] < metres).any(axis=1)


class Box3DAP:
    """Takes pictures one at a time and tells the AP and the errors of all of them, or of any weighting of them.

    Attributes:
        classes: names of the classes that whole numbers from 0 stand for.
        periods: by class, the turn in radians after which an object looks as before: pi where front and back are
            alike, 0 where it looks alike from all sides and has no yaw error; all others 2 pi.
        images: how many pictures were added.

    >>> from regard.metrics.space_pairs import Spatial, space_pairs
    >>> judge, there = Box3DAP(["car"]), Spatial([0, 0], [[0, 0, 9], [5, 0, 9]], [[1, 2, 4]] * 2, [0, 0])
    >>> judge.add(space_pairs(Spatial([0], [[0, 0, 9.6]], [[1, 2, 4]], [0.25]), [0.9], there))
    >>> found = judge.scores().metrics
    >>> found["ap_0.5m"], found["ap_1m"], found["yaw_error"]
    (0.0, 0.5, 0.25)
    """

    def __init__(self, classes: Sequence[str], periods: Mapping[str, float] | None = None) -> None:
        self.classes = class_names(classes)
        self.periods = dict(periods or {})
        for name, period in self.periods.items():
            check_choice("periods", name, self.classes)
            if not 0 <= period <= 2 * np.pi:
                raise bad("periods", f"{name}: {period}", "radians from 0 to 2 pi")
        self.images = 0
        self._parts: dict[int, list[_Part]] = {}
        self._objects: list[np.ndarray] = []  # (classes,) for each picture

    def add(self, pairs: SpacePairs) -> None:
        """One picture, also where nothing is in it or nothing was found.

        Raises:
            InputError: a class that has no name.
        """
        for one in present(pairs.classes, pairs.truth_classes, self.classes):
            rows, columns = np.flatnonzero(pairs.classes == one), np.flatnonzero(pairs.truth_classes == one)
            self._parts.setdefault(one, []).append(self._part(pairs, rows[by_score(pairs.scores[rows])], columns, one))
        there = pairs.truth_classes[~pairs.ignore]
        self._objects.append(np.bincount(there, minlength=len(self.classes)))
        self.images += 1

    def scores(self, weights: ArrayLike | None = None) -> Scores:
        """All measures and errors, over classes and for each; NaN where nothing tells one.

        Args:
            weights: (images,) what each picture counts; 1 if not given.

        Raises:
            InputError: another number of weights, a negative one, NaN.
        """
        each = one_weighting(weights, self.images, "measured")
        tables = {name: self._by_class(each, name)[0] for name in (*MEASURES, *ERRORS)}
        count = (each @ self._counts())[0]
        return Scores.of(self.classes, count, tables)

    def measured(self, weights: ArrayLike | None, name: str = "ap_1m") -> np.ndarray:
        """One measure or error (b,) in each of b weightings (b, images), the mean over classes where it is known."""
        check_choice("name", name, (*MEASURES, *ERRORS))
        return mean_known(self._by_class(image_weights(weights, self.images), name), 1)

    def _part(self, pairs: SpacePairs, rows: np.ndarray, columns: np.ndarray, one: int) -> _Part:
        distance, ignore = pairs.distance[np.ix_(rows, columns)], pairs.ignore[columns]
        right, wrong = (np.zeros((len(DISTANCES), len(rows)), dtype=bool) for _ in range(2))
        errors = np.full((len(ERRORS), len(rows)), np.nan)
        period = self.periods.get(self.classes[one], 2 * np.pi)
        for place, metres in enumerate(DISTANCES):
            taken, near = centre_match(distance, ignore, metres)
            right[place] = taken >= 0
            wrong[place] = ~right[place] & ~near & ~pairs.void[rows]
            if metres == AT:
                hit = np.flatnonzero(right[place])
                at = rows[hit], columns[taken[hit]]
                yaw = smallest_angle(pairs.turned[at], period) if period else np.full(len(hit), np.nan)
                errors[:, hit] = pairs.distance[at], pairs.scale_error[at], yaw
        return _Part(np.full(len(rows), self.images), pairs.scores[rows], right, wrong, errors)

    def _by_class(self, weights: np.ndarray, name: str) -> np.ndarray:
        """(b, classes)."""
        positives = weights @ self._counts()
        columns = []
        for one in range(len(self.classes)):
            ranked = _rank(self._parts.get(one, []))
            each, total = weights[:, ranked.image], positives[:, one]
            if name in ERRORS:
                columns.append(_mean_error(ranked.errors[ERRORS.index(name)], each))
                continue
            which = [place for place, metres in enumerate(DISTANCES) if name.endswith(_NAMES[metres])]
            at = which or range(len(DISTANCES))
            judge = _nuscenes if name.startswith("nuscenes") else _area
            columns.append(np.mean([judge(ranked.right[row], ranked.wrong[row], total, each) for row in at], axis=0))
        return np.stack(columns, axis=1)

    def _counts(self) -> np.ndarray:
        return np.array(self._objects, dtype=np.float64).reshape(self.images, len(self.classes))


def _rank(parts: list[_Part]) -> _Part:
    if not parts:
        empty = np.zeros((len(DISTANCES), 0), dtype=bool)
        return _Part(np.zeros(0, dtype=np.int64), np.zeros(0), empty, empty, np.zeros((len(ERRORS), 0)))
    order = by_score(np.concatenate([part.scores for part in parts]))
    fields = ("image", "scores", "right", "wrong", "errors")
    return _Part(*(np.concatenate([getattr(part, name) for part in parts], axis=-1)[..., order] for name in fields))


def _mean_error(errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    known = ~np.isnan(errors)
    whole = weights[:, known].sum(axis=1)
    total = weights[:, known] @ errors[known]
    return np.divide(total, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _area(right: np.ndarray, wrong: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return average_precision(right, wrong, positives, weights, rule="voc10")


def _nuscenes(right: np.ndarray, wrong: np.ndarray, positives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The AP (b,) of nuScenes, as `calc_ap` of its devkit: precision at recalls above .1, of which .1 is taken off."""
    counts = right | wrong
    true, false = ((weights[:, counts] * one[counts]).cumsum(axis=1) for one in (right, wrong))
    found = np.full(len(positives), np.nan)
    for row, total in enumerate(positives):
        if total <= 0:
            continue
        seen = true[row] + false[row] > 0
        t, f = true[row, seen], false[row, seen]
        if not len(t) or t[-1] <= 0:
            found[row] = 0.0
            continue
        recall = t / total
        if (weights[row] != np.floor(weights[row])).any():
            recall = recall * (1 + 1e-12)  # sums of fractions are rounded: all found is to be a recall of 1
        precision = np.interp(_RECALLS, recall, t / (t + f), right=0)[round(100 * _LEAST) + 1 :]
        found[row] = np.maximum((precision - _LEAST) / (1 - _LEAST), 0).mean()
    return found
