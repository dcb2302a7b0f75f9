"""How good a dense model is on annotated pictures, in their own pixels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...core.checks import bad, check_number
from ...data.imageset import ImageSet
from .answer import Answer
from .tally import Seen, Tally, Telling
from .tally_depth import DepthTally
from .tally_objects import ObjectTally
from .tally_pixels import PixelTally
from .tally_space import SpaceTally

MAIN = {"boxes": "ap50", "masks": "mask_ap50", "semantic": "miou", "depth": "abs_rel", "boxes3d": "ap_1m"}
SMALLER = ("abs_rel",)  # measures of which less is better
TALLIES: dict[str, type[Tally]] = {
    "boxes": ObjectTally,
    "masks": ObjectTally,
    "semantic": PixelTally,
    "depth": DepthTally,
    "boxes3d": SpaceTally,
}
FEWEST = 2  # pictures from which an interval over pictures is thought of


@dataclass(frozen=True)
class DenseScores:
    """What a model reached.

    Attributes:
        metrics: `ap`, `ap50`, `ap75`, `voc07`, `voc10`; with masks `mask_ap`, `mask_ap50`, `mask_ap75`; of a semantic
            head `miou`, `pixel_accuracy`, `boundary_f`; of depth what `tally_depth` has, of boxes in space
            `metrics.box3d`. The main one has `_low` and `_high`, its 95 % interval over pictures. None where nothing
            tells it, such as AP where no picture has an object.
        by_class: the same for each class.
        images: how many pictures were scored.
        failed: names of those that were not, with the cause.
        by_image: (images,) what each scored picture does to the main measure, which is their mean: what an experiment
            compares (`studies.experiment.Arm.scores`). Of a measure that is no mean over pictures they are
            `metrics.image_resampling.image_scores`. Empty where no interval was asked for.
        rows: (images,) which pictures of the set these are.
    """

    metrics: Mapping[str, float | None]
    by_class: Mapping[str, Mapping[str, float | None]]
    images: int
    failed: Mapping[str, str] = field(default_factory=dict)
    by_image: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False)
    rows: tuple[int, ...] = ()


class Answering(Protocol):
    """What can be scored: a model, or one whose progress is watched."""

    @property
    def objective(self) -> Telling:
        """What it tells, of which classes."""
        ...

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """What is in each picture, in order; those that cannot be read are named in `failed`."""
        ...


def higher(what: str) -> bool:
    """Whether more of the main measure of a task is better."""
    return MAIN[what] not in SMALLER


def check_cap(what: str, cap: float | None) -> float | None:
    """Refuse a farthest depth that is no number above 0, or of a task that tells no depth."""
    if cap is not None and what != "depth":
        raise bad("--cap", cap, f"none, as {what} have no depth")
    return cap if cap is None else float(check_number("--cap", cap, 0, open_low=True))


def score(
    model: Answering,
    images: ImageSet,
    *,
    batch: int = 8,
    interval: bool = True,
    seen: Seen | None = None,
    cap: float | None = None,
) -> DenseScores:
    """Score a model on pictures whose annotations are known.

    Difficult objects and crowds neither hurt nor help, and objects of classes that the model does not know are left
    out. Pictures about which nothing is said are not scored, and told in `failed`.

    Args:
        model: trained or read.
        images: with annotations.
        batch: pictures a call of the network.
        interval: tell the main measure's interval over pictures; O(pictures) evaluations of it.
        seen: called with each answer and what it was compared with, as the task's tally has it.
        cap: of depth: metres beyond which it does not count (`metrics.depth.depth_errors`).

    Raises:
        InputError: no annotations, or no picture that can be scored.
    """
    if images.annotations is None:
        raise bad("images", f"{images.name} without annotations", "images with boxes, masks, maps of classes or depth")
    failed: dict[str, str] = {}
    rows: list[int] = []
    what = model.objective.what
    main, tally = MAIN[what], TALLIES[what](model.objective, seen)
    if check_cap(what, cap) is not None:
        tally = DepthTally(model.objective, seen, cap)
    for answer in model.predict(images, batch=batch, failed=failed):
        if cause := tally.add(images.annotations[answer.row], answer):
            failed[images.called(answer.row)] = cause
        else:
            rows.append(answer.row)
    if not tally.images:
        first = next(iter(failed.items()), ("", ""))
        raise bad("images", f"{len(images)} pictures, none of which can be scored", "annotated pictures", str(first))
    metrics, by_class = tally.told()
    by_image: dict[str, np.ndarray] = {}
    if interval and tally.images >= FEWEST and metrics[main] is not None:
        by_image = tally.by_image()
        found = tally.interval(by_image[main]).as_dict()
        metrics |= {f"{main}_{end}": found[end] for end in ("low", "high")}
    return DenseScores(metrics, by_class, tally.images, failed, by_image, tuple(rows))
