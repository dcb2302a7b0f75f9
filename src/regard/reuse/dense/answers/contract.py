"""What all formats of answers share: what a writer is given, and what it does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ....data.annotations._writing import Losses
from ....data.imageset import ImageSet
from ..answer import Answer
from .places import Places


@dataclass(frozen=True)
class Asked:
    """What is to be written.

    Attributes:
        images: the pictures that were asked about.
        names: the classes of the model.
        what: one of `targets.KINDS`.
        places: where the files of each picture go.
        threshold: the least score of an object in files that people look at.
        pictures: copy the pictures too.
        scores: write scores where the format has a place for them that not all readers expect (YOLO's sixth column).
        losses: counts what a format cannot hold.
    """

    images: ImageSet
    names: tuple[str, ...]
    what: str
    places: Places
    threshold: float
    pictures: bool = False
    scores: bool = False
    losses: Losses = field(default_factory=Losses)


class Writer(Protocol):
    """Writes one answer after another into a folder that is new."""

    def __init__(self, root: Path, asked: Asked) -> None: ...

    def add(self, answer: Answer) -> None:
        """The next."""
        ...

    def close(self, whole: bool) -> None:
        """No more; `whole` says whether all came, so that what is left open needs to be finished."""
        ...


def of_names(names: Sequence[str]) -> dict[str, int]:
    """Numbers of classes from 0."""
    return {name: number for number, name in enumerate(names)}
