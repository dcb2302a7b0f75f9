"""Scores of a dense model, and beside them what a page of its errors needs, of one pass over the pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ...data.annotations.boxes import Boxes
from ...data.imageset import ImageSet
from ...metrics.detection_pairs import Pairs
from .examined_objects import KEPT, ObjectErrors, ObjectsSeen
from .examined_pixels import PixelErrors, PixelsSeen
from .model import Answer
from .scoring import Answering, DenseScores, score

Examined = ObjectErrors | PixelErrors


class Report(Protocol):
    """Writes a page into the folder of a run that has ended, such as `pages.dense_run.write_run_page`."""

    def __call__(
        self,
        folder: Path,
        images: ImageSet,
        scores: DenseScores,
        examined: Examined,
        facts: Mapping[str, object],
        notes: Sequence[str],
    ) -> None:
        """Write it: of the pictures that were scored."""
        ...


def examine(
    model: Answering, images: ImageSet, *, batch: int = 8, interval: bool = True, kept: int = KEPT
) -> tuple[DenseScores, Examined]:
    """Score a model as `score` does, and sort its errors.

    Memory grows by numbers with the pictures: the scores and overlaps of what was found. Boxes, masks and maps are kept
    of the worst pictures alone.

    Args:
        model: trained or read.
        images: with annotations.
        batch: pictures a call of the network.
        interval: tell the main measure's interval over pictures.
        kept: how many of the worst pictures are kept to be shown.

    Raises:
        InputError: as `score`.
    """
    seen = _Seen(model, kept)
    scores = score(model, images, batch=batch, interval=interval, seen=seen)
    return scores, seen.kind.told()


class _Seen:
    """Passes what is scored on to what keeps it."""

    def __init__(self, model: Answering, kept: int) -> None:
        what, names = model.objective.what, model.objective.names
        self.kind: ObjectsSeen | PixelsSeen = (
            PixelsSeen(names, kept) if what == "semantic" else ObjectsSeen(names, what == "masks", kept)
        )

    def objects(self, answer: Answer, truth: Boxes, pairs: Pairs, masks: np.ndarray | None) -> None:
        assert isinstance(self.kind, ObjectsSeen)
        self.kind.add(answer, truth, pairs, masks)

    def pixels(self, answer: Answer, truth: np.ndarray, found: np.ndarray) -> None:
        assert isinstance(self.kind, PixelsSeen)
        self.kind.add(answer, truth, found)
