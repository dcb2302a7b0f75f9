"""A stand-in for a dense model that finds exactly what is painted: rectangles of one colour each, by that colour."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from regard.reuse.dense.answer import Answer
from regard.reuse.dense.frame import Framed

NAMES = ("red", "green")
GROUND = (0, 0, 0)


def painted(size: tuple[int, int], boxes: list[tuple[int, int, int, int]], classes: list[int]) -> torch.Tensor:
    """A picture (3, H, W) uint8: object k of class c has 100 + k in channel c; later ones lie over earlier ones."""
    pixels = torch.zeros(3, *size, dtype=torch.uint8)
    for number, ((left, top, right, bottom), place) in enumerate(zip(boxes, classes)):
        pixels[:, top:bottom, left:right] = 0
        pixels[place, top:bottom, left:right] = 100 + number
    return pixels


class Seeing:
    """Finds each colour's extent in a square; of a piece it is less sure. `masks` tells its pixels too.

    Args:
        size: side of the square.
        what: boxes, masks or semantic (the class is the channel, from 1; 0 is the ground).
        jitter: pixels of the square by which boxes are off, drawn by the box.
        blind: boxes with a shorter side than this in the square are not found.
    """

    def __init__(self, size: int = 64, what: str = "boxes", jitter: float = 0.0, blind: float = 0.0) -> None:
        names = ("ground", *NAMES) if what == "semantic" else NAMES
        self.objective = SimpleNamespace(size=size, what=what, names=names, colour=(0.0, 0.0, 0.0))
        self.encoder, self.jitter, self.blind, self.calls = nn.Linear(1, 1), jitter, blind, []

    def begin(self, images: torch.Tensor, framed: list[Framed], rows: list[int]) -> Callable[[], list[Answer]]:
        self.calls.append(len(images))
        squares = (images * 255).round().to(torch.uint8)
        return lambda: [self._one(*each) for each in zip(squares, framed, rows, strict=True)]

    def _one(self, square: torch.Tensor, framed: Framed, row: int) -> Answer:
        empty = torch.zeros(0)
        seen = square >= 90
        if self.objective.what == "semantic":
            values = torch.where(seen[0], 1, torch.where(seen[1], 2, 0))
            size = (framed.height, framed.width)
            return Answer(row, size, empty.view(0, 4), empty, empty.long(), None, framed.map_out(values))
        boxes, classes, masks = [], [], []
        for place in range(2):
            for colour in square[place][seen[place]].unique().tolist():
                there = square[place] == colour
                y, x = torch.where(there)
                box = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], dtype=np.float64)
                wide, high = int(box[2] - box[0]), int(box[3] - box[1])
                # what mixes with the ground at the edges has colours of its own, which are no objects
                if min(wide, high) < max(self.blind, 2) or there.sum() < 0.8 * wide * high:
                    continue
                noise = np.random.default_rng(abs(hash(tuple(box))) % 2**32).uniform(-self.jitter, self.jitter, 4)
                boxes.append((box + noise).clip(0, square.shape[1]))
                classes.append(place)
                masks.append(there)
        corners = torch.tensor(np.array(boxes, dtype=np.float32).reshape(-1, 4))
        areas = (corners[:, 2:] - corners[:, :2]).prod(1)
        order = areas.argsort(descending=True, stable=True)
        scores = (0.5 + areas / (2.2 * square.shape[1] ** 2))[order]
        found = framed.boxes_out(corners[order])
        stacked = torch.stack(masks)[order] if masks else torch.zeros(0, *square.shape[1:], dtype=torch.bool)
        told = framed.map_out(stacked) if self.objective.what == "masks" else None
        return Answer(row, (framed.height, framed.width), found, scores, torch.tensor(classes).long()[order], told)
