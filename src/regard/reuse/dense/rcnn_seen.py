"""What the training pictures show an R-CNN: objects, proposals, which of them are background, and which lie near.

Girshick, Donahue, Darrell, Malik 2014, CVPR, section 2.3 and appendix C.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from ...core.storage import hash_bytes, hash_json
from .box_ridge import moves
from .feed import DenseFeed
from .given_boxes import filled
from .objective import objects_of
from .objects import Known, within
from .region_vectors import RegionVectors

BACKGROUND, NEAR = 0.3, 0.6  # IoU


class Seen:
    """What the training pictures show, but the proposals' vectors.

    Attributes:
        objects: (m, d) vectors of objects, `kinds` (m,) their classes.
        background: (n, classes) whether a proposal may stand for what is not the class.
        near_rows: of each class, which proposals lie near an object; `near_moves` what brings them to it.
        count: n; `width`: d.
    """

    def __init__(self, classes: int) -> None:
        self.classes, self.count, self.width = classes, 0, 0
        self.objects, self.kinds = np.zeros((0, 0), np.float32), np.zeros(0, np.int64)
        self.background = np.zeros((0, classes), dtype=bool)
        self.near_rows: list[np.ndarray] = [np.zeros(0, np.int64)] * classes
        self.near_moves: list[np.ndarray] = [np.zeros((0, 4))] * classes

    def look(self, feed: DenseFeed, vectors_of: RegionVectors) -> Iterator[np.ndarray]:
        """The vectors of the proposals, picture by picture."""
        objects, kinds, background = [], [], []
        rows: list[list[np.ndarray]] = [[] for _ in range(self.classes)]
        right: list[list[np.ndarray]] = [[] for _ in range(self.classes)]
        for (known, proposals), vectors in vectors_of(pictures(feed)):
            many = len(known.boxes)
            if len(vectors):
                self.width = vectors.shape[1]
                objects.append(vectors[:many])
            kinds.append(known.classes.numpy())
            background.append(background_of(proposals, known, self.classes))
            for kind, (near, place) in enumerate(near_of(proposals, known, self.classes)):
                rows[kind].append(near + self.count)
                right[kind].append(moves(proposals[near], known.boxes[place]))
            self.count += len(proposals)
            yield vectors[many:]
        self.kinds = np.concatenate([self.kinds, *kinds])
        self.objects = np.concatenate([np.zeros((0, self.width), np.float32), *objects])
        self.background = np.concatenate([self.background, *background])
        self.near_rows = [np.concatenate([old, *one]) for old, one in zip(self.near_rows, rows)]
        self.near_moves = [np.concatenate([old, *one]) for old, one in zip(self.near_moves, right)]


def background_of(proposals: Tensor, known: Known, classes: int) -> np.ndarray:
    """Whether each proposal (n, 4) may stand for what is not each class: (n, classes)."""
    made = torch.ones(len(proposals), classes, dtype=torch.bool)
    if len(known.boxes):
        far = box_iou(proposals, known.boxes) < BACKGROUND
        for kind in known.classes.unique().tolist():
            made[:, kind] = far[:, known.classes == kind].all(1)
    if len(known.ignored):
        near = (box_iou(proposals, known.ignored) >= BACKGROUND).any(1) | within(proposals, known.ignored)
        made &= ~near[:, None]
    return made.numpy()


def near_of(proposals: Tensor, known: Known, classes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each class the proposals that overlap an object by over .6, and the object that each overlaps most."""
    if not len(known.boxes) or not len(proposals):
        return [(np.zeros(0, np.int64), np.zeros(0, np.int64))] * classes
    most, place = box_iou(proposals, known.boxes).max(1)
    kinds = known.classes[place]
    found = [torch.where((most > NEAR) & (kinds == kind))[0] for kind in range(classes)]
    return [(one.numpy(), place[one].numpy()) for one in found]


def pictures(feed: DenseFeed) -> Iterator[tuple[tuple[Known, Tensor], Tensor, Tensor]]:
    """Each picture that can be used: its objects and proposals, its square, and both kinds of boxes in one."""
    for batch in feed.in_order(8):
        for known, proposals, square in zip(objects_of(batch).each(), filled(batch["proposals"]), batch.images):
            yield (known, proposals), square, torch.cat([known.boxes, proposals])


def targets_hash(feed: DenseFeed) -> str:
    """Names all that is learned from, but the pictures."""
    return hash_json(
        [
            hash_bytes(*(batch[name].numpy().tobytes() for name in sorted(batch) if name != "images"))
            for batch in feed.in_order(64)
        ]
    )
