"""`predict` of `regard.detect`, `regard.instances` and `regard.segment`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..data.sources import open_images
from ..report.html import Table
from ..reuse.dense.model import Answer
from ._dense_task import Task
from ._given import given_images, told_aside
from ._result import Progress, Result, verb


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DensePredicted(Result):
    """What a run found in pictures.

    Attributes:
        task: detect | instances | segment.
        run: what was asked.
        answers: of each picture that could be read.
    """

    verb: ClassVar[str] = "predict"
    task: str
    run: str
    answers: list[Answer]

    def told(self) -> Mapping[str, object]:
        """What was asked."""
        return {"task": self.task, "run": self.run}

    def shown(self) -> Iterator[str | Table]:
        """How much was found."""
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
    answers = list(model.predict(pictures, batch=batch, failed=failed))
    return DensePredicted(
        task=task.name,
        run=str(run),
        answers=answers,
        metrics={"images": len(answers)},
        set_aside=[{"path": name, "cause": cause} for name, cause in failed.items()] + list(pictures.set_aside),
    )
