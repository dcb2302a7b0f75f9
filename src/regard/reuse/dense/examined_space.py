"""What is wrong with found boxes in space: the worst pictures, and how the errors grow with the distance.

The worst are those with the most expected mistakes: each object that counts costs 1 less the score of what found it
within a metre, and each wrong answer its score. No threshold is needed, and only the few worst are kept.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data.annotations.boxes3d import Boxes3D
from ...metrics.box3d import AT, centre_match
from ...metrics.space_pairs import SpacePairs
from .answer import Answer
from .examined_objects import KEPT
from .target_space import difficult, middles

NEAR = 1.0  # metres, as in the main measure
EDGES = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0)  # metres; the last range has no end
TURNED = 0.75 * np.pi  # radians from which front and back were taken for one another


@dataclass(frozen=True)
class SpacePicture:
    """One picture.

    Attributes:
        answer: what was found.
        truth: what is there, of classes that the model knows.
        ignored: (m,) bool, count neither way.
        mistakes: as expected by the scores.
    """

    answer: Answer
    truth: Boxes3D
    ignored: np.ndarray
    mistakes: float


@dataclass(frozen=True)
class SpaceErrors:
    """What is wrong with the boxes in space of a set of pictures.

    Attributes:
        objects: (ranges,) true objects that count, by their distance; a range goes from an edge of `EDGES` to the next.
        found: (ranges,) of these, found within 2 m by an answer of any score.
        metres: (ranges,) mean distance of what found them; NaN where nothing did.
        size: (ranges,) mean scale error.
        yaw: (ranges,) mean yaw error in radians.
        turned: share of what was found whose yaw is more than 135 degrees off; NaN where nothing was.
        worst: at most `KEPT` pictures, the worst first.
    """

    objects: np.ndarray
    found: np.ndarray
    metres: np.ndarray
    size: np.ndarray
    yaw: np.ndarray
    turned: float
    worst: Sequence[SpacePicture]


class SpaceSeen:
    """Takes pictures one at a time; sums are kept, and the worst few."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most, self._count = kept, 0
        self._sums = np.zeros((5, len(EDGES)))
        self._turned = 0
        self._worst: list[tuple[float, int, SpacePicture]] = []

    def add(self, answer: Answer, truth: Boxes3D, pairs: SpacePairs) -> None:
        """One picture, as `tally_space` compared it."""
        self._count += 1
        ignored, mistakes = difficult(truth), float((~difficult(truth)).sum())
        away = np.hypot(*middles(truth)[:, [0, 2]].T)
        ranges = np.searchsorted(EDGES, away, side="right") - 1
        self._sums[0] += np.bincount(ranges[~ignored], minlength=len(EDGES))
        for label in np.union1d(pairs.classes, pairs.truth_classes):
            rows, columns = np.flatnonzero(pairs.classes == label), np.flatnonzero(pairs.truth_classes == label)
            rows = rows[np.argsort(-pairs.scores[rows], kind="stable")]
            distance = pairs.distance[np.ix_(rows, columns)]
            taken, near = centre_match(distance, ignored[columns], NEAR)
            mistakes -= float(pairs.scores[rows[taken >= 0]].sum())
            mistakes += float(pairs.scores[rows[(taken < 0) & ~near & ~pairs.void[rows]]].sum())
            taken, _ = centre_match(distance, ignored[columns], AT)
            at = rows[taken >= 0], columns[taken[taken >= 0]]
            for line, values in zip(
                self._sums[1:], (None, pairs.distance[at], pairs.scale_error[at], pairs.turned[at])
            ):
                line += np.bincount(ranges[at[1]], values, minlength=len(EDGES))
            self._turned += int((pairs.turned[at] > TURNED).sum())
        rank = (mistakes, -self._count)
        if len(self._worst) == self._most and rank < self._worst[0][:2]:
            return
        one = SpacePicture(answer, truth, ignored, mistakes)
        (heapq.heappush if len(self._worst) < self._most else heapq.heappushpop)(self._worst, (*rank, one))

    def told(self) -> SpaceErrors:
        """What came out."""
        objects, found, *sums = self._sums
        none = np.full(len(EDGES), np.nan)
        metres, size, yaw = (np.divide(one, found, out=none.copy(), where=found > 0) for one in sums)
        worst = [one for *_, one in sorted(self._worst, key=lambda one: one[:2])[::-1]]
        turned = self._turned / found.sum() if found.sum() else float("nan")
        return SpaceErrors(objects.astype(np.int64), found.astype(np.int64), metres, size, yaw, float(turned), worst)
