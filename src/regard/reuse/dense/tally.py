"""What takes a dense model's answers one by one beside what is there, and tells at the end how good they were."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import numpy as np

from ...data.annotations.record import Annotations
from ...metrics.average_precision import Scores
from ...metrics.intervals import Interval
from .answer import Answer

# looks on: called with each answer that was scored, and with what it was compared with, as each tally has it
Seen = Callable[..., None]
ByClass = Mapping[str, Mapping[str, float | None]]


class Telling(Protocol):
    """What a model tells."""

    @property
    def what(self) -> str:
        """One of `objective.HEADS`."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the outputs."""
        ...


class Tally(Protocol):
    """Counts pictures, one at a time."""

    def __init__(self, telling: Telling, seen: Seen | None) -> None: ...

    @property
    def images(self) -> int:
        """How many were counted."""
        ...

    def add(self, carried: Annotations, answer: Answer) -> str:
        """Count one picture; why not, where that cannot be."""
        ...

    def told(self) -> tuple[dict[str, float | None], ByClass]:
        """The measures, and those of each class; None for what nothing tells."""
        ...

    def by_image(self) -> dict[str, np.ndarray]:
        """Of each picture (images,) what a measure is the mean of; of the main one at least."""
        ...

    def interval(self, scores: np.ndarray) -> Interval:
        """That of the main measure over pictures, from what `by_image` has of it."""
        ...


def known(value: float) -> float | None:
    """None for what nothing tells."""
    return None if np.isnan(value) else float(value)


def named(
    parts: Iterable[tuple[str, Scores, tuple[str, ...]]], names: tuple[str, ...]
) -> tuple[dict[str, float | None], dict[str, dict[str, float | None]]]:
    """Measures and those of each class by their names: of each part what goes before them, and which are wanted."""
    parts = list(parts)
    metrics = {f"{front}{name}": known(one.metrics[name]) for front, one, wanted in parts for name in wanted}
    by_class = {
        label: {
            f"{front}{name}": known(one.by_class[label][name])
            for front, one, wanted in parts
            for name in wanted
            if name in one.by_class[label]
        }
        for label in names
    }
    return metrics, by_class
