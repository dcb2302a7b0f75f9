"""Players on the vectors of one representation: learners of the kind `frozen`, and the bound that keeps all vectors."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from pathlib import Path

import numpy as np
import torch

from ...core.events import Event
from ...core.storage import load_tensors, save_tensors
from ...data.imageset import ImageSet
from ...data.streams.stream import Stream
from ...data.streams.task import Task
from ...representation.representation import Representation
from ...reuse.logistic import Logistic, fit_logistic
from ..frozen._common import Learner
from ..learner_files import load_learner, save_learner
from .contract import Asked, answered, embedded, previous

LEARNER, VECTORS = "learner.safetensors", "vectors.safetensors"


class OnVectors(ABC):
    """What both share: vectors never change."""

    moves: bool = False

    def __init__(self, start: Representation) -> None:
        self.start = start
        self.seen: dict[int, tuple[ImageSet, np.ndarray]] = {}

    def vectors(self, images: ImageSet) -> np.ndarray:
        """The same after every task; computed once."""
        if id(images) not in self.seen:
            self.seen[id(images)] = images, embedded(self.start, images)
        return self.seen[id(images)][1]

    @abstractmethod
    def predict(self, images: ImageSet) -> np.ndarray:
        """(n,) names of classes."""

    def score(self, asked: Asked) -> float:
        """By the learner's answers, or by vectors."""
        return answered(self, asked)

    @property
    def representation(self) -> Representation:
        """What it started from."""
        return self.start


class Frozen(OnVectors):
    """A learner on the vectors of one representation.

    Args:
        start: the representation.
        model: of the kind `frozen`.
    """

    def __init__(self, start: Representation, model: Learner) -> None:
        super().__init__(start)
        self.model = model

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """The statistics of a task's vectors join those of the tasks before."""
        file, before = folder / LEARNER, previous(folder) / LEARNER
        if file.exists():
            self.model = load_learner(file)
            return
        if not hasattr(self.model, "classes_") and before.exists():
            self.model = load_learner(before)
        labels = task.train.need_labels("TRAIN", 1).astype(str)
        self.model.partial_fit(self.vectors(task.train), labels)
        folder.mkdir(parents=True, exist_ok=True)
        save_learner(file, self.model)
        yield from ()

    def predict(self, images: ImageSet) -> np.ndarray:
        """The learner's; with one class there is nothing else to say."""
        if len(self.model.classes_) == 1:
            return np.repeat(self.model.classes_, len(images))
        return self.model.predict(self.vectors(images))

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the learner."""
        return {"learner_bytes": self.model.nbytes}


class FrozenTogether(OnVectors):
    """The bound: a linear classifier that is fitted anew, after each task, on the vectors of all images that came.

    Args:
        start: the representation.
        stream: whose tasks come.
        seed: of the folds by which the penalty is chosen.
    """

    def __init__(self, start: Representation, stream: Stream, seed: int) -> None:
        super().__init__(start)
        self.stream, self.seed = stream, seed
        self.model: Logistic | np.ndarray = np.zeros(0)
        self.kept = 0

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """Keep the task's vectors, and fit on all."""
        if not (folder / VECTORS).exists():
            vectors = self.vectors(task.train)
            folder.mkdir(parents=True, exist_ok=True)
            save_tensors(folder / VECTORS, {"vectors": torch.from_numpy(np.ascontiguousarray(vectors))}, seal=True)
        rows = range(int(folder.name) + 1)
        parts = [load_tensors(folder.parent / f"{row:02d}" / VECTORS)["vectors"].numpy() for row in rows]
        labels = [self.stream.tasks[row].train.need_labels("TRAIN", 1).astype(str) for row in rows]
        X, y = np.concatenate(parts), np.concatenate(labels)
        self.kept = X.nbytes
        known = np.unique(y)
        self.model = known if len(known) == 1 else fit_logistic(X, y, seed=self.seed)
        yield from ()

    def predict(self, images: ImageSet) -> np.ndarray:
        """The classifier's; with one class there is nothing else to say."""
        if isinstance(self.model, Logistic):
            return self.model.predict(self.vectors(images))
        return np.repeat(self.model, len(images))

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of all vectors."""
        return {"vector_bytes": self.kept}
