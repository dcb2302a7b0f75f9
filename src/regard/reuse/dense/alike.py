"""Whether two ways of running a dense model find the same in the same pictures. Pure numbers.

Of two objects that overlap and whose scores nearly tie non-maximum suppression keeps one, and which one the last digit
decides. So an object that is not found again is counted as lost, and as tied, too, where the other way found one of
its class in its place (IoU above .5), or found as many as it may tell. A few ties do not speak against a way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

from .objects import Found

SURE = 0.3  # score from which what is found must be found again
APART = 0.5  # pixels that a box's side may lie elsewhere
OVERLAP = 0.9  # IoU of masks
PIXELS = 0.995  # share of pixels of the same class, or depth
DEPTH = 0.01  # share of a depth that it may be off
PLACE = 0.5  # IoU from which an object lies in another's place
FULL = 100  # objects that heads find in a picture at most
TIES = 0.02  # share of the objects that may be lost to ties; two of them always, as a tie is met from both sides


@dataclass(frozen=True)
class Alike:
    """How what was found in some pictures compares.

    Attributes:
        pictures: how many.
        objects: found by either with a score above .3.
        lost: how many of them the other does not find within half a pixel, of the same class.
        tied: how many of these were lost to a tie.
        apart: the largest distance of a side of the others, in pixels.
        score: their largest difference of a score.
        overlap: the smallest IoU of their masks; 1 without masks.
        pixels: share of pixels of the same class, or whose depth is within 1 %; 1 without such.
        cosine: the smallest between what the first stages said.
    """

    pictures: int = 0
    objects: int = 0
    lost: int = 0
    tied: int = 0
    apart: float = 0.0
    score: float = 0.0
    overlap: float = 1.0
    pixels: float = 1.0
    cosine: float = 1.0

    @property
    def good(self) -> bool:
        """Whether nothing is lost but to a few ties, and masks and pixels are as asked."""
        few = self.tied <= max(2, TIES * self.objects)
        return self.lost == self.tied and few and self.overlap >= OVERLAP and self.pixels >= PIXELS

    @property
    def metrics(self) -> dict[str, float | int | None]:
        """By the names that `--json` gives them."""
        return {
            "pictures": self.pictures,
            "objects": self.objects,
            "objects_lost": self.lost,
            "objects_tied": self.tied,
            "box_difference": self.apart,
            "score_difference": self.score,
            "mask_iou": self.overlap,
            "same_pixels": self.pixels,
        }

    def as_dict(self) -> dict[str, Any]:
        """For a card."""
        return dict(self.metrics)

    def joined(self, other: "Alike") -> "Alike":
        """Of all pictures of both."""
        pictures = self.pictures + other.pictures
        shares = self.pixels * self.pictures + other.pixels * other.pictures
        return Alike(
            pictures,
            self.objects + other.objects,
            self.lost + other.lost,
            self.tied + other.tied,
            max(self.apart, other.apart),
            max(self.score, other.score),
            min(self.overlap, other.overlap),
            shares / max(pictures, 1),
            min(self.cosine, other.cosine),
        )

    def __str__(self) -> str:
        """For a note: `3 of 40 objects lost on 8 pictures, smallest cosine 0.9981`."""
        parts = [f"{self.lost} of {self.objects} objects not found again on {self.pictures} pictures"]
        parts += [f"{self.tied} of these in ties"] if self.tied else []
        if self.overlap < OVERLAP:
            parts.append(f"masks overlap by {self.overlap:.2f}")
        if self.pixels < 1:
            parts = [f"{100 * (1 - self.pixels):.2f} % of the pixels of {self.pictures} pictures told otherwise"]
        return ", ".join([*parts, f"smallest cosine {self.cosine:.5f}"])


def compared(exact: Any, other: Any, cosine: float = 1.0) -> Alike:
    """Compare what a head's `predict` gave in two ways: lists of `Found`, or what heads tell of pixels."""
    if isinstance(exact, tuple):
        one, two = exact[0], other[0]
        near = (one - two).abs() <= DEPTH * one.abs() if one.is_floating_point() else one == two
        same = float(near.double().mean())
        return Alike(len(exact[0]), pixels=same, cosine=cosine)
    total = Alike(cosine=cosine)
    for mine, its in zip(exact, other, strict=True):
        total = total.joined(_pictures(mine, its, cosine))
    return total


def _pictures(mine: Found, its: Found, cosine: float) -> Alike:
    """One picture, both ways: what one finds surely the other must find at all."""
    objects, lost, tied, apart, score, overlap = 0, 0, 0, 0.0, 0.0, 1.0
    for sure, every in ((mine, its), (its, mine)):
        wanted = torch.where(sure.scores > SURE)[0]
        objects += len(wanted)
        places = _again(sure, every, wanted)
        for row, place in zip(wanted.tolist(), places):
            if place is None:
                lost += 1
                tied += _tied(sure, row, every)
                continue
            apart = max(apart, float((sure.boxes[row] - every.boxes[place]).abs().max()))
            score = max(score, float((sure.scores[row] - every.scores[place]).abs()))
            if sure.masks is not None and every.masks is not None:
                overlap = min(overlap, _overlap(sure.masks[row], every.masks[place]))
    return Alike(1, objects, lost, tied, apart, score, overlap, 1.0, cosine)


def _again(sure: Found, every: Found, wanted: Tensor) -> Sequence[int | None]:
    """For each object its nearest of the same class within half a pixel that no better one has taken, or None."""
    places: list[int | None] = []
    free = torch.ones(len(every.boxes), dtype=torch.bool)
    for row in wanted.tolist():
        far = (every.boxes - sure.boxes[row]).abs().amax(1)
        there = torch.where(free & (every.classes == sure.classes[row]) & (far <= APART))[0]
        place = int(there[far[there].argmin()]) if len(there) else None
        if place is not None:
            free[place] = False
        places.append(place)
    return places


def _tied(sure: Found, row: int, every: Found) -> bool:
    alike = every.boxes[every.classes == sure.classes[row]]
    return len(every.boxes) >= FULL or bool((box_iou(sure.boxes[row][None], alike) > PLACE).any())


def _overlap(a: Tensor, b: Tensor) -> float:
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 1.0
