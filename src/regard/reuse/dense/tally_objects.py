"""How good found boxes and masks are: average precision by the rules of COCO and VOC."""

import numpy as np

from ...data.annotations import rle
from ...data.annotations.record import Annotations
from ...metrics.coco_ap import CocoAP
from ...metrics.detection_pairs import box_pairs, mask_pairs, run_pairs
from ...metrics.image_resampling import image_scores, scores_interval
from ...metrics.intervals import Interval
from ...metrics.voc_ap import VocAP
from .answer import Answer
from .tally import ByClass, Seen, Telling, named


class ObjectTally:
    """Boxes, and masks where the model tells them."""

    def __init__(self, telling: Telling, seen: Seen | None) -> None:
        self.seen = seen
        self.place = {name: number for number, name in enumerate(telling.names)}
        self.boxes, self.voc = CocoAP(telling.names), VocAP(telling.names)
        self.masks = CocoAP(telling.names) if telling.what == "masks" else None

    @property
    def images(self) -> int:
        """See `Tally`."""
        return self.boxes.images

    def add(self, carried: Annotations, answer: Answer) -> str:
        """Count one picture; why not, where that cannot be."""
        truth = carried.boxes
        if truth is None or (self.masks is not None and carried.masks is None and len(truth)):
            return "nothing is said of its objects"
        known = np.array([name in self.place for name in truth.classes.tolist()], dtype=bool)
        truth = truth.take(known)
        classes = [self.place[name] for name in truth.classes.tolist()]
        found = answer.boxes.numpy(), answer.scores.numpy(), answer.classes.numpy()
        flags = {"crowd": truth.crowd, "ignore": truth.difficult}
        areas, masks = None, None
        if self.masks is not None:
            masks = np.zeros((0, *answer.size), dtype=bool)
            if carried.masks is not None:
                masks = carried.masks.take(known).arrays()
            areas = masks.sum(axis=(1, 2))
            flags["ignore"] = flags["ignore"] | (areas == 0)  # an object with a box alone
            areas = np.where(areas > 0, areas, truth.areas)
        pairs = box_pairs(*found, truth.xyxy, classes, **flags, truth_areas=areas)
        self.boxes.add(pairs)
        self.voc.add(pairs)
        if self.masks is not None and masks is not None and answer.masks is not None:
            there = answer.masks.numpy()
            pairs = mask_pairs(there, found[1], found[2], masks, classes, **flags, truth_areas=areas)
            self.masks.add(pairs)
        elif self.masks is not None and masks is not None and answer.runs is not None:
            runs, known_runs = [one for one in answer.runs.runs if one is not None], [rle.encode(one) for one in masks]
            pairs = run_pairs(runs, found[1], found[2], known_runs, classes, **flags, truth_areas=areas)
            self.masks.add(pairs)
        if self.seen is not None:
            self.seen(answer, truth, pairs, masks)
        return ""

    def told(self) -> tuple[dict[str, float | None], ByClass]:
        """See `Tally`."""
        parts = [("", self.boxes.scores(), ("ap", "ap50", "ap75")), ("", self.voc.scores(), ("voc07", "voc10"))]
        if self.masks is not None:
            parts.append(("mask_", self.masks.scores(), ("ap", "ap50", "ap75")))
        names = self.boxes.classes
        return named(parts, names)

    def by_image(self) -> dict[str, np.ndarray]:
        """See `Tally`."""
        main, counted = ("ap50", self.boxes) if self.masks is None else ("mask_ap50", self.masks)
        return {main: image_scores(lambda weights: counted.ap(weights, "ap50"), self.images)}

    def interval(self, scores: np.ndarray) -> Interval:
        """See `Tally`."""
        return scores_interval(scores)
