"""The second look at a region: what it shows, and where exactly that is.

Paper: Girshick 2015, Fast R-CNN, ICCV. It takes regions from anywhere: from a region proposal network, or as given.

What differs: hidden layers of 128 units, not 1024, which a CPU can train and a few hundred pictures can fill.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.ops import clip_boxes_to_image

from .matching import assigned, drawn
from .objects import Found, Known, best
from .regions import pooled

POSITIVE = 0.5  # IoU from which a region shows an object
SHARE = 0.25  # of the regions that are learned from, at most so many show one
BETA = 1 / 9
CELLS = 7  # of a region's map
WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # so that what is regressed has about unit variance


class Regions(NamedTuple):
    """Regions that show an object, of each picture: boxes (n, 4), and the place of the object among the known (n,)."""

    boxes: list[Tensor]
    place: list[Tensor]


class BoxHead(nn.Module):
    """Classes and boxes of regions.

    Args:
        width: channels of the levels.
        strides: of the levels that regions are taken from, in pixels.
        classes: how many there are, without the background.
        hidden: units of both hidden layers.
    """

    def __init__(self, width: int, strides: Sequence[int], classes: int, hidden: int = 128) -> None:
        super().__init__()
        self.strides, self.classes = tuple(strides), classes
        self.hidden = TwoMLPHead(width * CELLS**2, hidden)
        self.predictor = FastRCNNPredictor(hidden, classes + 1)  # the background is class 0 here
        self.coder = BoxCoder(WEIGHTS)

    def forward(self, levels: Sequence[Tensor], boxes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (n, classes + 1), the background's first, and moves (n, classes + 1, 4), in float32."""
        return self.said(pooled(levels, self.strides, boxes, CELLS))

    def said(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """The same of regions that were cut out, (n, width, 7, 7)."""
        logits, moves = self.predictor(self.hidden(cells))
        return logits.float(), moves.float().unflatten(1, (-1, 4))

    def loss(
        self,
        levels: Sequence[Tensor],
        proposals: Sequence[Tensor],
        known: Sequence[Known],
        count: int = 64,
        generator: torch.Generator | None = None,
    ) -> tuple[dict[str, Tensor], Regions]:
        """The losses `classes` and `boxes`, and the regions that showed an object.

        Args:
            levels: (N, width, h, w) each.
            proposals: (n, 4) for each picture; its known boxes are added to them.
            known: the objects of each picture.
            count: regions of a picture that are learned from.
            generator: for the draws.
        """
        regions, wanted, right, shown = [], [], [], Regions([], [])
        for boxes, one in zip(proposals, known):
            boxes = torch.cat([boxes, one.boxes])
            place = assigned(boxes, one, POSITIVE, POSITIVE)
            objects, background = drawn(place, count, SHARE, generator)
            regions.append(torch.cat([boxes[objects], boxes[background]]))
            wanted.append(torch.cat([one.classes[place[objects]] + 1, torch.zeros_like(background)]))
            right.append(self.coder.encode_single(one.boxes[place[objects]], boxes[objects]))
            shown.boxes.append(boxes[objects])
            shown.place.append(place[objects])
        logits, moves = self(levels, regions)
        target = torch.cat(wanted)
        objects = torch.where(target > 0)[0]
        said = cross_entropy(logits, target, reduction="sum")
        fits = smooth_l1_loss(moves[objects, target[objects]], torch.cat(right), beta=BETA, reduction="sum")
        total = max(len(target), 1)
        return {"classes": said / total, "boxes": fits / total}, shown

    def predict(
        self, levels: Sequence[Tensor], proposals: Sequence[Tensor], size: int, least: float, overlap: float, most: int
    ) -> list[Found]:
        """What is in each picture; see `best` for the numbers."""
        logits, moves = self(levels, proposals)
        return self.found(logits, moves, proposals, size, least, overlap, most)

    def found(
        self,
        logits: Tensor,
        moves: Tensor,
        proposals: Sequence[Tensor],
        size: int,
        least: float,
        overlap: float,
        most: int,
    ) -> list[Found]:
        """The same from what `forward` said of the proposals."""
        counts = [len(one) for one in proposals]
        found = []
        for scores, moved, boxes in zip(logits.softmax(1).split(counts), moves.split(counts), proposals):
            made = self.coder.decode_single(moved[:, 1:].flatten(1), boxes).view(-1, 4)
            made = clip_boxes_to_image(made, (size, size))
            value = scores[:, 1:].reshape(-1)
            classes = torch.arange(self.classes, device=made.device).repeat(len(boxes))
            kept = best(made, value, classes, least=least, overlap=overlap, most=most)
            found.append(Found(made[kept], value[kept], classes[kept]))
        return found
