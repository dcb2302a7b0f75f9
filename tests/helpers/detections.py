"""Random pictures of objects and of what a detector might have found, for tests of detection measures."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from regard.metrics.detection_pairs import Pairs, box_pairs, mask_pairs

SIZE = 160


@dataclass(frozen=True)
class Picture:
    """Whole-numbered boxes (left, top, right, bottom), and ellipses within them as masks."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    truth_boxes: np.ndarray
    truth_classes: np.ndarray
    crowd: np.ndarray
    difficult: np.ndarray

    def pairs(self, masks: bool = False) -> Pairs:
        given: tuple[Any, ...] = (self.boxes, self.scores, self.classes, self.truth_boxes, self.truth_classes)
        more = {"crowd": self.crowd, "ignore": self.difficult}
        if not masks:
            return box_pairs(*given, **more)
        found, truth = ellipses(self.boxes), ellipses(self.truth_boxes)
        return mask_pairs(found, self.scores, self.classes, truth, self.truth_classes, **more)


def ellipses(boxes: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Masks (n, size, size) of the ellipse in each box."""
    y, x = np.mgrid[:size, :size] + 0.5
    left, top, right, bottom = boxes.T[..., None, None].astype(float)
    return (2 * (x - (left + right) / 2) / (right - left)) ** 2 + (
        2 * (y - (top + bottom) / 2) / (bottom - top)
    ) ** 2 <= 1


def random_pictures(
    rng: np.random.Generator, count: int, classes: int = 3, *, ties: bool = True, many: bool = False, odd: float = 0.15
) -> list[Picture]:
    """Pictures with crowds, difficult objects, doubles, objects of other classes, empty ones and (`ties`) equal scores.

    The last class is found now and then but is never there. `many`: over a hundred found in the first picture.
    """
    return [_picture(rng, classes, ties, many and row == 0, odd) for row in range(count)]


def _picture(rng: np.random.Generator, classes: int, ties: bool, many: bool, odd: float) -> Picture:
    objects = 0 if rng.random() < 0.15 and not many else int(rng.integers(1, 9))
    truth = _boxes(rng, objects)
    kinds = rng.integers(0, max(classes - 1, 1), objects)
    crowd = rng.random(objects) < odd
    difficult = (rng.random(objects) < odd) & ~crowd
    repeats = rng.integers(0, 25 if many else 3, objects)
    shift = rng.integers(-7, 8, (repeats.sum(), 4)) * (rng.random((repeats.sum(), 1)) < 0.8)
    near = np.clip(np.repeat(truth, repeats, axis=0) + shift, 0, SIZE)
    near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
    stray = _boxes(rng, 130 if many else int(rng.integers(0, 4)) * int(rng.random() < 0.8))
    named = np.repeat(kinds, repeats)
    named = np.where(rng.random(len(named)) < 0.15, rng.integers(0, classes, len(named)), named)
    found = np.concatenate([near, stray])
    scores = rng.random(len(found))
    return Picture(
        found,
        scores.round(1) if ties else scores,
        np.concatenate([named, rng.integers(0, classes, len(stray))]),
        truth,
        kinds,
        crowd,
        difficult,
    )


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Some below 32 pixels a side, some above 96."""
    sides = np.minimum(np.exp(rng.uniform(np.log(5), np.log(150), (count, 2))).astype(int), SIZE - 1)
    corner = (rng.random((count, 2)) * (SIZE - sides)).astype(int)
    return np.concatenate([corner, corner + sides], axis=1)
