"""What a comparison asks of a task, and what the task answers: the one contract of the files in `tasks/`.

A file `tasks/NAME.py` says `Method = ...`, an object of the form `Task`. It opens the data, and answers one question at
a time: with these labelled pictures, this representation, this seed, frozen or fine-tuned, what does each test picture
score? Everything that the answer rests on is in the question, so that answers can be kept and asked for again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...data.imageset import ImageSet
from ...representation.representation import Representation

FROZEN, FINETUNED = "frozen", "finetuned"
WAYS = (FROZEN, FINETUNED)


@dataclass(frozen=True)
class Measure:
    """A figure that a task is judged by.

    Attributes:
        name: short, of letters, digits and underscores.
        title: what to call it.
        mean: it is a mean over pictures of scores in [0, 1]; of one that is not, such as AP and mIoU, the scores are
            those of `metrics.image_resampling.image_scores`, whose mean is the measure.
        larger_is_better: False for errors and distances.
        percent: it is a share, written in per cent; what is none has no upper limit.
    """

    name: str
    title: str
    mean: bool = True
    larger_is_better: bool = True
    percent: bool = True


@dataclass(frozen=True)
class Sides:
    """What is learned from, and what is scored on.

    Attributes:
        train: pictures with labels or annotations.
        test: the same; none of them in `train`.
        content: a hash of all that can be learned and scored: pictures and what is said of them, in their order.
        hashes: (test,) of each test picture's content; "" of one that cannot be read.
        strata: (train,) text that draws of labelled pictures are balanced by, such as labels: the first picture of each
            stands before all others. None: draws are plain.
        units: (test,) which thing each test picture shows; None where each shows another.
        least: fewest labelled pictures that can be learned from.
        notes: what a reader should know.
    """

    train: ImageSet
    test: ImageSet
    content: str
    hashes: np.ndarray
    strata: np.ndarray | None = None
    units: np.ndarray | None = None
    least: int = 2
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """One question.

    Attributes:
        sides: the data.
        representation: what is learned on; it must not be changed.
        rows: places in `sides.train` of the pictures whose labels are known, sorted; no other label may be looked at.
        seed: of heads, orders and views: the same for all representations.
        way: `frozen` (nothing of the network learns) or `finetuned`.
        steps: of fine-tuning, or of a head; None: the task's own.
        size: side in pixels that pictures are brought to; None: the task's own.
        device: where.
        pool: places in `sides.train` of all pictures that questions about this representation may name.
        kept: what a task keeps from one question to the next of one comparison, such as vectors; by names of its own.
    """

    sides: Sides
    representation: Representation
    rows: np.ndarray
    seed: int
    way: str = FROZEN
    steps: int | None = None
    size: int | None = None
    device: str = "cpu"
    pool: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """What came of it.

    Attributes:
        scores: by the name of the measure, (test,), NaN where a picture has none.
        chosen: the rate or penalty that was chosen on a part of the labelled pictures alone; None where none was.
        seconds: of learning: choosing and the vectors of the labelled pictures included, scoring left out.
        parameters: numbers that were learned.
        notes: what a reader should know.
    """

    scores: Mapping[str, np.ndarray]
    chosen: float | None
    seconds: float
    parameters: int
    notes: tuple[str, ...] = ()


class Task(Protocol):
    """A task that representations are compared on; see the module."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What it is judged by, the main one first."""
        ...

    @property
    def ways(self) -> tuple[str, ...]:
        """Some of `WAYS`."""
        ...

    @property
    def learns(self) -> bool:
        """Whether it learns from labels: if not, there is one point in place of a curve, and `rows` are empty."""
        ...

    @property
    def about(self) -> Mapping[str, object]:
        """All settings of the task's own that decide an answer, as plain values, with a `version`."""
        ...

    def open(self, train: object, test: object, seed: int) -> Sides:
        """Open and check both sets; raises InputError where they do not fit the task."""
        ...

    def answer(self, asked: Asked, work: Path) -> Answered:
        """Learn and score; `work` is a folder for what it must write, which may hold what a killed answer left."""
        ...
