"""`predict` of `regard.detect`, `regard.instances` and `regard.segment`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..data.sources import open_images
from ..report.html import Table
from ..reuse.dense.model import Answer
from ._dense_task import Task, Watched
from ._given import given_images, told_aside
from ._result import Progress, Result, verb, watch_of

SHOWN = 50  # classes on a terminal
THRESHOLD = 0.5  # of scores, from which an object counts


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DensePredicted(Result):
    """What a run found in pictures.

    Attributes:
        task: detect | instances | segment.
        run: what was asked.
        names: the classes, in the order of the answers' numbers.
        answers: of each picture that could be read.
        counts: objects of each class whose score is at least the threshold, or shares of pixels.
    """

    verb: ClassVar[str] = "predict"
    task: str
    run: str
    names: tuple[str, ...]
    answers: list[Answer]
    counts: Mapping[str, float]

    def told(self) -> Mapping[str, object]:
        """What was asked."""
        return {"task": self.task, "run": self.run, "classes": list(self.names), "counts": self.counts}

    def shown(self) -> Iterator[str | Table]:
        """How much was found."""
        many = "share of pixels" if self.task == "segment" else "objects"
        yield Table(["class", many], sorted(self.counts.items(), key=lambda one: -one[1])[:SHOWN])
        yield from told_aside(self.set_aside, "--json")


@verb
def predict(
    task: Task,
    run: str | Path,
    images: object,
    *,
    batch: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
) -> DensePredicted:
    """Tell what is in pictures, in their own pixels.

    Args:
        task: bound; `regard.detect.predict(...)` has it already.
        run: the folder that train wrote.
        images: a folder, a table, an image, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        batch: pictures a call of the network.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events.

    Raises:
        InputError: no finished run of this task, no pictures, or none that can be read.
    """
    model = task.open(run, device)
    pictures = open_images(given_images("IMAGES", images))
    failed: dict[str, str] = {}
    watch = watch_of(progress, f"{task.name} predict")
    answers = list(Watched(model, watch).predict(pictures, batch=batch, failed=failed))
    names = model.objective.names
    return DensePredicted(
        task=task.name,
        run=str(run),
        names=names,
        answers=answers,
        counts=dict(zip(names, _counts(answers, len(names)).tolist())),
        metrics={"images": len(answers)},
        set_aside=[{"path": name, "cause": cause} for name, cause in failed.items()] + list(pictures.set_aside),
    )


def _counts(answers: list[Answer], classes: int) -> np.ndarray:
    """(classes,) how many objects are sure enough, or the mean share of the pixels."""
    found = np.zeros(classes)
    for one in answers:
        told = one.classes[one.scores >= THRESHOLD] if one.semantic is None else one.semantic.flatten()
        held = np.bincount(told.numpy(), minlength=classes)
        found += held if one.semantic is None else held / max(1, held.sum()) / len(answers)
    return found
