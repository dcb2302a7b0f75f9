"""A player of streams without any labels, by the methods of the kind `unlabelled`; scores are those of fresh probes."""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from ...core.discover import load
from ...core.events import Event
from ...data.streams.stream import Stream
from ...data.streams.task import Task
from ...learning.method_settings import typed_settings
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from ..moving.any_task import Ways
from ..unlabelled.task import learn_unlabelled_events
from .contract import previous
from .fresh import Fresh
from .mixed import Mixed


def all_unlabelled(stream: Stream) -> bool:
    """Whether no task of the stream has labels to learn from."""
    return not any(task.labelled for task in stream.tasks)


class Unlabelled(Mixed):
    """An encoder that each task moves by one pretext task, whose head goes on from task to task.

    Args:
        start: what the first task starts from.
        method: of the kind `unlabelled`.
        chosen: its settings.
        fresh: how probes are made.
        ways: of which `pretext` counts.
        settings: of each training, as `create` takes them.
        out: the run's folder.
    """

    def __init__(
        self,
        start: Representation,
        method: str,
        chosen: Mapping[str, Any] | None,
        fresh: Fresh,
        ways: Ways,
        settings: TrainSettings,
        out: Path,
    ) -> None:
        super().__init__(start, None, fresh, ways, settings, out)
        self.name, self.chosen, self.moves = method, dict(chosen or {}), True

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """One training on the task's images, from the folder of the task before."""
        number = int(folder.name)
        told = learn_unlabelled_events(
            task.train,
            previous(folder) if number else self.now,
            self.name,
            out=folder,
            objective=self.ways.pretext,
            chosen=self.chosen,
            settings=self.settings,
            first=number == 0,
        )
        for event in told:
            if event.kind != "done":
                yield event
        self.now = Representation.load(folder)

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the old network, while a task is learned; no image is kept."""
        kind = load("unlabelled", self.name)
        remembers = kind(**typed_settings(kind, self.chosen)).remembers
        return {"old_network_bytes": self.weights if remembers else 0}
