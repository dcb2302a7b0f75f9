"""Players of mixed streams: classify, retrieve and segment, with labels and without, one after another.

Each task moves the encoder by the training of its own kind, with a head of its own (`moving.any_task`). The score on
task j after task t is that of a fresh probe of task j's kind on the encoder of then (`players.fresh`): heads are not
what is kept over tasks of different kinds, and so every task has a score after every task. `frozen` never moves.
"""

from collections.abc import Generator, Mapping
from pathlib import Path

import numpy as np

from ...core.events import Event
from ...data.imageset import ImageSet
from ...data.streams.stream import Stream
from ...data.streams.task import Task
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from ..moving.any_task import Ways, learn_any_events
from ..moving.contract import LearnMethod
from .contract import Asked, embedded, previous
from .fresh import Fresh


def is_mixed(stream: Stream) -> bool:
    """Whether some task segments or has no labels, so that no one classifier learns all tasks."""
    return any(task.kind == "segment" or not task.labelled for task in stream.tasks)


class Mixed:
    """An encoder that each task moves, scored by fresh probes.

    Args:
        start: what the first task starts from.
        method: whose `any_kind` is true; None: nothing moves.
        fresh: how probes are made.
        ways: how tasks are learned.
        settings: of each training.
        out: the run's folder.
    """

    def __init__(
        self,
        start: Representation,
        method: LearnMethod | None,
        fresh: Fresh,
        ways: Ways,
        settings: TrainSettings,
        out: Path,
    ) -> None:
        self.now, self.method, self.fresh = start, method, fresh
        self.ways, self.settings, self.out = ways, settings, out
        self.moves = method is not None

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """One training of the task's kind, from the network of the task before."""
        if self.method is None:
            return
        number = int(folder.name)
        if number and (previous(folder) / "card.json").exists():
            self.now = Representation.load(previous(folder))
        told = learn_any_events(
            task, self.now, self.method, later=number > 0, out=folder, ways=self.ways, settings=self.settings
        )
        for event in told:
            if event.kind != "done":
                yield event
        self.now = Representation.load(folder)

    def score(self, asked: Asked) -> float:
        """Of a fresh probe of the task's kind."""
        return self.fresh.score(asked, self.now, self.vectors, self.out)

    def vectors(self, images: ImageSet) -> np.ndarray:
        """Of the network as it is now."""
        return embedded(self.now, images, cache=not self.moves)

    @property
    def representation(self) -> Representation:
        """The network as it is now."""
        return self.now

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the old network, while a task is learned; no image is kept."""
        old = self.method is not None and self.method.remembers
        return {"old_network_bytes": self.weights if old else 0}

    @property
    def weights(self) -> int:
        """Bytes of the network."""
        return sum(one.nbytes for one in self.now.encoder.state_dict().values())
