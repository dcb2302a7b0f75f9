"""The contract of players: one learns task after task, and is scored on every test part of the stream after each."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ...core.checks import bad
from ...core.events import Event
from ...data.imageset import ImageSet
from ...data.streams.stream import Stream
from ...data.streams.task import Task
from ...metrics.retrieve import retrieval
from ...representation.representation import Representation


@dataclass(frozen=True, eq=False)
class Asked:
    """A test part of a stream: what is scored after each task.

    Attributes:
        name: of the task; of chunks that of the task that they are pieces of.
        kind: classify | retrieve | segment.
        labelled: whether the images to learn from have labels.
        train: the sets to learn from: one, or one a chunk.
        test: what is scored.
        learned: the row after which it is learned.
    """

    name: str
    kind: str
    labelled: bool
    train: tuple[ImageSet, ...]
    test: ImageSet
    learned: int


class Player(Protocol):
    """One who learns tasks and is asked about images.

    Attributes:
        moves: whether vectors of an image may change from task to task.
    """

    moves: bool

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """Learn a task in its folder, `tasks/NN`, or read it where it is learned."""
        ...

    def score(self, asked: Asked) -> float:
        """On a test part; larger is better, NaN where there is no such score."""
        ...

    def vectors(self, images: ImageSet) -> np.ndarray:
        """(n, d) of the network as it is now."""
        ...

    @property
    def representation(self) -> Representation:
        """The network as it is now."""
        ...

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Bytes that are kept for later tasks, by what they are."""
        ...


class Answering(Protocol):
    """A player who says which class an image is of."""

    def predict(self, images: ImageSet) -> np.ndarray:
        """(n,) names of classes."""
        ...

    def vectors(self, images: ImageSet) -> np.ndarray:
        """(n, d) of the network as it is now."""
        ...


def asked_of(stream: Stream) -> list[Asked]:
    """What is asked after each task, in the order of `stream.tests`."""
    found = []
    for (name, test), learned in zip(stream.tests.items(), stream.learned.tolist()):
        pieces = [task for task in stream.tasks if task.of == name]
        train = tuple(task.train for task in pieces)
        found.append(Asked(name, pieces[0].kind, pieces[0].labelled, train, test, learned))
    return found


def answered(player: Answering, asked: Asked) -> float:
    """Accuracy of the player's own answers; of `retrieve` mean average precision by the vectors as they are now."""
    truth = asked.test.need_labels("TEST", 1).astype(str)
    if asked.kind == "retrieve":
        return found_again(player.vectors(asked.test), truth)
    return float(np.mean(player.predict(asked.test).astype(str) == truth))


def found_again(vectors: np.ndarray, labels: np.ndarray, index: np.ndarray | None = None) -> float:
    """Mean average precision of images that look for one another, each without itself.

    Args:
        vectors: (n, d) of the queries.
        labels: (n,).
        index: (n, d) of the same images, in which they search; None: `vectors`.

    Returns:
        NaN where no two images have one label.
    """
    if len(vectors) < 2:
        return float("nan")
    there = None if index is None else directions(index)
    return retrieval(directions(vectors), labels, there, None if there is None else labels, paired=index is not None)[
        "map"
    ]


def directions(vectors: np.ndarray) -> np.ndarray:
    """Vectors of zeros, as a network that collapsed gives, become alike to one another and to nothing else."""
    return np.column_stack([vectors, (~vectors.any(axis=1)).astype(vectors.dtype)])


def embedded(representation: Representation, images: ImageSet, *, cache: bool = True) -> np.ndarray:
    """Vectors (n, d) of all images, exact.

    Raises:
        InputError: images that cannot be read, of which a score would be one of other images.
    """
    found = representation.embed(images, precision="fp32", cache=cache)
    if len(found) < len(images):
        aside = sorted(set(map(str, images.ids)) - set(map(str, found.ids)))
        got = f"{len(aside)} images of {images.name} that cannot be read, such as {aside[0]!r}"
        raise bad("stream", got, "images that can be read", "Leave them out.")
    return np.asarray(found.vectors)


def previous(folder: Path) -> Path:
    """The folder of the task before: `tasks/02` of `tasks/03`."""
    return folder.parent / f"{int(folder.name) - 1:02d}"
