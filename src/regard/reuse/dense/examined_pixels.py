"""What is wrong with the classes of pixels: who was taken for whom, and the pictures in which that is worst.

The worst are those with the smallest mIoU within the picture, over classes that are there or were told, and of equals
those with the most wrong pixels. Of each a small map is kept, by its nearest pixels.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...metrics.segmentation import pixel_confusion
from .answer import Answer
from .examined_objects import KEPT
from .target_semantic import VOID

SIDE = 320  # of a kept map


@dataclass(frozen=True)
class PixelPicture:
    """One picture.

    Attributes:
        row: which picture of the set.
        size: its height and width.
        truth: (h, w) uint8, a small map of classes; 255 where a pixel counts neither way.
        found: (h, w) uint8.
        miou: in this picture.
        wrong: share of the pixels that count.
    """

    row: int
    size: tuple[int, int]
    truth: np.ndarray
    found: np.ndarray
    miou: float
    wrong: float


@dataclass(frozen=True)
class PixelErrors:
    """What is wrong with the pixels of a set of pictures.

    Attributes:
        names: the classes.
        confusion: (classes, classes) pixels; rows what is there, columns what was told.
        rows: (images,) which pictures of the set were scored.
        miou: (images,) within each; NaN where no pixel counts.
        wrong: (images,) share of the pixels that count.
        worst: at most `KEPT` pictures with a wrong pixel, the worst first.
    """

    names: tuple[str, ...]
    confusion: np.ndarray
    rows: np.ndarray
    miou: np.ndarray
    wrong: np.ndarray
    worst: Sequence[PixelPicture]


class PixelsSeen:
    """Takes pictures one at a time; of each it keeps two numbers, and of the worst few small maps."""

    def __init__(self, names: Sequence[str], kept: int = KEPT) -> None:
        self.names, self._most = tuple(names), kept
        self._confusion = np.zeros((len(self.names), len(self.names)), dtype=np.int64)
        self._each: list[tuple[int, float, float]] = []
        self._worst: list[tuple[float, float, int, PixelPicture]] = []

    def add(self, answer: Answer, truth: np.ndarray, found: np.ndarray) -> None:
        """One picture (H, W), as `scoring` compared it."""
        table = pixel_confusion(truth, found, len(self.names), VOID)
        self._confusion += table
        whole, hits = int(table.sum()), np.diag(table)
        union = table.sum(axis=0) + table.sum(axis=1) - hits
        miou = float((hits[union > 0] / union[union > 0]).mean()) if whole else float("nan")
        wrong = 1 - int(hits.sum()) / whole if whole else float("nan")
        self._each.append((answer.row, miou, wrong))
        rank = (-miou, wrong, -len(self._each))
        if not wrong > 0 or (len(self._worst) == self._most and rank < self._worst[0][:3]):
            return
        there, told = (small(one).astype(np.uint8) for one in (truth, found))
        one = PixelPicture(answer.row, answer.size, there, told, miou, wrong)
        (heapq.heappush if len(self._worst) < self._most else heapq.heappushpop)(self._worst, (*rank, one))

    def told(self) -> PixelErrors:
        """What came out."""
        rows, miou, wrong = (np.array(column) for column in zip(*self._each)) if self._each else [np.zeros(0)] * 3
        worst = [one for *_, one in sorted(self._worst, key=lambda one: one[:3])[::-1]]
        return PixelErrors(self.names, self._confusion, rows.astype(np.int64), miou, wrong, worst)


def small(values_HW: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A map, at most so many pixels long, each of its pixels the nearest of the whole."""
    height, width = values_HW.shape
    share = min(1.0, side / max(height, width))
    y, x = (
        ((np.arange(max(1, round(n * share))) + 0.5) * n / max(1, round(n * share))).astype(int)
        for n in (height, width)
    )
    return values_HW[np.ix_(y, x)]
