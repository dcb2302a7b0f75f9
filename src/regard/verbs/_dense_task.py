"""Which dense task a verb is for, and how its runs are opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.checks import bad, check_path
from ..core.events import passing
from ..core.runtime import pick_device
from ..data.imageset import ImageSet
from ..reuse.dense.model import Answer, DenseModel
from ..reuse.dense.objective import Dense
from ..reuse.dense.scoring import Answering
from ._result import Watch


@dataclass(frozen=True)
class Task:
    """A dense task by the name of its verb.

    Attributes:
        name: detect | instances | segment.
        what: boxes | masks | semantic, as the rooms call it.
    """

    name: str
    what: str

    def open(self, run: str | Path, device: str) -> DenseModel:
        """Read a run of this task, and put it on a device.

        Raises:
            InputError: no finished run, or one of another task.
        """
        folder = check_path("RUN", run, folder=True)
        model = DenseModel.load(folder)
        if model.objective.what != self.what:
            its = next(name for name, what in TASKS.items() if what == model.objective.what)
            raise bad("RUN", f"{run}, a run of regard {its}", f"one of regard {self.name}", f"Use regard {its}.")
        place = pick_device(device)
        model.encoder.to(place)
        model.head.to(place)
        return model


@dataclass(frozen=True)
class Watched:
    """A model whose progress through pictures is seen.

    Attributes:
        model: what answers.
        watch: takes the stream of events.
    """

    model: Answering
    watch: Watch

    @property
    def objective(self) -> Dense:
        """The model's."""
        return self.model.objective

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """As the model's."""
        return passing(self.model.predict(images, batch=batch, failed=failed), len(images), "predict", self.watch)


TASKS = {"detect": "boxes", "instances": "masks", "segment": "semantic"}
