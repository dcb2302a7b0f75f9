"""`evaluate` of `regard.detect`, `regard.instances` and `regard.segment`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..data.sampling import one_part
from ..data.sources import open_images
from ..report.html import Table
from ..reuse.dense.apart import refuse_learned
from ..reuse.dense.scoring import score
from ._dense_scores import class_table, score_table
from ._dense_task import Task, Watched
from ._given import given_images, told_aside
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DenseEvaluated(Result):
    """How good a run is on annotated pictures.

    Attributes:
        task: detect | instances | segment.
        run: what was scored.
        by_class: the scores of each class.
    """

    verb: ClassVar[str] = "evaluate"
    task: str
    run: str
    by_class: Mapping[str, Mapping[str, float | None]]

    def told(self) -> Mapping[str, object]:
        """What was scored, and the scores of each class."""
        return {"task": self.task, "run": self.run, "by_class": self.by_class}

    def shown(self) -> Iterator[str | Table]:
        """The scores, those of each class, and the notes."""
        yield score_table(self.metrics, f"{self.run} on {self.metrics['images']:.0f} pictures")
        yield class_table(self.by_class)
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "--json")


@verb
def evaluate(
    task: Task,
    run: str | Path,
    data: object,
    *,
    batch: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
) -> DenseEvaluated:
    """Score a run on annotated pictures, with an interval over the pictures.

    Difficult objects and crowds neither hurt nor help. Objects of classes that the run does not know are left out, and
    told. Pictures that the run learned from are refused.

    Args:
        task: bound; `regard.detect.evaluate(...)` has it already.
        run: the folder that train wrote.
        data: annotated pictures, as for train.
        batch: pictures a call of the network.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events.

    Raises:
        InputError: no finished run of this task, no annotations, no picture that can be scored, or one that the run
            learned from.
    """
    model = task.open(run, device)
    images, notes = one_part(open_images(given_images("DATA", data), argument="DATA"), "test", "DATA")
    refuse_learned("DATA", images, Path(run))
    watched = Watched(model, watch_of(progress, f"{task.name} evaluate"))
    found = score(watched, images, batch=batch)
    return DenseEvaluated(
        task=task.name,
        run=str(run),
        by_class=found.by_class,
        metrics={**found.metrics, "images": found.images, "classes": len(model.objective.names)},
        notes=notes,
        set_aside=[{"path": name, "cause": cause} for name, cause in found.failed.items()] + list(images.set_aside),
    )
