"""What a file says of one picture: the objects whose score is high enough, as annotations that any writer takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.checks import check_number
from ...data.annotations import rle
from ...data.annotations.boxes import Boxes
from ...data.annotations.boxes3d import Boxes3D
from ...data.annotations.depth import Depth
from ...data.annotations.masks import IGNORE, Masks, SemanticMap
from ...data.annotations.record import Annotations
from .answer import Answer
from .found_masks import masks_of

LOOKED_AT = 0.5  # score from which objects are in files that people look at


@dataclass(frozen=True)
class Told:
    """What is written of one picture.

    Attributes:
        answer: all that was found.
        carried: boxes, masks and map in the picture's own pixels; objects from the highest score on.
        scores: (n,) float64, of its objects.
    """

    answer: Answer
    carried: Annotations
    scores: np.ndarray


def told(answer: Answer, names: Sequence[str], threshold: float = LOOKED_AT) -> Told:
    """An answer as annotations.

    A mask of no pixel is none: its object has a box alone. Of an answer of pixels there are no boxes, which is not the
    same as none found.

    Args:
        answer: of a model.
        names: its classes.
        threshold: the least score of an object, in [0, 1].
    """
    check_number("threshold", threshold, 0, 1)
    if answer.depth is not None:
        return Told(answer, Annotations(answer.size, depth=Depth(answer.depth.numpy())), np.zeros(0))
    if answer.semantic is not None:
        kind = np.uint8 if len(names) <= IGNORE else np.uint16
        values = np.asarray(answer.semantic).astype(kind)
        return Told(answer, Annotations(answer.size, semantic=SemanticMap(values, tuple(names))), np.zeros(0))
    scores = np.asarray(answer.scores, dtype=np.float64)
    if answer.space is not None:
        sure = np.flatnonzero(np.asarray(answer.scores >= threshold))
        objects = _in_space(answer, names, sure)
        return Told(answer, Annotations(answer.size, boxes3d=objects), scores[sure])
    kept = np.flatnonzero(np.asarray(answer.scores >= threshold))  # in single precision, as everywhere
    labels = np.array([names[one] for one in np.asarray(answer.classes)[kept].tolist()], dtype=np.str_)
    boxes, masks = Boxes(np.asarray(answer.boxes)[kept], labels), masks_of(answer)
    if masks is not None:
        runs = [masks.runs[row] for row in kept.tolist()]
        masks = Masks(masks.size, tuple(one if one is not None and rle.area(one) else None for one in runs))
    return Told(answer, Annotations(answer.size, boxes, masks), scores[kept])


def _in_space(answer: Answer, names: Sequence[str], rows: np.ndarray) -> Boxes3D:
    """Objects of an answer in KITTI's convention; that they are cut off or hidden is not told: -1."""
    assert answer.space is not None
    space = answer.space.double().numpy()[rows]
    bottom = space[:, :3] + space[:, 3:4] / 2 * np.array([0, 1, 0])
    away = np.arctan2(space[:, 0], space[:, 2])
    return Boxes3D(
        classes=np.array([names[one] for one in answer.classes.numpy()[rows].tolist()], dtype=np.str_),
        xyxy=answer.boxes.numpy()[rows],
        size=space[:, 3:6],
        bottom=bottom,
        yaw=space[:, 6],
        alpha=(space[:, 6] - away + np.pi) % (2 * np.pi) - np.pi,
        truncated=np.full(len(rows), -1),
        occluded=np.full(len(rows), -1),
        camera=None if answer.camera is None else answer.camera.matrix,
    )


def rising(one: Told) -> list[int]:
    """The objects from the lowest score to the highest: the order to draw them in, so that the surest lie on top."""
    return list(range(len(one.scores)))[::-1]
