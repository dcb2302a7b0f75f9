"""Detection in one step and without anchors: every cell says what it is in, and how far that reaches.

Paper: Tian, Shen, Chen, He 2019, FCOS: fully convolutional one-stage object detection, ICCV; with its later
improvements (Tian et al. 2020): samples about the middle, generalised IoU, normalised towers.

The idea: a cell near the middle of an object (1.5 cells) tells its class and the distances to its four sides; the level
is chosen by the largest of these. How central the cell is says how far its box is to be trusted.

What differs: two convolutions for each tower, not four; cells inside ignored objects are no background; the finest
level has a stride of 4, for small pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import clip_boxes_to_image, generalized_box_iou_loss, sigmoid_focal_loss

from ...backbones.contract import FeatureInfo
from ...core.checks import check_number
from .anchors import middles
from .matching import BACKGROUND, NEITHER
from .neck import Neck, normalised
from .objects import Found, Known, Objects, best, check_objects

RADIUS = 1.5  # cells about an object's middle that stand for it
REACH = 8  # cells: an object whose farthest side is farther belongs to a coarser level
RARE = 0.01  # the probability of each class that training begins with


@dataclass(frozen=True)
class Settings:
    """Sizes and counts.

    Attributes:
        width: channels of the pyramid and of the towers.
        depth: convolutions of each tower.
        coarser: add a level of twice the coarsest stride.
        candidates: cells of a level that compete.
        least: score below which nothing is found.
        overlap: IoU above which the lower of two boxes of a class goes.
        most: objects found in a picture.
    """

    width: int = 64
    depth: int = 2
    coarser: bool = False
    candidates: int = 300
    least: float = 0.05
    overlap: float = 0.5
    most: int = 100


class FCOS(nn.Module):
    """The head, on the levels of a `Pyramid`.

    Args:
        info: the pyramid's.
        classes: how many there are.
        settings: sizes and counts.
    """

    def __init__(self, info: Sequence[FeatureInfo], classes: int, settings: Settings | None = None) -> None:
        super().__init__()
        self.classes = check_number("classes", classes, 1, whole=True)
        self.settings = chosen = settings or Settings()
        width = chosen.width
        self.neck = Neck(info, width, chosen.coarser)
        self.what, self.where = (_tower(width, chosen.depth) for _ in range(2))
        self.score = nn.Conv2d(width, classes, 3, padding=1)
        self.sides = nn.Conv2d(width, 4, 3, padding=1)
        self.central = nn.Conv2d(width, 1, 3, padding=1)
        for layer in (self.score, self.sides, self.central):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.score.bias, -log((1 - RARE) / RARE))
        # of the distances of each level, which begin at two cells
        self.scale = nn.Parameter(torch.full((len(self.neck.strides),), log(2.0)))

    def forward(self, levels: Sequence[Tensor]) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Of each level and its A cells: logits (N, A, classes), boxes (N, A, 4), centrality (N, A), middles (A, 2)."""
        found = []
        for place, (level, stride) in enumerate(zip(self.neck(levels), self.neck.strides)):
            what, where = self.what(level), self.where(level)
            logits, sides = (_rows(one) for one in (self.score(what), self.sides(where)))
            middle = middles(int(level.shape[2]), int(level.shape[3]), stride, level.device)
            far = (sides + self.scale[place]).clamp(max=6).exp() * stride
            boxes = torch.cat([middle - far[..., :2], middle + far[..., 2:]], -1)
            found.append((logits, boxes, _rows(self.central(where))[..., 0], middle))
        return found

    def loss(self, levels: Sequence[Tensor], targets: Objects) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of `classes` (focal), `boxes` (generalised IoU), `centres` (divergence), for each cell of an object.

        Args:
            levels: (N, C, h, w) each.
            targets: of the N pictures.
        """
        check_objects(targets, len(levels[0]), self.classes)
        answers = self(levels)
        logits, boxes, central = (torch.cat([one[part] for one in answers], 1) for part in range(3))
        middle = [one[3] for one in answers]
        said, fits, weights, trusted, total = [], [], [], [], 0
        for row, known in enumerate(targets.each()):
            place = standing(known, middle, self.neck.strides)
            objects, counted = torch.where(place >= 0)[0], torch.where(place != NEITHER)[0]
            total += len(objects)
            right = known.boxes[place[objects]]
            wanted = torch.zeros_like(logits[row])
            wanted[objects, known.classes[place[objects]]] = 1
            said.append(sigmoid_focal_loss(logits[row][counted], wanted[counted], reduction="sum"))
            weight = centrality(right, torch.cat(middle)[objects])
            weights.append(weight.sum())
            fits.append((generalized_box_iou_loss(boxes[row][objects], right) * weight).sum())
            # less what no answer can avoid, so that it can fall to 0
            least = (torch.special.entr(weight) + torch.special.entr(1 - weight)).sum()
            trusted.append(binary_cross_entropy_with_logits(central[row][objects], weight, reduction="sum") - least)
        losses = {
            "classes": torch.stack(said).sum() / max(total, 1),
            "boxes": torch.stack(fits).sum() / torch.stack(weights).sum().clamp(min=1e-6),
            "centres": torch.stack(trusted).sum() / max(total, 1),
        }
        return torch.stack(list(losses.values())).sum(), {name: one.detach() for name, one in losses.items()}

    @torch.no_grad()
    def predict(self, levels: Sequence[Tensor], size: int) -> list[Found]:
        """What is in each picture of `size` x `size` pixels; the score is sqrt(class x centre-ness)."""
        return self.chosen([answers[:3] for answers in self(levels)], size)

    def chosen(self, levels: Sequence[tuple[Tensor, Tensor, Tensor]], size: int) -> list[Found]:
        """The same from what `forward` said of each level: logits, boxes, centrality."""
        chosen = self.settings
        values, boxes, classes = [], [], []
        for logits, found, central in levels:
            score = (logits.sigmoid() * central.sigmoid()[..., None]).sqrt().flatten(1)
            value, which = score.sort(dim=1, descending=True, stable=True)
            which = which[:, : chosen.candidates]
            cell = which.div(self.classes, rounding_mode="floor")
            values.append(value[:, : chosen.candidates])
            boxes.append(found.gather(1, cell[..., None].expand(-1, -1, 4)))
            classes.append(which % self.classes)
        answer = []
        for value, found, kind in zip(torch.cat(values, 1), torch.cat(boxes, 1), torch.cat(classes, 1)):
            found = clip_boxes_to_image(found, (size, size))
            kept = best(found, value, kind, least=chosen.least, overlap=chosen.overlap, most=chosen.most)
            answer.append(Found(found[kept], value[kept], kind[kept]))
        return answer


def standing(known: Known, middle: Sequence[Tensor], strides: Sequence[int]) -> Tensor:
    """For each cell of all levels the place of the object that it stands for, or BACKGROUND, or NEITHER.

    A cell stands for the smallest object whose box it is in, within 1.5 cells of the box's middle, and whose farthest
    side is as far as belongs to its level. One in an ignored object and in no other is NEITHER.
    """
    every = []
    for place, (points, stride) in enumerate(zip(middle, strides)):
        found = torch.full((len(points),), BACKGROUND, dtype=torch.int64, device=points.device)
        if len(known.boxes):
            corners = known.boxes
            far = _sides(points[:, None], corners)
            centre = (corners[:, :2] + corners[:, 2:]) / 2
            near = ((points[:, None] - centre).abs() <= RADIUS * stride).all(2) & (far > 0).all(2)
            low = REACH * stride / 2 if place else 0
            high = REACH * stride if place < len(strides) - 1 else inf
            reach = far.amax(2)
            near &= (reach >= low) & (reach < high)
            area = (corners[:, 2:] - corners[:, :2]).prod(1).expand_as(reach)
            least, which = torch.where(near, area, inf).min(1)
            found = torch.where(least < inf, which, found)
        if len(known.ignored):
            inside = (_sides(points[:, None], known.ignored) > 0).all(2).any(1)
            found[(found == BACKGROUND) & inside] = NEITHER
        every.append(found)
    return torch.cat(every)


def centrality(boxes: Tensor, points: Tensor) -> Tensor:
    """Equation 3 of the paper: 1 in the middle of a box, 0 at its sides; boxes (n, 4), points (n, 2) inside.

    >>> centrality(torch.tensor([[0.0, 0, 8, 8]] * 2), torch.tensor([[4.0, 4], [2, 4]])).tolist()
    [1.0, 0.577]
    """
    far = _sides(points, boxes)
    low, high = torch.minimum(far[..., :2], far[..., 2:]), torch.maximum(far[..., :2], far[..., 2:])
    return (low / high).clamp(min=0).prod(-1).sqrt()


def _sides(points: Tensor, boxes: Tensor) -> Tensor:
    """Distances to the left, upper, right and lower side."""
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1)


def _rows(level: Tensor) -> Tensor:
    """(N, C, h, w) to (N, h * w, C), float32."""
    return level.flatten(2).transpose(1, 2).float()


def _tower(width: int, depth: int) -> nn.Sequential:
    return nn.Sequential(*(part for _ in range(depth) for part in (normalised(width, width, 3), nn.ReLU())))
