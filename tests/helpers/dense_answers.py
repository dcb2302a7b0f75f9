"""Models that tell what they were given, and the image sets that they are scored on."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from regard.data.annotations.boxes import Boxes
from regard.data.annotations.masks import Masks, SemanticMap
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet
from regard.reuse.dense.answer import Answer

from .detections import SIZE, Picture, ellipses, random_pictures

NAMES = ("cat", "dog", "never")
Object = tuple[Sequence[float], str]
Found = tuple[Sequence[float], str, float]


class Told:
    """A model that tells what it was given, one picture after another, and counts how often it is asked."""

    def __init__(self, answers: Sequence[Answer], what: str = "boxes", names: Sequence[str] = NAMES) -> None:
        self.objective: Any = SimpleNamespace(what=what, names=tuple(names))
        self.answers, self.asked = list(answers), 0

    def predict(self, images: ImageSet, *, batch: int, failed: dict[str, str]) -> Iterator[Answer]:
        self.asked += 1
        yield from self.answers


def random_objects(count: int, seed: int = 0, masks: bool = False) -> tuple[ImageSet, Any]:
    """Random pictures as an image set, and a model that finds what was found in them."""
    pictures = random_pictures(np.random.default_rng(seed), count)
    carried = []
    for one in pictures:
        names = np.array(NAMES)[one.truth_classes] if len(one.truth_classes) else np.zeros(0, dtype=str)
        boxes = Boxes(one.truth_boxes, names, difficult=one.difficult, crowd=one.crowd)
        there = Masks.from_arrays(ellipses(one.truth_boxes)) if masks else None
        carried.append(Annotations((SIZE, SIZE), boxes, there))
    answers = [_answer(row, one, masks) for row, one in enumerate(pictures)]
    return _set(carried), Told(answers, "masks" if masks else "boxes")


def given_objects(
    pictures: Sequence[tuple[Sequence[Object], Sequence[Found]]], names: Sequence[str] = NAMES, size: int = SIZE
) -> tuple[ImageSet, Any]:
    """Of each picture what is there, (box, class), and what was found, (box, class, score)."""
    carried, answers = [], []
    for row, (there, found) in enumerate(pictures):
        boxes = np.array([box for box, _ in there], dtype=np.float32).reshape(-1, 4)
        carried.append(Annotations((size, size), Boxes(boxes, np.array([name for _, name in there], dtype=str))))
        answers.append(
            Answer(
                row,
                (size, size),
                torch.tensor([box for box, _, _ in found], dtype=torch.float32).view(-1, 4),
                torch.tensor([score for _, _, score in found], dtype=torch.float64),
                torch.tensor([list(names).index(name) for _, name, _ in found], dtype=torch.int64),
            )
        )
    return _set(carried, names, size), Told(answers, names=names)


def given_pixels(
    truth: Sequence[np.ndarray], found: Sequence[np.ndarray], names: Sequence[str] = ("road", "sky")
) -> tuple[ImageSet, Any]:
    """Maps of classes (H, W), 255 where one counts neither way, and those that were told."""
    carried = [Annotations(one.shape, semantic=SemanticMap(one, tuple(names))) for one in truth]
    images = ImageSet(
        [np.zeros((*one.shape, 3), np.uint8) for one in truth],
        np.array([f"{row}.png" for row in range(len(truth))]),
        annotations=Rows.of(Listed(carried, tuple(names))),
    )
    none = torch.zeros(0)
    answers = [
        Answer(row, one.shape, none.view(0, 4), none, none.long(), None, torch.from_numpy(one.astype(np.int64)))
        for row, one in enumerate(found)
    ]
    return images, Told(answers, "semantic", names)


def _answer(row: int, picture: Picture, masks: bool) -> Answer:
    order = np.argsort(-picture.scores, kind="stable")
    return Answer(
        row,
        (SIZE, SIZE),
        torch.from_numpy(picture.boxes[order].astype(np.float32)),
        torch.from_numpy(picture.scores[order]),
        torch.from_numpy(picture.classes[order].astype(np.int64)),
        torch.from_numpy(ellipses(picture.boxes)[order]) if masks else None,
    )


def _set(carried: Sequence[Annotations], names: Sequence[str] = NAMES, size: int = SIZE) -> ImageSet:
    count = len(carried)
    pixels = np.random.default_rng(0).integers(0, 255, (count, size, size, 3), dtype=np.uint8)
    ids = np.array([f"{row}.png" for row in range(count)])
    return ImageSet(list(pixels), ids, annotations=Rows.of(Listed(carried, tuple(names))))
