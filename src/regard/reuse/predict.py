"""Labels for images, with probabilities, by the classifier of a run: softmax of a linear map of their vectors.

Pictures take the fast path of `embed`, prepared as the run prepares them, in one pass: what is held in memory does not
grow with their number, but for ids and, where labels are known, whether each was right.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_number
from ..core.events import Event
from ..core.runtime import measured
from ..core.values import group_codes, nearest
from ..data.imageset import ImageSet
from ..metrics.classify import balanced_accuracy
from ..metrics.intervals import Interval, accuracy_interval
from ..representation.classifier import Classifier, read_classifier
from ..representation.pipeline import Pipeline, open_pipeline

Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class Answers:
    """What was said of some images: their places `rows` (k,) in the image set, and `probabilities` (k, classes)."""

    rows: np.ndarray
    probabilities: np.ndarray

    def best(self, top: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """The places (k, top) of the likeliest classes, likeliest first, and their probabilities (k, top)."""
        places = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :top]
        return places, np.take_along_axis(self.probabilities, places, axis=1)


@dataclass
class Predictor:
    """One pass over images; iterate once, then read `metrics`, `counts`, `notes` and `set_aside`.

    Attributes:
        classifier: with the classes in the order of the probabilities' columns.
        images: those that were given.
        metrics: `images`, `set_aside`, `classes`, `from_cache`, `seconds`, `images_per_second`; and where the images
            carry labels that the run knows `accuracy` with `accuracy_low` and `accuracy_high` (95 %, by identity where
            known), `balanced_accuracy`, and `unknown_class`, the images of a class that the run does not know.
        interval: the accuracy, or None.
        counts: how many images got each label.
        notes: what the reader should know before believing the figures.
    """

    pipeline: Pipeline
    classifier: Classifier
    watch: Watch | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    interval: Interval | None = None
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def images(self) -> ImageSet:
        """The images that were given."""
        return self.pipeline.images

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the probabilities' columns."""
        return self.classifier.classes

    @property
    def set_aside(self) -> list[dict[str, str]]:
        """Images that could not be read, as {"path": ..., "cause": ...}."""
        return self.pipeline.set_aside

    def __iter__(self) -> Iterator[Answers]:
        """Give the answers in the order of the images; raise InputError at the end if no image could be read."""
        rows, said, seen = [], [], np.zeros(len(self.classes), int)
        with measured() as cost:
            for answers in self._watched():
                first = answers.best()[0][:, 0]
                seen += np.bincount(first, minlength=len(seen))
                if self.images.labels is not None:
                    rows.append(answers.rows)
                    said.append(first)
                yield answers
        count = int(seen.sum())
        self.counts = {name: int(number) for name, number in zip(self.classes, seen)}
        self.metrics = {
            "images": count,
            "set_aside": len(self.set_aside),
            "from_cache": self.pipeline.from_cache,
            "classes": len(self.classes),
            "seconds": round(cost.seconds, 3),
            "images_per_second": round(count / max(cost.seconds, 1e-9), 2),
        }
        if rows:
            self._score(np.concatenate(rows), np.concatenate(said))

    def card(self) -> dict[str, Any]:
        """What made these answers: known when the pass has ended."""
        return self.pipeline.card(int(self.metrics["images"]))

    def _score(self, rows: np.ndarray, said: np.ndarray) -> None:
        known = self.images.subset(rows)
        truth, predicted = known.need_labels("IMAGES", 1), np.array(self.classes)[said]
        strange = ~np.isin(truth, self.classes)
        self.metrics["unknown_class"] = int(strange.sum())
        names = np.unique(truth[strange])
        told = f"{len(names)} class(es) that the run does not know ({_few(names)})"
        if strange.all():
            self.notes.append(
                f"no accuracy: the labels of IMAGES are of {told}; it knows {_few(self.classes)}. "
                f"{nearest(names, self.classes)}".strip()
            )
            return
        things = known.columns.get("identity")
        things = None if things is None else group_codes(things, "identity")
        right = predicted == truth
        self.interval = accuracy_interval(right, things)
        ends = self.interval.as_dict()
        self.metrics |= {
            "accuracy": self.interval.mean,
            "accuracy_low": ends["low"],
            "accuracy_high": ends["high"],
            "balanced_accuracy": balanced_accuracy(truth, predicted),
        }
        if strange.any():
            self.notes.append(
                f"{int(strange.sum())} image(s) are of {told}: they count as wrong; without them the accuracy is "
                f"{right[~strange].mean():.3f}. {nearest(names, self.classes)}".strip()
            )

    def _watched(self) -> Iterator[Answers]:
        """The answers, with a stream of events told to `watch`."""
        if self.watch is None:
            for piece in self.pipeline:
                yield Answers(piece.rows, self.classifier.probabilities(piece.vectors))
            return
        handed: list[Answers] = []
        total = len(self.images)

        def events() -> Iterator[Event]:
            for piece in self.pipeline:
                handed.append(Answers(piece.rows, self.classifier.probabilities(piece.vectors)))
                yield Event("predict", piece.through, total)
            for text in self.pipeline.sentences():
                yield Event("note", text=text)
            yield Event("done", total, total)

        for _ in self.watch(events()):
            yield from handed
            handed.clear()


@dataclass(frozen=True)
class Predictions:
    """What a run said of images.

    Attributes:
        ids: (n,) of the images that could be read.
        labels: (n,) the likeliest class of each.
        probabilities: (n, classes) float32, rows sum to 1.
        classes: in the order of the columns.
        truth: (n,) the images' own labels, or None.
        interval: the accuracy with its 95 % interval where the images have labels that the run knows, or None.
        metrics, counts, set_aside, notes: as `Predictor` has them.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    classes: tuple[str, ...]
    truth: np.ndarray | None
    interval: Interval | None
    metrics: dict[str, Any]
    counts: dict[str, int]
    set_aside: list[dict[str, str]]
    notes: list[str]


def open_predictor(
    run: str | Path,
    images: Any,
    *,
    precision: str = "auto",
    device: str = "auto",
    batch: int = 8,
    cache: bool = True,
    watch: Watch | None = None,
) -> Predictor:
    """Open a run and images for one pass; arguments and errors are those of `predict`."""
    classifier = read_classifier(run)
    pipeline = open_pipeline(images, run, precision=precision, device=device, batch=batch, cache=cache)
    rep = pipeline.representation
    wide = rep.encoder.num_features if rep.pooled is None and rep.transform is None else None
    if wide is not None and classifier.weight.shape[1] != wide:
        raise bad(
            "RUN",
            f"a classifier of vectors of {classifier.weight.shape[1]} numbers on a network that gives {wide}",
            "a run whose files belong together",
            "Copy the folder again.",
        )
    return Predictor(pipeline, classifier, watch)


def predict(
    run: str | Path,
    images: Any,
    *,
    precision: str = "auto",
    device: str = "auto",
    batch: int = 8,
    cache: bool = True,
    watch: Watch | None = None,
) -> Predictions:
    """Label images with a run's classifier: one pass, O(n). All probabilities are held; `open_predictor` streams.

    Args:
        run: a folder of `finetune` or of `train` with the task `labels`.
        images: as `open_images` takes them; where they carry labels the accuracy is measured.
        precision: auto | bf16 | fp32 (exact); auto is bf16 on a CPU or card that has it.
        device: auto | cpu | cuda | mps.
        batch: images a call of the network.
        cache: look vectors up in, and add them to, the cache folder.
        watch: wraps the stream of progress events, as a progress bar does.

    Raises:
        InputError: a folder without a classifier or with damaged files, no images, none that can be read.
    """
    made = open_predictor(run, images, precision=precision, device=device, batch=batch, cache=cache, watch=watch)
    every = list(made)
    rows = np.concatenate([answers.rows for answers in every])
    probabilities = np.concatenate([answers.probabilities for answers in every])
    kept = made.images.subset(rows)
    return Predictions(
        kept.ids,
        np.array(made.classes)[probabilities.argmax(axis=1)],
        probabilities,
        made.classes,
        kept.labels,
        made.interval,
        made.metrics,
        made.counts,
        made.set_aside,
        made.notes,
    )


def check_top(top: int, classes: int) -> int:
    """Refuse to name more labels than there are."""
    return int(check_number("--top", top, 1, classes, whole=True))


def _few(names: Iterable[str]) -> str:
    every = list(map(str, names))
    return ", ".join(every[:5]) + (f" and {len(every) - 5} more" if len(every) > 5 else "")
