"""`predict` of `regard.detect`, `instances`, `segment` and `depth`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import bad
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..pages.dense_depth_predict import DepthShown
from ..pages.dense_predict import DenseShown, write_predictions_page
from ..pages.dense_shown import Shown
from ..report.html import Table, check_page
from ..reuse.dense.answer import SPACE, Answer
from ..reuse.dense.answers.json_file import picture_row
from ..reuse.dense.answers.write import WrittenAnswers, check_answers, writing
from ..reuse.dense.camera import Camera
from ..reuse.dense.fast import runner_for
from ..reuse.dense.model import DenseModel
from ..reuse.dense.rcnn import RcnnModel
from ..reuse.dense.tiles import check_tiles
from ..reuse.dense.told import LOOKED_AT, told
from ..reuse.dense.windows import OVERLAP
from ._dense_task import Task, Watched, tiled
from ._given import given_images, told_aside
from ._result import Progress, Result, verb, watch_of

SHOWN = 50  # classes on a terminal
# what takes note of answers for the page, where they are no objects and no classes of pixels
PAGES: dict[str, Callable[[ImageSet, Sequence[str], float], Shown]] = {"depth": DepthShown}


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DensePredicted(Result):
    """What a run found in pictures.

    Attributes:
        task: one of `_dense_task.TASKS`.
        run: what was asked.
        images: what was looked at.
        runner: who ran the network.
        seen: what a page shows, and counts.
        answers: of each picture that could be read, where no file took them.
        written: what the file or folder holds, or None.
        page: the page that was written, or None.
    """

    verb: ClassVar[str] = "predict"
    task: str
    run: str
    images: ImageSet
    runner: str
    seen: Shown
    answers: Sequence[Answer] = ()
    written: WrittenAnswers | None = None
    page: Path | None = None

    @property
    def predictions(self) -> list[dict[str, Any]]:
        """A mapping for each picture: `name`, `path`, `width`, `height`, and `objects` `shares` or `depth`."""
        seen = self.seen
        return [picture_row(told(one, seen.names, seen.threshold), self.images) for one in self.answers]

    def told(self) -> Mapping[str, object]:
        """Who ran, how much there is of each class, and what was found where no file took it."""
        written = self.written
        found = {"predictions": self.predictions} if written is None else {"out": written.path, "lost": written.lost}
        return {
            "task": self.task,
            "run": self.run,
            "runner": self.runner,
            "classes": list(self.seen.names),
            "counts": self.seen.counts,
            **found,
            **({"page": self.page} if self.page is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """How much was found, and where it is."""
        first = "class" if self.seen.names else ""
        yield Table([first, self.seen.many], sorted(self.seen.counts.items(), key=lambda one: -one[1])[:SHOWN])
        done = f"{self.metrics['images']:.0f} pictures in {self.metrics['seconds']:.1f} s ({self.runner})"
        where = "" if self.written is None else f", to {self.written.path}"
        yield done + where + (f", {self.page}" if self.page is not None else "")
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "--json")

    def write_page(self, path: Path) -> None:
        """The pictures, drawn over."""
        failed = {one["path"]: one["cause"] for one in self.set_aside}
        facts = {"runner": self.runner, "seconds": self.metrics["seconds"]}
        notes = [str(note) for note in self.notes]
        write_predictions_page(path, self.run, self.seen, failed=failed, notes=notes, facts=facts)


@verb
def predict(
    task: Task,
    run: str | Path,
    images: object,
    *,
    out: str | Path | None = None,
    format_: str = "json",
    page: str | Path | None = None,
    threshold: float = LOOKED_AT,
    pictures: bool = False,
    scores: bool = False,
    tiles: int | None = None,
    overlap: float = OVERLAP,
    camera: Sequence[float] | str | None = None,
    batch: int = 8,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> DensePredicted:
    """Tell what is in pictures, in their own pixels.

    Pictures that cannot be read are set aside and named. Memory does not grow with their number where `out` takes what
    is found.

    Args:
        task: bound; `regard.detect.predict(...)` has it already.
        run: the folder that train wrote.
        images: a folder, a table, an image, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        out: a file for the format `json`, a new or empty folder for all others; None holds what is found.
        format_: `json`, `coco`, `voc`, `yolo`, `png` (index pictures of classes and objects, depth in millimetres),
            `npy` (depth in metres), `kitti` (texts of boxes in space), or `overlay` (pictures to look at).
        page: write a page with pictures to this .html.
        threshold: the least score of an object; the results of `coco` have all.
        pictures: copy the pictures too, so that the folder is a data set.
        scores: end each line of YOLO's texts with the score.
        tiles: side of overlapping windows, in pixels of the picture, for large pictures and small objects; None: whole
            pictures.
        overlap: the least share of a window that the next one repeats.
        camera: fx, fy, cx, cy in pixels, of pictures of which no camera is known, for boxes in space.
        batch: pictures or windows a call of the network.
        precision: auto | fp32 | bf16.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events.

    Raises:
        InputError: no finished run of this task, no pictures, none that can be read, or a place or format that cannot
            hold what is found.
    """
    html = None if page is None else check_page("--page", page)
    if out is not None:
        check_answers(format_, out, task.what, "--out")
    check_tiles(task.what, tiles)
    lens = _camera(task, camera)
    model = task.open(run, device, precision)
    if lens is not None and isinstance(model, DenseModel):
        model = replace(model, camera=lens)
    given = open_images(given_images("IMAGES", images))
    running, runner, note = _running(model, given, precision, batch)
    failed: dict[str, str] = {}
    seen: Shown = PAGES.get(task.what, DenseShown)(given, model.objective.names, threshold)
    held: list[Answer] = []
    looking = Watched(tiled(running, tiles, overlap), watch_of(progress, f"{task.name} predict"))
    places = (
        nullcontext()
        if out is None
        else writing(
            given,
            model.objective.names,
            out,
            format_,
            what=task.what,
            threshold=threshold,
            pictures=pictures,
            scores=scores,
        )
    )
    began = time.monotonic()
    with places as writer:
        for answer in seen.through(looking.predict(given, batch=batch, failed=failed)):
            if writer is not None:
                writer.add(answer)
            else:
                held.append(answer)
        if not seen.seen:
            first = next(iter(failed.items()), ("", ""))
            raise bad(
                "IMAGES", f"{len(given)} pictures, none of which can be read", "pictures", f"{first[0]}: {first[1]}"
            )
    written, seconds = None if writer is None else writer.done, time.monotonic() - began
    found = DensePredicted(
        task=task.name,
        run=str(run),
        images=given,
        runner=runner,
        seen=seen,
        answers=tuple(held),
        written=written,
        page=html,
        metrics={
            "images": seen.seen,
            **seen.metrics,
            "seconds": round(seconds, 3),
            "images_per_second": seen.seen / seconds,
        },
        notes=[*note, *([] if written is None else written.sentences())],
        set_aside=[{"path": name, "cause": cause} for name, cause in failed.items()] + list(given.set_aside),
    )
    if html is not None:
        found.write_page(html)
    return found


def _camera(task: Task, given: Sequence[float] | str | None) -> Camera | None:
    if given is None:
        return None
    if task.what != SPACE:
        raise bad("--camera", given, f"none for {task.name}", "Boxes in space alone need a camera.")
    try:
        numbers = [float(one) for one in (given.split(",") if isinstance(given, str) else given)]
    except (TypeError, ValueError):
        raise bad("--camera", given, "fx,fy,cx,cy in pixels", "Such as 700,700,320,240.") from None
    return Camera.given(numbers)


def _running(
    model: DenseModel | RcnnModel, images: ImageSet, precision: str, batch: int
) -> tuple[DenseModel | RcnnModel, str, list[str]]:
    """The model as it runs fastest, who runs it, and why it is not another."""
    if isinstance(model, RcnnModel):
        return model, f"embed in {precision}", []  # which has its own fast path
    runner = runner_for(model, images, precision, batch)
    return replace(model, runner=runner.run), runner.name, [runner.note] if runner.note else []
