"""What is wrong with told depth: the pictures in which it is worst, and how the error grows with the distance.

The worst are those with the largest mean of |told - true| / true. Of each small maps are kept, by their nearest pixels.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .answer import Answer
from .examined_objects import KEPT
from .examined_pixels import small

# metres, the ends of ranges in which errors are told; the last one has no end
EDGES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)


@dataclass(frozen=True)
class DepthPicture:
    """One picture.

    Attributes:
        row: which picture of the set.
        size: its height and width.
        truth: (h, w) float32 metres, a small map; NaN where a pixel does not count.
        told: (h, w) float32 metres.
        abs_rel: in this picture.
    """

    row: int
    size: tuple[int, int]
    truth: np.ndarray
    told: np.ndarray
    abs_rel: float


@dataclass(frozen=True)
class DepthErrors:
    """What is wrong with the depth of a set of pictures.

    Attributes:
        rows: (images,) which pictures of the set were scored.
        abs_rel: (images,) in each.
        pixels: (ranges,) how many pixels are so far away; a range goes from an edge of `EDGES` to the next.
        error: (ranges,) mean of |told - true| / true of these; NaN where there are none.
        bias: (ranges,) mean of (told - true) / true: above 0 where they are told to be farther away than they are.
        worst: at most `KEPT` pictures, the worst first.
    """

    rows: np.ndarray
    abs_rel: np.ndarray
    pixels: np.ndarray
    error: np.ndarray
    bias: np.ndarray
    worst: Sequence[DepthPicture]


class DepthSeen:
    """Takes pictures one at a time; of each it keeps a number, and of the worst few small maps."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self._each: list[tuple[int, float]] = []
        self._sums = np.zeros((3, len(EDGES)))
        self._worst: list[tuple[float, int, DepthPicture]] = []

    def add(self, answer: Answer, truth: np.ndarray, told: np.ndarray, abs_rel: float) -> None:
        """One picture (H, W), as `tally_depth` compared it."""
        self._each.append((answer.row, abs_rel))
        there = ~np.isnan(truth)
        true, apart = truth[there].astype(np.float64), (told[there].astype(np.float64) - truth[there]) / truth[there]
        places = np.searchsorted(EDGES, true, side="right") - 1
        for row, weights in zip(self._sums, (None, np.abs(apart), apart)):
            row += np.bincount(places, weights, minlength=len(EDGES))
        rank = (abs_rel, -len(self._each))
        if len(self._worst) == self._most and rank < self._worst[0][:2]:
            return
        true_map, told_map = (small(one).astype(np.float32) for one in (truth, told))
        one = DepthPicture(answer.row, answer.size, true_map, told_map, abs_rel)
        (heapq.heappush if len(self._worst) < self._most else heapq.heappushpop)(self._worst, (*rank, one))

    def told(self) -> DepthErrors:
        """What came out."""
        rows = np.array([row for row, _ in self._each], dtype=np.int64)
        pixels, error, bias = self._sums
        none = np.full(len(EDGES), np.nan)
        error, bias = (np.divide(one, pixels, out=none.copy(), where=pixels > 0) for one in (error, bias))
        worst = [one for *_, one in sorted(self._worst, key=lambda one: one[:2])[::-1]]
        abs_rel = np.array([one for _, one in self._each])
        return DepthErrors(rows, abs_rel, pixels.astype(np.int64), error, bias, worst)
