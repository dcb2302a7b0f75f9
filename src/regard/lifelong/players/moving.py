"""Players whose encoder moves: one that goes on from task to task, and one that learns all tasks so far together."""

from collections.abc import Generator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...core.events import Event
from ...data.imageset import ImageSet, concatenate
from ...data.streams.stream import Stream
from ...data.streams.task import Task
from ...representation.representation import Representation
from ..moving.learned import KEPT, Learned
from ..moving.task import learn_task_events
from .contract import Asked, answered, embedded, previous


class Moving:
    """A learner whose encoder moves.

    Args:
        start: what the first task starts from.
        method: of the kind `learn`.
        options: of `learn_task_events`.
    """

    moves: bool = True

    def __init__(self, start: Representation, method: str, options: Mapping[str, Any]) -> None:
        self.start, self.method, self.options = start, method, options
        self.known: Learned | None = None

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """One training, from the folder before."""
        before: Learned | Representation | Path = self.known or self.start
        if self.known is None and (previous(folder) / KEPT).exists():
            before = previous(folder)
        yield from self._trained(task.train, before, folder, None)

    def _trained(
        self, images: ImageSet, before: Any, folder: Path, classes: list[str] | None
    ) -> Generator[Event, None, None]:
        for event in learn_task_events(images, before, self.method, out=folder, classes=classes, **self.options):
            if event.kind != "done":
                yield event
        self.known = Learned.load(folder)

    def score(self, asked: Asked) -> float:
        """By the method's answers, or by vectors."""
        return answered(self, asked)

    def predict(self, images: ImageSet) -> np.ndarray:
        """By the method's scores."""
        assert self.known is not None
        return self.known.predict(images)

    def vectors(self, images: ImageSet) -> np.ndarray:
        """Of the network as it is now."""
        return embedded(self.representation, images, cache=False)

    @property
    def representation(self) -> Representation:
        """Of the last task."""
        assert self.known is not None
        return self.known.representation

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the memory, the method and an old network."""
        assert self.known is not None
        return self.known.nbytes


class Joint(Moving):
    """The bound: after each task the network of the start learns all images that came by then, in one training.

    Args:
        start: what every training starts from.
        stream: whose tasks come.
        options: of `learn_task_events`.
    """

    def __init__(self, start: Representation, stream: Stream, options: Mapping[str, Any]) -> None:
        super().__init__(start, "finetune", options)
        self.stream, self.kept = stream, 0

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """One training on all that came."""
        came = self.stream.tasks[: int(folder.name) + 1]
        images = _union([one.train for one in came])
        self.kept = len(images) * 3 * prod(self.start.preprocess.shape)
        classes = list(dict.fromkeys(name for one in came for name in sorted(one.train.classes)))
        yield from self._trained(images, self.start, folder, classes)

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of all images, at the network's size."""
        return {"image_bytes": self.kept}


def _union(sets: list[ImageSet]) -> ImageSet:
    """Several sets as one, each image once."""
    seen: set[str] = set()
    fresh = []
    for one in sets:
        rows = np.array([str(name) not in seen for name in one.ids])
        seen |= {str(name) for name in one.ids}
        if rows.any():
            fresh.append(one if rows.all() else one.subset(np.flatnonzero(rows)))
    return fresh[0] if len(fresh) == 1 else concatenate(fresh)
