"""Continual adaptation: domains arrive one after another, of which the first alone need have labels.

On the vectors of one representation. The labelled vectors are kept; after each domain a shallow method (kind `adapt`)
is fitted from all labelled vectors that came by then to that domain's vectors, and labels images of any domain as it
labels that one. So a column tells what adapting to later domains costs the earlier ones. With `none` nothing is
adapted: the same classifier on the labelled vectors, which any other is held against.
"""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...adapt.contract import ShallowAdapter
from ...adapt.domains import Domains
from ...adapt.named import adapter
from ...core.checks import bad, check_choice
from ...core.discover import load, names
from ...core.events import Event
from ...core.storage import load_tensors, save_tensors
from ...data.imageset import ImageSet
from ...data.streams.stream import Stream
from ...data.streams.task import Task
from ...representation.representation import Representation
from .frozen import VECTORS, OnVectors

PREFIX, NONE = "adapt:", "none"


class Unmoved(ShallowAdapter):
    """Nothing is adapted.

    Args:
        classifier: "1nn", "linear", "svm" or a scikit-learn classifier.
    """

    def __init__(self, classifier: Any = "svm") -> None:
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        return None


def check_adapting(stream: Stream, method: str) -> None:
    """Refuse a method `adapt:NAME` that there is not, or that cannot learn the stream's domains.

    Raises:
        InputError: an unknown name, one that needs labels of the target, a first task without labels, or a task that
            does not classify.
    """
    name = method.removeprefix(PREFIX)
    check_choice("method", method, [PREFIX + one for one in (NONE, *names("adapt"))])
    if name != NONE and load("adapt", name).needs_target_labels:
        raise bad("method", repr(method), "one that needs no label of a new domain", "regard methods adapt lists them.")
    stream.check_method(method, unlabelled=True)
    if not stream.tasks[0].labelled:
        got = f"{method!r}, but the first task {stream.tasks[0].name!r} has no labels"
        raise bad("method", got, "labels in the first domain", "Nothing else says what its classes look like.")


class Adapting(OnVectors):
    """A shallow method that is fitted anew to each domain.

    Args:
        start: the representation.
        stream: whose domains come.
        method: `adapt:NAME`.
        chosen: its settings.
    """

    def __init__(self, start: Representation, stream: Stream, method: str, chosen: Mapping[str, Any] | None) -> None:
        super().__init__(start)
        self.stream, self.name, self.chosen = stream, method.removeprefix(PREFIX), dict(chosen or {})
        self.model = self._made()
        self.kept = 0

    def _made(self) -> ShallowAdapter:
        return Unmoved(**self.chosen) if self.name == NONE else adapter(self.name, **self.chosen)

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """Keep the domain's vectors where it has labels, and fit to it."""
        here = self.vectors(task.train)
        if task.labelled and not (folder / VECTORS).exists():
            folder.mkdir(parents=True, exist_ok=True)
            save_tensors(folder / VECTORS, {"vectors": torch.from_numpy(np.ascontiguousarray(here))}, seal=True)
        came = [row for row in range(int(folder.name) + 1) if self.stream.tasks[row].labelled]
        parts = [load_tensors(folder.parent / f"{row:02d}" / VECTORS)["vectors"].numpy() for row in came]
        labels = [self.stream.tasks[row].train.need_labels("TRAIN", 1).astype(str) for row in came]
        X, y = np.concatenate(parts), np.concatenate(labels)
        self.kept = X.nbytes + sum(len(name.encode()) for name in y.tolist())
        self.model = self._made().fit(X, y, here)
        yield from ()

    def predict(self, images: ImageSet) -> np.ndarray:
        """As images of the domain that came last."""
        return self.model.predict(self.vectors(images))

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the labelled vectors and their labels."""
        return {"vector_bytes": self.kept}
