"""What dense heads learn from and what they answer: the objects of a batch, and those found in one picture.

Boxes are (x0, y0, x1, y1) in pixels of the square input, half-open: a box from 0 to 8 covers eight pixels. The order of
what is found depends on nothing but scores, classes and boxes, so that equal scores give equal answers everywhere.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import nms

from ...core.checks import bad

IGNORED = 0.5  # share of an anchor's or proposal's own area inside an ignored object from which it counts neither way
CANDIDATES = 1000  # of one picture that compete with one another; the best by their scores


class Objects(NamedTuple):
    """The objects of N pictures, at most M in one, filled up.

    Attributes:
        boxes: (N, M, 4) float32, pixels of the input.
        classes: (N, M) int64, -1 where there is no object.
        ignore: (N, M) bool: a difficult object or a crowd. It neither hurts nor helps.
        masks: (N, M, S, S) bool, or None.
    """

    boxes: Tensor
    classes: Tensor
    ignore: Tensor
    masks: Tensor | None = None

    def each(self) -> "list[Known]":
        """Picture by picture, without what fills them up; a box without area is no object."""
        there = (self.boxes[..., 2:] > self.boxes[..., :2]).all(-1)
        learned, ignored = there & ~self.ignore & (self.classes >= 0), there & self.ignore
        boxes = self.boxes.float()
        return [
            Known(
                boxes[row][learned[row]],
                self.classes[row][learned[row]],
                boxes[row][ignored[row]],
                None if self.masks is None else self.masks[row][learned[row]],
            )
            for row in range(len(boxes))
        ]


class Known(NamedTuple):
    """The objects of one picture: boxes (m, 4), classes (m,), ignored boxes (k, 4), masks (m, S, S) or None."""

    boxes: Tensor
    classes: Tensor
    ignored: Tensor
    masks: Tensor | None


@dataclass(frozen=True)
class Found:
    """What a head found in one picture.

    Attributes:
        boxes: (n, 4) float32, pixels of the input.
        scores: (n,) float32 in [0, 1], falling; equal ones by class, then by the box's x0, y0, x1, y1.
        classes: (n,) int64.
        masks: (n, S, S) bool, or None.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    masks: Tensor | None = None


def check_objects(objects: Objects, pictures: int, classes: int, masks: bool = False) -> None:
    """Refuse objects of other pictures than the batch's, or of classes that a head does not know.

    Raises:
        InputError: shapes that do not belong together, a class beyond the head's, masks that are needed and not there.
    """
    shape = tuple(objects.boxes.shape)
    if len(shape) != 3 or shape[0] != pictures or shape[2] != 4:
        raise bad("boxes", f"shape {shape}", f"({pictures}, M, 4), as there are {pictures} pictures")
    for name, value in (("classes", objects.classes), ("ignore", objects.ignore)):
        if tuple(value.shape) != shape[:2]:
            raise bad(name, f"shape {tuple(value.shape)}", f"{shape[:2]}, one for each box")
    if objects.classes.numel() and int(objects.classes.max()) >= classes:
        raise bad("classes", int(objects.classes.max()), f"numbers from 0 to {classes - 1}, or -1 for no object")
    if masks and objects.masks is None:
        raise bad("masks", None, "a mask for each object", "Learn boxes alone where there are none.")
    if objects.masks is not None and tuple(objects.masks.shape[:2]) != shape[:2]:
        raise bad("masks", f"shape {tuple(objects.masks.shape)}", f"({shape[0]}, {shape[1]}, S, S), one for each box")


def within(boxes: Tensor, ignored: Tensor) -> Tensor:
    """Which boxes (n, 4) lie inside an ignored one (k, 4) with at least half of their own area: (n,) bool.

    >>> small, far = [2.0, 2, 4, 4], [20.0, 20, 24, 24]
    >>> within(torch.tensor([small, far]), torch.tensor([[0.0, 0, 8, 8]])).tolist()
    [True, False]
    """
    low, high = torch.maximum(boxes[:, None, :2], ignored[:, :2]), torch.minimum(boxes[:, None, 2:], ignored[:, 2:])
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1, keepdim=True).clamp(min=1e-6)
    return ((high - low).clamp(min=0).prod(2) >= IGNORED * area).any(1)


def ranked(scores: Tensor, classes: Tensor, boxes: Tensor) -> Tensor:
    """Places (n,) in the order of `Found`: by falling score, then by class, then by x0, y0, x1, y1."""
    order = torch.arange(len(scores), device=scores.device)
    for key in (*boxes.T.flip(0), classes):
        order = order[key[order].argsort(stable=True)]
    return order[scores[order].argsort(stable=True, descending=True)]


def suppressed(boxes: Tensor, groups: Tensor, overlap: float) -> Tensor:
    """Places of the boxes, of which the first are the best, that overlap no better one of their group by more (IoU)."""
    if not len(boxes):
        return torch.zeros(0, dtype=torch.int64, device=boxes.device)
    # Metal knows no double precision
    where, boxes = boxes.device, boxes.cpu() if boxes.device.type == "mps" else boxes
    # groups far apart, in double precision: in single, a few thousand pixels away, boxes lose their fractions
    apart = (boxes.max() - boxes.min().clamp(max=0) + 1).double()
    falling = torch.arange(len(boxes), 0, -1, device=boxes.device, dtype=torch.float64)
    return nms(boxes.double() + groups.to(boxes)[:, None].double() * apart, falling, overlap).to(where)


def best(
    boxes: Tensor, scores: Tensor, classes: Tensor, *, least: float = 0.05, overlap: float = 0.5, most: int = 100
) -> Tensor:
    """Choose among candidates (n) what is found: non-maximum suppression within each class.

    Args:
        boxes: (n, 4).
        scores: (n,) in [0, 1].
        classes: (n,).
        least: score below which nothing is found.
        overlap: IoU above which the lower of two boxes of a class goes.
        most: how many are kept.

    Returns:
        Their places (k,), in the order of `Found`.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    there = torch.where((scores >= least) & (sides >= 1e-2).all(1))[0]
    order = there[ranked(scores[there], classes[there], boxes[there])[:CANDIDATES]]
    return order[suppressed(boxes[order], classes[order], overlap)[:most]]
