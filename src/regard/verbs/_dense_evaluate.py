"""`evaluate` of `regard.detect`, `instances`, `segment` and `depth`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..data.imageset import ImageSet
from ..data.sampling import one_part
from ..pages.dense_run import write_dense_page
from ..report.html import Table, check_page
from ..reuse.dense.apart import refuse_learned
from ..reuse.dense.examined import Examined, examine
from ..reuse.dense.scoring import DenseScores, check_cap
from ..reuse.dense.tiles import check_tiles
from ..reuse.dense.windows import OVERLAP
from ._dense_scores import class_table, score_table
from ._dense_task import Task, Watched, annotated, tiled
from ._given import told_aside
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DenseEvaluated(Result):
    """How good a run is on annotated pictures.

    Attributes:
        task: one of `_dense_task.TASKS`.
        run: what was scored.
        by_class: the scores of each class.
        images: what it was scored on.
        scores: all of them.
        examined: the errors, sorted, and the worst pictures.
        page: the page that was written, or None.
    """

    verb: ClassVar[str] = "evaluate"
    task: str
    run: str
    by_class: Mapping[str, Mapping[str, float | None]]
    images: ImageSet
    scores: DenseScores
    examined: Examined
    page: Path | None

    def told(self) -> Mapping[str, object]:
        """What was scored, and the scores of each class."""
        page = {} if self.page is None else {"page": self.page}
        return {"task": self.task, "run": self.run, "by_class": self.by_class, **page}

    def shown(self) -> Iterator[str | Table]:
        """The scores, those of each class, and the notes."""
        yield score_table(self.metrics, f"{self.run} on {self.metrics['images']:.0f} pictures")
        if self.by_class:
            yield class_table(self.by_class)
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "--json")

    def write_page(self, path: Path) -> None:
        """The errors by kind, and the worst pictures beside the truth."""
        facts = {"run": self.run, "pictures": self.scores.images}
        notes = [str(note) for note in self.notes]
        title = f"{Path(self.run).name} on {self.images.name}"
        write_dense_page(path, title, self.scores, self.examined, self.images, notes=notes, facts=facts)


@verb
def evaluate(
    task: Task,
    run: str | Path,
    data: object,
    *,
    page: str | Path | None = None,
    tiles: int | None = None,
    overlap: float = OVERLAP,
    cap: float | None = None,
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
        page: write a page of the errors, worst pictures first, to this .html.
        tiles: side of overlapping windows, in pixels of the picture, as in predict; None: whole pictures.
        overlap: the least share of a window that the next one repeats.
        cap: of depth: what is farther away than so many metres does not count.
        batch: pictures a call of the network.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events.

    Raises:
        InputError: no finished run of this task, no annotations, no picture that can be scored, or one that the run
            learned from.
    """
    html = None if page is None else check_page("--page", page)
    check_tiles(task.what, tiles)
    check_cap(task.what, cap)
    model = task.open(run, device)
    images, notes = one_part(annotated("DATA", data), "test", "DATA")
    refuse_learned("DATA", images, Path(run))
    looking = tiled(model, tiles, overlap)
    scores, examined = examine(
        Watched(looking, watch_of(progress, f"{task.name} evaluate")), images, batch=batch, cap=cap
    )
    found = DenseEvaluated(
        task=task.name,
        run=str(run),
        by_class=scores.by_class,
        images=images,
        scores=scores,
        examined=examined,
        page=html,
        metrics={**scores.metrics, "images": scores.images, **_classes(model.objective.names)},
        notes=notes,
        set_aside=[{"path": name, "cause": cause} for name, cause in scores.failed.items()] + list(images.set_aside),
    )
    if html is not None:
        found.write_page(html)
    return found


def _classes(names: Sequence[str]) -> dict[str, int]:
    return {"classes": len(names)} if names else {}
