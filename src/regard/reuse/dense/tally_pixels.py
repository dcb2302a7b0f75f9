"""How good classes of pixels are: mIoU, accuracy and outlines."""

import numpy as np

from ...data.annotations.masks import BACKGROUND, drawn
from ...data.annotations.record import Annotations
from ...metrics.boundary import BoundaryScores
from ...metrics.image_resampling import image_scores, scores_interval
from ...metrics.intervals import Interval
from ...metrics.segmentation import SemanticScores
from .answer import Answer
from .tally import ByClass, Seen, Telling, known, named
from .target_semantic import VOID


class PixelTally:
    """The class of each pixel, and outlines."""

    def __init__(self, telling: Telling, seen: Seen | None) -> None:
        self.seen = seen
        self.names = telling.names
        self.areas, self.outlines = SemanticScores(self.names), BoundaryScores(self.names)

    @property
    def images(self) -> int:
        """See `Tally`."""
        return self.areas.images

    def add(self, carried: Annotations, answer: Answer) -> str:
        """Count one picture; why not, where that cannot be."""
        truth = carried.semantic
        if truth is None and carried.masks is not None and carried.boxes is not None:
            if BACKGROUND in self.names:
                objects = sorted(set(carried.boxes.classes.tolist()))
                truth = drawn(carried.masks, carried.boxes.classes.tolist(), objects)
        if truth is None or answer.semantic is None:
            return "nothing is said of its pixels"
        table = np.full(max(len(truth.classes), truth.ignore) + 1, VOID, dtype=np.int64)
        for number, name in enumerate(truth.classes):
            table[number] = self.names.index(name) if name in self.names else VOID
        wanted, found = table[truth.values], answer.semantic.numpy()
        self.areas.add(wanted, found)
        self.outlines.add(wanted, found)
        if self.seen is not None:
            self.seen(answer, wanted, found)
        return ""

    def told(self) -> tuple[dict[str, float | None], ByClass]:
        """See `Tally`."""
        areas, outlines = self.areas.scores(), self.outlines.scores()
        metrics, by_class = named(
            [("", areas, ("miou", "pixel_accuracy")), ("", outlines, ("boundary_f",))], self.names
        )
        for name in self.names:
            by_class[name] = {"iou": known(areas.by_class[name]["iou"])} | by_class[name]
        return metrics, by_class

    def by_image(self) -> dict[str, np.ndarray]:
        """See `Tally`."""
        return {"miou": image_scores(lambda weights: self.areas.measured(weights, "miou"), self.images)}

    def interval(self, scores: np.ndarray) -> Interval:
        """See `Tally`."""
        return scores_interval(scores)
