"""How good found boxes in space are: AP by the distance of their centres, and the errors of those that are right."""

import numpy as np

from ...data.annotations.record import Annotations
from ...metrics.box3d import ERRORS, MEASURES, Box3DAP
from ...metrics.image_resampling import image_scores, scores_interval
from ...metrics.intervals import Interval
from ...metrics.space_pairs import Spatial, space_pairs
from .answer import Answer
from .tally import ByClass, Seen, Telling, named
from .target_space import difficult, middles

MAIN = "ap_1m"


class SpaceTally:
    """Boxes in space.

    `seen` is called with the answer, the true objects of classes that the model knows with regions of DontCare after
    them, and the pairs of the former (`metrics.space_pairs`).
    """

    def __init__(self, telling: Telling, seen: Seen | None) -> None:
        self.seen = seen
        self.place = {name: number for number, name in enumerate(telling.names)}
        self.judge = Box3DAP(telling.names)

    @property
    def images(self) -> int:
        """See `Tally`."""
        return self.judge.images

    def add(self, carried: Annotations, answer: Answer) -> str:
        """Count one picture; why not, where that cannot be."""
        every = carried.boxes3d
        if every is None or answer.space is None:
            return "nothing is said of its objects in space"
        truth = every.take(np.isin(every.classes, list(self.place)))
        regions = every.take(~every.known)
        classes = np.array([self.place[name] for name in truth.classes.tolist()], dtype=np.int64)
        space = answer.space.double().numpy()
        pairs = space_pairs(
            Spatial(answer.classes.numpy(), space[:, :3], space[:, 3:6], space[:, 6]),
            answer.scores.numpy(),
            Spatial(classes, middles(truth), truth.size, truth.yaw),
            ignore=difficult(truth),
            boxes=answer.boxes.numpy(),
            regions=regions.xyxy,
        )
        self.judge.add(pairs)
        if self.seen is not None:
            self.seen(answer, truth, pairs)
        return ""

    def told(self) -> tuple[dict[str, float | None], ByClass]:
        """See `Tally`."""
        return named([("", self.judge.scores(), (*MEASURES, *ERRORS))], self.judge.classes)

    def by_image(self) -> dict[str, np.ndarray]:
        """See `Tally`."""
        return {MAIN: image_scores(lambda weights: self.judge.measured(weights, MAIN), self.images)}

    def interval(self, scores: np.ndarray) -> Interval:
        """See `Tally`."""
        return scores_interval(scores)
