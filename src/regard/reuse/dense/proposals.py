"""Where something could be: the region proposal network.

Paper: Ren, He, Girshick, Sun 2015, Faster R-CNN: towards real-time object detection with region proposal networks.

The idea: at every cell of every level, for each of a few anchors, whether there is an object and how the anchor has to
move and stretch to fit it. The best after non-maximum suppression within each level go on to a second look.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import clip_boxes_to_image

from .anchors import Anchors
from .matching import assigned, drawn
from .objects import Known, suppressed

BETA = 1 / 9  # where the loss of a coordinate turns from square to straight
POSITIVE, NEGATIVE, OVERLAP = 0.7, 0.3, 0.7  # IoU


class Answers(NamedTuple):
    """Of each level: whether there is an object, (N, A), how its anchor moves, (N, A, 4), and the anchors (A, 4)."""

    objectness: list[Tensor]
    deltas: list[Tensor]
    anchors: list[Tensor]


class Proposer(nn.Module):
    """The network on levels of one width.

    Args:
        width: channels of the levels.
        strides: of the levels, in pixels.
        anchors: on each of them.
    """

    def __init__(self, width: int, strides: Sequence[int], anchors: Anchors) -> None:
        super().__init__()
        self.strides, self.anchors = tuple(strides), anchors
        self.head = RPNHead(width, anchors.each)
        self.coder = BoxCoder((1.0, 1.0, 1.0, 1.0))

    def forward(self, levels: Sequence[Tensor]) -> Answers:
        """The answers at every anchor."""
        objectness, deltas = self.head(list(levels))
        count = len(levels[0])
        cells = [(int(one.shape[2]), int(one.shape[3])) for one in levels]
        return Answers(
            [one.permute(0, 2, 3, 1).reshape(count, -1).float() for one in objectness],
            [one.unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2).reshape(count, -1, 4).float() for one in deltas],
            self.anchors.grid(cells, self.strides, levels[0].device),
        )

    @torch.no_grad()
    def propose(self, answers: Answers, size: int, candidates: int, kept: int) -> list[Tensor]:
        """Boxes (n, 4) for each picture, n at most `kept`, the best first; equal ones by their level and place.

        Args:
            answers: at every anchor.
            size: of the pictures, in pixels.
            candidates: so many of each level compete.
            kept: how many are left of all levels.
        """
        scores, boxes, level = [], [], []
        for place, (objectness, deltas, anchors) in enumerate(zip(*answers)):
            value, which = objectness.sort(dim=1, descending=True, stable=True)
            value, which = value[:, :candidates], which[:, :candidates]
            moved = deltas.gather(1, which[..., None].expand(-1, -1, 4))
            found = self.coder.decode_single(moved.flatten(0, 1), anchors[which].flatten(0, 1))
            boxes.append(clip_boxes_to_image(found.view(*which.shape, 4), (size, size)))
            scores.append(value)
            level.append(torch.full_like(which, place))
        proposals = []
        for value, found, group in zip(torch.cat(scores, 1), torch.cat(boxes, 1), torch.cat(level, 1)):
            there = torch.where((found[:, 2:] - found[:, :2] >= 1e-2).all(1))[0]
            order = there[value[there].argsort(descending=True, stable=True)]
            proposals.append(found[order[suppressed(found[order], group[order], OVERLAP)[:kept]]])
        return proposals

    def loss(
        self, answers: Answers, known: Sequence[Known], count: int, generator: torch.Generator | None
    ) -> dict[str, Tensor]:
        """Equation 1 of the paper: `objectness` and `proposals`.

        Args:
            answers: at every anchor.
            known: the objects of each picture.
            count: anchors of a picture that are learned from, at most half of which stand for an object.
            generator: for the draws.
        """
        anchors, total = torch.cat(answers.anchors), 0
        logits, wanted, moved, right = [], [], [], []
        for objectness, deltas, one in zip(torch.cat(answers.objectness, 1), torch.cat(answers.deltas, 1), known):
            place = assigned(anchors, one, POSITIVE, NEGATIVE, rescue=True)
            objects, background = drawn(place, count, 0.5, generator)
            total += len(objects) + len(background)
            logits += [objectness[objects], objectness[background]]
            wanted += [torch.ones_like(logits[-2]), torch.zeros_like(logits[-1])]
            moved.append(deltas[objects])
            right.append(self.coder.encode_single(one.boxes[place[objects]], anchors[objects]))
        said = binary_cross_entropy_with_logits(torch.cat(logits), torch.cat(wanted), reduction="sum")
        fits = smooth_l1_loss(torch.cat(moved), torch.cat(right), beta=BETA, reduction="sum")
        return {"objectness": said / max(total, 1), "proposals": fits / max(total, 1)}
