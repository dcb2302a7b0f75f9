"""`regard.predict`: what a run says of images."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import bad
from ..metrics.intervals import Interval
from ..pages.predict import Shown, write_predictions_page
from ..report.html import Table, check_page
from ..reuse.predict import Answers, Predictor, check_top, open_predictor
from ..reuse.predictions_file import check_suffix, row_dicts, writing
from ._given import given_images, named, told_aside
from ._result import Progress, Result, verb, watch_of

SHOWN = 50  # rows on the terminal


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Predicted(Result):
    """What a run said of images.

    Attributes:
        run: what was asked.
        out: the file that took the labels; None where they are held.
        page: the page that was written, or None.
        made: the pass, with the images, the classes and what was counted.
        top: how many labels are named for an image.
        answers: rows and probabilities, where `out` is None.
        pictures: what a page shows.
    """

    verb: ClassVar[str] = "predict"
    run: str
    out: Path | None
    page: Path | None
    made: Predictor
    top: int
    answers: Answers | None
    pictures: Shown

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the columns of `probabilities`."""
        return self.made.classes

    @property
    def interval(self) -> Interval | None:
        """The accuracy with its 95 % interval where the images have labels that the run knows."""
        return self.made.interval

    @property
    def probabilities(self) -> np.ndarray:
        """(n, classes) float32, rows sum to 1."""
        return self._held.probabilities

    @property
    def labels(self) -> np.ndarray:
        """(n,) the likeliest class of each image that could be read."""
        return np.array(self.classes)[self._held.best()[0][:, 0]]

    @property
    def ids(self) -> np.ndarray:
        """(n,) of the images that could be read."""
        return np.asarray(self.made.images.ids)[self._held.rows]

    @cached_property
    def predictions(self) -> list[dict[str, Any]]:
        """A mapping for each image: `id`, `path`, `label`, `probability` ...; empty where a file took them."""
        return [] if self.answers is None else list(self._rows(self.answers))

    def told(self) -> Mapping[str, object]:
        """The classes, how many images got each, and the predictions where no file took them."""
        return {
            "run": self.run,
            "classes": list(self.classes),
            "counts": self.made.counts,
            "runner": self.made.card()["runner"],
            **({"out": self.out} if self.out is not None else {"predictions": self.predictions}),
            **({"page": self.page} if self.page is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """The first predictions, how many images got each label, and the accuracy."""
        made, count = self.made, self.made.metrics["images"]
        if self.answers is not None:
            first = Answers(self.answers.rows[:SHOWN], self.answers.probabilities[:SHOWN])
            rows = list(self._rows(first))
            heads = [name for name in rows[0] if name != "path"]
            yield Table(heads, [[row[name] for name in heads] for row in rows])
            if count > len(rows):
                yield f"... and {count - len(rows)} more; --out FILE.csv takes all"
            yield ""
        given = [[name, number, number / count] for name, number in made.counts.items() if number]
        yield Table(["label", "images", "share"], sorted(given, key=lambda row: -row[1])[:SHOWN])
        done = f"{count} images in {made.metrics['seconds']:.1f} s"
        yield done + (f", labels to {self.out}" if self.out else "") + (f", {self.page}" if self.page else "")
        if made.interval is not None:
            yield f"accuracy {made.interval}"
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "--json")

    def rows(self) -> Table:
        """A row for each image, or where a file took them for each label."""
        if not self.predictions:
            return super().rows()
        heads = list(self.predictions[0])
        return Table(heads, [[row[name] for name in heads] for row in self.predictions])

    def write_page(self, path: Path) -> None:
        """What was least sure, what was wrong, and what each label was given to, as pictures."""
        write_predictions_page(path, self.run, self.made, self.pictures)

    def _rows(self, answers: Answers) -> Iterator[dict[str, Any]]:
        return row_dicts(answers, self.made.images, self.classes, self.top)

    @property
    def _held(self) -> Answers:
        if self.answers is None:
            raise bad("out", str(self.out), "no file, so that the predictions are held in memory")
        return self.answers


@verb
def predict(
    run: str | Path,
    images: object,
    *,
    out: str | Path | None = None,
    page: str | Path | None = None,
    top: int = 1,
    batch: int = 8,
    no_cache: bool = False,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> Predicted:
    """Label images with a run's classifier, with probabilities.

    Images are prepared as the run prepares them. Where they carry labels, the accuracy is told with its interval, and
    classes that the run does not know are named. Images that cannot be read are set aside and named. Memory does not
    grow with the number of images where `out` takes the labels.

    Args:
        run: the folder of a finetune run, of create with the task `labels`, or of adapt.
        images: a folder, a table, an image, `builtin:NAME`, an `ImageSet`, a list of paths or arrays, or (X, y) of
            images and labels. It does not take vectors.
        out: write the labels to this .csv, .parquet or .json; None holds them.
        page: write a page with pictures to this .html.
        top: how many labels to name for an image.
        batch: images a call of the network.
        no_cache: compute every vector again.
        precision: auto | fp32 (exact) | bf16.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events.

    Raises:
        InputError: a folder without a classifier or with damaged files, no images, none that can be read.
    """
    file = None if out is None else Path(out)
    if file is not None:
        check_suffix("--out", file)
    html = None if page is None else check_page("--page", page)
    made = open_predictor(
        run,
        given_images("IMAGES", images),
        precision=precision,
        device=device,
        batch=batch,
        cache=not no_cache,
        watch=watch_of(progress, "predict"),
    )
    check_top(top, len(made.classes))
    held: list[Answers] = []
    pictures = Shown(made.images, made.classes)
    with writing(file, made.images, made.classes, top) if file is not None else nullcontext() as writer:
        for answers in made:
            pictures.add(answers)
            if writer is not None:
                writer.write(answers)
            else:
                held.append(answers)
    found = Predicted(
        run=named(run),
        out=file,
        page=html,
        made=made,
        top=top,
        answers=_joined(held) if file is None else None,
        pictures=pictures,
        metrics=made.metrics,
        notes=made.notes,
        set_aside=made.set_aside,
    )
    if html is not None:
        found.write_page(html)
    return found


def _joined(parts: list[Answers]) -> Answers:
    return Answers(np.concatenate([one.rows for one in parts]), np.concatenate([one.probabilities for one in parts]))
