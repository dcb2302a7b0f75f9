"""What was found in one picture, and how it comes from what a head's `predict` gives: in the picture's own pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...data.annotations.masks import Masks
from .camera import Camera
from .frame import Framed


@dataclass(frozen=True)
class Answer:
    """What was found in one picture, in its own pixels.

    Attributes:
        row: which picture of those asked about.
        size: its height and width.
        boxes: (n, 4) float32.
        scores: (n,) float32, falling.
        classes: (n,) int64.
        masks: (n, H, W) bool, or None.
        semantic: (H, W) int64, the class of each pixel, or None.
        depth: (H, W) float32 metres, how far away each pixel is, or None.
        space: (n, 7) float32, the boxes in space, see `in_space`, where the labels have their origin; or None.
        camera: who saw them, or None.
        runs: the masks as run lengths, where they are told so and not as arrays; `found_masks.masks_of` reads either.
    """

    row: int
    size: tuple[int, int]
    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor | None = None
    semantic: Tensor | None = None
    runs: Masks | None = None
    depth: Tensor | None = None
    space: Tensor | None = None
    camera: Camera | None = None


def without_objects(row: int, size: tuple[int, int], **told: Tensor) -> Answer:
    """An answer that tells of no objects, which is another thing than that there are none."""
    empty = torch.zeros(0)
    return Answer(row, size, empty.view(0, 4), empty, empty.long(), **told)


def _objects(found: Any, framed: Sequence[Framed], rows: Sequence[int]) -> list[Answer]:
    answers = []
    for row, one, its in zip(rows, framed, found):
        boxes = one.boxes_out(its.boxes.cpu())
        there = (boxes[:, 2:] > boxes[:, :2]).all(1)  # not one that lies wholly in what fills the square up
        masks = None if its.masks is None else one.map_out(its.masks.cpu()[there])
        scores, classes = its.scores.cpu()[there], its.classes.cpu()[there]
        answers.append(Answer(row, (one.height, one.width), boxes[there], scores, classes, masks))
    return answers


def _in_space(found: Any, framed: Sequence[Framed], rows: Sequence[int]) -> list[Answer]:
    answers = []
    for row, one, its in zip(rows, framed, found):
        boxes = one.boxes_out(its.boxes.cpu())
        there = (boxes[:, 2:] > boxes[:, :2]).all(1)
        scores, classes, space = (value.cpu()[there] for value in (its.scores, its.classes, its.space))
        answers.append(Answer(row, (one.height, one.width), boxes[there], scores, classes, space=space))
    return answers


def _maps(name: str) -> "Told":
    def answers(found: Any, framed: Sequence[Framed], rows: Sequence[int]) -> list[Answer]:
        return [
            without_objects(row, (one.height, one.width), **{name: one.map_out(values)})
            for row, one, values in zip(rows, framed, found[0].cpu())
        ]

    return answers


# what a head's `predict` gives, how pictures lie in the squares, and their rows, to answers in the pictures' pixels
Told = Callable[[Any, Sequence[Framed], Sequence[int]], list[Answer]]
SPACE = "boxes3d"  # which needs cameras
MAPS = ("semantic", "depth")  # what is told of each pixel, as fields of an answer
ANSWERS: dict[str, Told] = {
    "boxes": _objects,
    "masks": _objects,
    "boxes3d": _in_space,
    **{name: _maps(name) for name in MAPS},
}
