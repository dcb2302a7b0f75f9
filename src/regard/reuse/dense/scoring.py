"""How good a dense model is on annotated pictures: AP of boxes and masks, mIoU and outlines, in their own pixels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...core.checks import bad
from ...data.annotations import rle
from ...data.annotations.boxes import Boxes
from ...data.annotations.masks import BACKGROUND, drawn
from ...data.annotations.record import Annotations
from ...data.imageset import ImageSet
from ...metrics.boundary import BoundaryScores
from ...metrics.coco_ap import CocoAP
from ...metrics.detection_pairs import Pairs, box_pairs, mask_pairs, run_pairs
from ...metrics.image_resampling import measure_interval
from ...metrics.segmentation import SemanticScores
from ...metrics.voc_ap import VocAP
from .model import Answer
from .targets import VOID

MAIN = {"boxes": "ap50", "masks": "mask_ap50", "semantic": "miou"}
FEWEST = 2  # pictures from which an interval over pictures is thought of


@dataclass(frozen=True)
class DenseScores:
    """What a model reached.

    Attributes:
        metrics: `ap`, `ap50`, `ap75`, `voc07`, `voc10`; with masks `mask_ap`, `mask_ap50`, `mask_ap75`; of a semantic
            head `miou`, `pixel_accuracy`, `boundary_f`. The main one has `_low` and `_high`, its 95 % interval over
            pictures. None where nothing tells it, such as AP where no picture has an object.
        by_class: the same for each class.
        images: how many pictures were scored.
        failed: names of those that were not, with the cause.
    """

    metrics: Mapping[str, float | None]
    by_class: Mapping[str, Mapping[str, float | None]]
    images: int
    failed: Mapping[str, str] = field(default_factory=dict)


class Telling(Protocol):
    """What a model tells."""

    @property
    def what(self) -> str:
        """Boxes | masks | semantic."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the outputs."""
        ...


class Answering(Protocol):
    """What can be scored: a model, or one whose progress is watched."""

    @property
    def objective(self) -> Telling:
        """What it tells, of which classes."""
        ...

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """What is in each picture, in order; those that cannot be read are named in `failed`."""
        ...


class Seen(Protocol):
    """Takes each scored picture beside what is there, as `examined` does."""

    def objects(self, answer: Answer, truth: Boxes, pairs: Pairs, masks: np.ndarray | None) -> None:
        """Objects that the model knows, as they were compared: by masks (m, H, W) where the model tells them."""
        ...

    def pixels(self, answer: Answer, truth: np.ndarray, found: np.ndarray) -> None:
        """Classes of pixels (H, W), in the order of the model; 255 where one counts neither way."""
        ...


def score(
    model: Answering, images: ImageSet, *, batch: int = 8, interval: bool = True, seen: Seen | None = None
) -> DenseScores:
    """Score a model on pictures whose annotations are known.

    Difficult objects and crowds neither hurt nor help, and objects of classes that the model does not know are left
    out. Pictures about which nothing is said are not scored, and told in `failed`.

    Args:
        model: trained or read.
        images: with annotations.
        batch: pictures a call of the network.
        interval: tell the main measure's interval over pictures; O(pictures) evaluations of it.
        seen: looks on.

    Raises:
        InputError: no annotations, or no picture that can be scored.
    """
    if images.annotations is None:
        raise bad("images", f"{images.name} without annotations", "images with boxes, masks or maps of classes")
    failed: dict[str, str] = {}
    semantic = model.objective.what == "semantic"
    tally: _Pixels | _Objects = _Pixels(model, seen) if semantic else _Objects(model, seen)
    for answer in model.predict(images, batch=batch, failed=failed):
        if cause := tally.add(images.annotations[answer.row], answer):
            failed[images.called(answer.row)] = cause
    if not tally.images:
        first = next(iter(failed.items()), ("", ""))
        raise bad("images", f"{len(images)} pictures, none of which can be scored", "annotated pictures", str(first))
    metrics, by_class = tally.told()
    if interval and tally.images >= FEWEST and metrics[MAIN[model.objective.what]] is not None:
        found = measure_interval(tally.main, tally.images).as_dict()
        metrics |= {f"{MAIN[model.objective.what]}_{end}": found[end] for end in ("low", "high")}
    return DenseScores(metrics, by_class, tally.images, failed)


class _Objects:
    """Boxes, and masks where the model tells them."""

    def __init__(self, model: Answering, seen: Seen | None) -> None:
        self.seen = seen
        self.place = {name: number for number, name in enumerate(model.objective.names)}
        self.boxes, self.voc = CocoAP(model.objective.names), VocAP(model.objective.names)
        self.masks = CocoAP(model.objective.names) if model.objective.what == "masks" else None

    @property
    def images(self) -> int:
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
            self.seen.objects(answer, truth, pairs, masks)
        return ""

    def told(self) -> tuple[dict[str, float | None], dict[str, dict[str, float | None]]]:
        parts = [("", self.boxes.scores(), ("ap", "ap50", "ap75")), ("", self.voc.scores(), ("voc07", "voc10"))]
        if self.masks is not None:
            parts.append(("mask_", self.masks.scores(), ("ap", "ap50", "ap75")))
        names = self.boxes.classes
        return _told(parts, names)

    def main(self, weights: np.ndarray) -> np.ndarray:
        return (self.boxes if self.masks is None else self.masks).ap(weights, "ap50")


class _Pixels:
    """The class of each pixel, and outlines."""

    def __init__(self, model: Answering, seen: Seen | None) -> None:
        self.seen = seen
        self.names = model.objective.names
        self.areas, self.outlines = SemanticScores(self.names), BoundaryScores(self.names)

    @property
    def images(self) -> int:
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
            self.seen.pixels(answer, wanted, found)
        return ""

    def told(self) -> tuple[dict[str, float | None], dict[str, dict[str, float | None]]]:
        areas, outlines = self.areas.scores(), self.outlines.scores()
        metrics, by_class = _told(
            [("", areas, ("miou", "pixel_accuracy")), ("", outlines, ("boundary_f",))], self.names
        )
        for name in self.names:
            by_class[name] = {"iou": _known(areas.by_class[name]["iou"])} | by_class[name]
        return metrics, by_class

    def main(self, weights: np.ndarray) -> np.ndarray:
        return self.areas.measured(weights, "miou")


def _known(value: float) -> float | None:
    """None for what nothing tells."""
    return None if np.isnan(value) else float(value)


def _told(parts: list, names: tuple[str, ...]) -> tuple[dict[str, float | None], dict[str, dict[str, float | None]]]:
    metrics = {f"{front}{name}": _known(one.metrics[name]) for front, one, wanted in parts for name in wanted}
    by_class = {
        label: {
            f"{front}{name}": _known(one.by_class[label][name])
            for front, one, wanted in parts
            for name in wanted
            if name in one.by_class[label]
        }
        for label in names
    }
    return metrics, by_class
