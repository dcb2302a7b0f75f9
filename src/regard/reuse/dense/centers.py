"""Boxes in space from one picture: a map of the objects' middles, and at each the depth, the size and the angle.

Papers: Zhou, Wang, Krähenbühl 2019, Objects as points, arXiv 1904.07850 (section 5); Liu, Wu, Tóth 2020, SMOKE, CVPR
workshops; Wang, Zhu, Pang, Lin 2021, FCOS3D, ICCV workshops. For the rays: Facil et al. 2019, CAM-Convs, CVPR.

The idea: an object is the place in the picture at which the middle of its box in space is seen. There the head tells
how far away it is, how large, and from which side it is seen; with the camera that makes a box in space.

What differs: depth is told by the focal length (see `in_space`), so that one head serves several cameras; a map of the
ray of each cell, x / z and y / z, stands beside the features, as where a thing stands on the ground says how far it is;
the cells around a middle learn of it too, as in FCOS3D, each its own way to it; the depth comes with a spread, which
learns to tell how far off it is (Kendall and Gal 2017, NeurIPS) and lowers the score of what may be anywhere; the angle
has a tower of its own and comes with how sure it is (see `von_mises`), as it is told by small marks, and learns last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from ...backbones.contract import FeatureInfo
from ...core.checks import bad, check_number
from .heat import bell, heat_loss, peaks
from .in_space import CODES, boxes_around, check_camera, decode, encode, rays
from .neck import Neck, normalised
from .objects import Objects, check_objects
from .von_mises import von_mises_loss

RARE = 0.05  # the height of the map that training begins with
OUTPUTS = 2 + CODES + 1  # the way to the middle, the codes, the logarithm of the depth's spread
AROUND = 1  # cells about that of a middle that learn of it too


@dataclass(frozen=True)
class Usual:
    """What objects are like in the training pictures.

    Attributes:
        sizes: mean height, width and length of each class in metres (geometric).
        depth: the mean of log(z / f).
    """

    sizes: tuple[tuple[float, float, float], ...]
    depth: float = 0.0


@dataclass(frozen=True)
class Settings:
    """Sizes, counts and weights.

    Attributes:
        width: channels of the pyramid and of the towers.
        depth: convolutions of each tower.
        weights: of the losses of the way to the middle, depth, size and angle beside that of the map.
        least: score below which nothing is found.
        most: objects found in a picture.
    """

    width: int = 64
    depth: int = 2
    weights: tuple[float, float, float, float] = (0.5, 1.0, 1.0, 1.0)
    least: float = 0.05
    most: int = 50


class SpaceObjects(NamedTuple):
    """The objects of N pictures, at most M in one, filled up.

    Attributes:
        boxes: (N, M, 4) float32, where they are seen in the square.
        classes: (N, M) int64, -1 where there is no object.
        ignore: (N, M) bool: difficult ones, and regions in which nothing counts.
        space: (N, M, 7) float32, see `in_space`.
        camera: (N, 4) float32.
    """

    boxes: Tensor
    classes: Tensor
    ignore: Tensor
    space: Tensor
    camera: Tensor


@dataclass(frozen=True)
class FoundInSpace:
    """What was found in one picture: scores (n,) falling, classes (n,), boxes in the square (n, 4) and space (n, 7)."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    space: Tensor


class Centers(nn.Module):
    """The head, on the levels of a `Pyramid`.

    Args:
        info: the pyramid's.
        classes: how many there are.
        usual: what they are like.
        settings: sizes, counts and weights.
    """

    def __init__(
        self, info: Sequence[FeatureInfo], classes: int, usual: Usual, settings: Settings | None = None
    ) -> None:
        super().__init__()
        self.classes = check_number("classes", classes, 1, whole=True)
        if len(usual.sizes) != classes:
            raise bad("usual", f"sizes of {len(usual.sizes)} classes", f"of all {classes}")
        self.settings = chosen = settings or Settings()
        self.neck = Neck(info, chosen.width)
        self.stride = int(self.neck.strides[0])
        self.what = _tower(chosen.width, chosen.width, chosen.depth)
        self.where = _tower(chosen.width + 2, chosen.width, chosen.depth)
        self.turned = _tower(chosen.width + 2, chosen.width, chosen.depth)
        self.heat = nn.Conv2d(chosen.width, classes, 3, padding=1)
        self.told = nn.Conv2d(chosen.width, OUTPUTS - 2, 3, padding=1)
        self.angle = nn.Conv2d(chosen.width, 2, 3, padding=1)
        for layer in (self.heat, self.told, self.angle):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.heat.bias, -log((1 - RARE) / RARE))
        self.sizes: Tensor
        self.register_buffer("sizes", torch.tensor(usual.sizes, dtype=torch.float32))
        self.depth: Tensor
        self.register_buffer("depth", torch.tensor(usual.depth, dtype=torch.float32))

    def forward(self, levels: Sequence[Tensor], camera: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the map (N, classes, h, w), and what is told of an object in each cell (N, 9, h, w)."""
        finest = self.neck(levels)[0].float()
        check_camera(camera, len(finest))
        seen = torch.cat([finest, rays(camera, (finest.shape[2], finest.shape[3]), self.stride).to(finest)], 1)
        told, angle = self.told(self.where(seen)), self.angle(self.turned(seen))
        return self.heat(self.what(finest)), torch.cat([told[:, :-1], angle, told[:, -1:]], 1)

    def loss(self, levels: Sequence[Tensor], targets: SpaceObjects) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the map's loss and of those of place, depth, size and angle, the means over cells near middles.

        Args:
            levels: (N, C, h, w) each.
            targets: the pictures' objects.

        Raises:
            InputError: targets of other pictures, or a class that the head does not know.
        """
        check_objects(Objects(targets.boxes, targets.classes, targets.ignore), len(levels[0]), self.classes)
        logits, told = self(levels, targets.camera)
        heat, counts, cells, wanted, own = self.targets(targets, (int(logits.shape[2]), int(logits.shape[3])))
        losses = {"heat": heat_loss(logits, heat, counts)}
        found = told[cells[:, 0], :, cells[:, 1], cells[:, 2]]
        parts = {"place": slice(0, 2), "depth": slice(2, 3), "size": slice(3, 6), "angle": slice(6, 8)}
        total = losses["heat"]
        for (name, part), weight in zip(parts.items(), self.settings.weights):
            if name == "angle":
                apart = von_mises_loss(found[:, part], wanted[:, part])
            else:
                apart = l1_loss(found[:, part], wanted[:, part], reduction="none").sum(1)
            if name == "depth":  # Laplace's likelihood, whose spread begins at that of e^0
                apart = apart * (-found[:, -1]).exp() + found[:, -1]
            losses[name] = (apart * own).sum() / own.sum().clamp(min=1)
            total = total + weight * losses[name]
        return total, losses

    def targets(self, objects: SpaceObjects, cells: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What the maps should be.

        Returns:
            The map (N, classes, h, w); where it counts (N, 1, h, w); the cells (k, 3) that tell of an object, as
            picture, row and column; what they should tell (k, 8); and how much each counts (k,), 1 for each object.
        """
        device, (height, width) = objects.boxes.device, cells
        heat = torch.zeros(len(objects.boxes), self.classes, height, width, device=device)
        counts = torch.ones(len(heat), 1, height, width, dtype=torch.bool, device=device)
        edges = [(torch.arange(count, device=device) + 0.5) * self.stride for count in (width, height)]
        where, wanted = [], []
        for row, boxes in enumerate(objects.boxes):
            there = (boxes[:, 2:] > boxes[:, :2]).all(1) & (objects.classes[row] >= 0)
            learned = there & ~objects.ignore[row]
            classes, space = objects.classes[row][learned], objects.space[row][learned]
            seen, codes = encode(space, objects.camera[row], self.sizes[classes], self.depth)
            middle = seen / self.stride
            inside = ((middle >= 0) & (middle < middle.new_tensor([width, height]))).all(1)
            # one whose middle is out of sight cannot be told of, and what is seen of it counts neither way
            away = torch.cat([boxes[there & objects.ignore[row]], boxes[learned][~inside]])
            for left, top, right, bottom in away:
                within = [(at >= low) & (at < high) for at, low, high in zip(edges, (left, top), (right, bottom))]
                counts[row, 0] &= ~(within[1][:, None] & within[0])
            middle, codes, classes, boxes = middle[inside], codes[inside], classes[inside], boxes[learned][inside]
            if not len(middle):
                continue
            near = bell(middle, (boxes[:, 2:] - boxes[:, :2]) / self.stride, cells)
            for place, label in enumerate(classes.tolist()):
                heat[row, label] = torch.maximum(heat[row, label], near[place])
            # the cells about each middle, each of which learns of the nearest one
            rows, columns = (torch.arange(count, device=device) + 0.5 for count in (height, width))
            apart = torch.maximum(
                (rows[None, :, None] - middle[:, 1, None, None].floor() - 0.5).abs(),
                (columns[None, None] - middle[:, 0, None, None].floor() - 0.5).abs(),
            )
            reach = torch.hypot(rows[None, :, None] - middle[:, 1, None, None], columns - middle[:, 0, None, None])
            least, which = torch.where(apart <= AROUND, reach, torch.inf).min(0)
            which[middle[:, 1].floor().long(), middle[:, 0].floor().long()] = torch.arange(len(middle), device=device)
            down, across = torch.where(least < torch.inf)
            who = which[down, across]
            way = middle[who] - torch.stack([columns[across], rows[down]], 1)
            share = 1 / torch.bincount(who, minlength=len(middle))[who]
            where.append(torch.stack([torch.full_like(down, row), down, across], 1))
            wanted.append(torch.cat([way, codes[who], share[:, None]], 1))
        if not where:
            empty = torch.zeros(0, 3, dtype=torch.int64, device=device)
            return heat, counts, empty, torch.zeros(0, 2 + CODES, device=device), torch.zeros(0, device=device)
        every = torch.cat(wanted)
        return heat, counts, torch.cat(where), every[:, :-1], every[:, -1]

    def predict(self, levels: Sequence[Tensor], size: int, camera: Tensor) -> list[FoundInSpace]:
        """What is in each picture.

        Args:
            levels: (N, C, h, w) each.
            size: side of the square in pixels.
            camera: (N, 4).
        """
        with torch.autocast(camera.device.type, enabled=False):  # metres in half precision are off by a percent
            logits, told = self(levels, camera)
        return [self.found(one, told[row], camera[row], size) for row, one in enumerate(logits.sigmoid())]

    def found(self, heat: Tensor, told: Tensor, camera: Tensor, size: int) -> FoundInSpace:
        """What maps (classes, h, w) and (9, h, w) of one picture say.

        The score is that of the map times 1 / (1 + b), where b is the spread of the logarithm of the depth.
        """
        heights, classes, cells = peaks(heat, self.settings.most, self.settings.least)
        at = told[:, cells[:, 0], cells[:, 1]].T
        seen = (cells.flip(1) + 0.5 + at[:, :2]) * self.stride
        space = decode(seen, at[:, 2 : 2 + CODES], camera, self.sizes[classes], self.depth)
        scores = heights / (1 + at[:, -1].clamp(-6, 6).exp())
        order = scores.argsort(stable=True, descending=True)
        boxes = boxes_around(space, camera, size)
        return FoundInSpace(boxes[order], scores[order], classes[order], space[order])


def _tower(channels: int, width: int, depth: int) -> nn.Sequential:
    inputs = [channels, *[width] * (depth - 1)]
    return nn.Sequential(*(part for one in inputs for part in (normalised(one, width, 3), nn.ReLU())))
