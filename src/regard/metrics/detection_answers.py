"""Which found objects of one picture are right, which are wrong, and which do not count, at one overlap."""

from dataclasses import dataclass

import numpy as np

from ..core.checks import check_number
from .coco_ap import MOST
from .detection_pairs import Pairs
from .greedy_match import FREE, by_score, greedy_match


@dataclass(frozen=True)
class Answers:
    """n answers, as COCO matches them (see `greedy_match`), from the surest on.

    Attributes:
        rows: (n,) which found objects of the `Pairs` they are.
        truth: (n,) which true object each has, of its class; -1 where none.
        counts: (n,) bool; False where that true object is ignored.
    """

    rows: np.ndarray
    truth: np.ndarray
    counts: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """(n,) bool, has an object that counts."""
        return (self.truth != FREE) & self.counts

    @property
    def wrong(self) -> np.ndarray:
        """(n,) bool, has none."""
        return self.truth == FREE


def answers(pairs: Pairs, threshold: float = 0.5) -> Answers:
    """Match the found objects of a picture to true ones of their class, the 100 surest of each class.

    Raises:
        InputError: a threshold outside (0, 1].

    >>> from regard.metrics.detection_pairs import box_pairs
    >>> answers(box_pairs([[0, 0, 9, 9], [0, 0, 9, 8]], [0.7, 0.8], [0, 0], [[0, 0, 9, 9]], [0])).right.tolist()
    [True, False]
    """
    check_number("threshold", threshold, 0, 1, open_low=True)
    truth, kept = np.full(len(pairs.scores), FREE), np.zeros(len(pairs.scores), dtype=bool)
    for one in np.unique(pairs.classes):
        rows, columns = np.flatnonzero(pairs.classes == one), np.flatnonzero(pairs.truth_classes == one)
        rows = rows[by_score(pairs.scores[rows], MOST)]
        overlap, ignored = pairs.overlap[np.ix_(rows, columns)], pairs.ignore[columns]
        got = greedy_match(overlap, pairs.crowd[columns], ignored[None], np.array([threshold]))[0, 0]
        kept[rows] = True
        truth[rows[got != FREE]] = columns[got[got != FREE]]
    order = by_score(pairs.scores)
    order = order[kept[order]]
    void = np.append(pairs.ignore, False)[truth[order]]  # -1 is the last
    return Answers(order, truth[order], ~void)
