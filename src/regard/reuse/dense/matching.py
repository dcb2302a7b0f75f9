"""Which anchors and proposals stand for which object, and which of them are learned from."""

import torch
from torch import Tensor
from torchvision.ops import box_iou

from .objects import Known, within

BACKGROUND, NEITHER = -1, -2


def assigned(boxes: Tensor, known: Known, positive: float, negative: float, rescue: bool = False) -> Tensor:
    """For each box the place of the object that it stands for, or BACKGROUND, or NEITHER (n,).

    A box stands for the object that it overlaps most, where that is by at least `positive` (IoU); by less than
    `negative` it is background. Ignored objects take boxes out of the background (`within`) and do nothing else.

    Args:
        boxes: (n, 4).
        known: the objects of its picture.
        positive: IoU.
        negative: IoU, at most `positive`.
        rescue: the boxes that overlap an object most, and others as much, stand for it or a better one, by however
            little.
    """
    place = torch.full((len(boxes),), BACKGROUND, dtype=torch.int64, device=boxes.device)
    if len(known.boxes) and len(boxes):
        overlap = box_iou(known.boxes, boxes)
        most, which = overlap.max(0)
        place[most >= negative] = NEITHER
        stands = most >= positive
        if rescue:
            top = overlap.max(1, keepdim=True).values
            stands |= ((overlap == top) & (top > 0)).any(0)
        place[stands] = which[stands]
    if len(known.ignored):
        place[(place == BACKGROUND) & within(boxes, known.ignored)] = NEITHER
    return place


def drawn(place: Tensor, count: int, share: float, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Draw boxes to learn from: places of those that stand for an object, and of background.

    Args:
        place: (n,), from `assigned`.
        count: how many at most.
        share: of them at most so many stand for an object; where there are fewer, background takes their room.
        generator: None: torch's own, which the training loop seeds for every step.
    """
    objects, background = torch.where(place >= 0)[0], torch.where(place == BACKGROUND)[0]
    objects = _some(objects, int(count * share), generator)
    return objects, _some(background, count - len(objects), generator)


def _some(places: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    if len(places) <= count:
        return places
    device = places.device if generator is None else generator.device
    return places[torch.randperm(len(places), generator=generator, device=device)[:count].to(places.device)]
