"""Which rows each step takes: outside the loop, so that a run may be balanced, replayed, or of several sources.

Everything follows from (seed, step), never from what came before: a run that goes on meets the same batches.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ..core import processes
from ..core.checks import bad
from ..core.runtime import numpy_rng
from .batch import Batch


class Batches(Protocol):
    """What the loop learns from: the batch of any step, made in a thread of its own, some steps ahead.

    Attributes:
        images: how many there are to learn from.
        size: how many a step takes, over all processes together.
        steps_per_epoch: after so many steps each has been seen once.
    """

    images: int
    size: int

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        ...

    def __call__(self, step: int) -> Any:
        """The batch of a step (this process's share of it); depends on nothing but the step."""
        ...


class Shuffled:
    """Every epoch takes all rows in a new order and leaves out the last part batch.

    Args:
        make: makes the batch of some rows (whole numbers below `images`).
        images: how many rows there are.
        size: rows a step, over all processes together.
        seed: of the orders.
        name: of the source, where there are several: each has orders of its own.

    Raises:
        InputError: no size, or more than there are images.
    """

    def __init__(
        self, make: Callable[[np.ndarray], Any], images: int, size: int | None, seed: int, name: str = ""
    ) -> None:
        if size is None:
            raise bad("--batch", None, "a whole number of at least 1")
        if images < size:
            raise bad("--batch", size, f"at most {images}, as many as there are images to train on")
        self.make, self.images, self.size, self.seed = make, images, size, seed
        self.names = ("order", name) if name else ("order",)
        self._latest: tuple[int, np.ndarray] = (-1, np.zeros(0, int))

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in an epoch."""
        return self.images // self.size

    def order(self, epoch: int) -> np.ndarray:
        """The rows of an epoch, one after another."""
        return numpy_rng(self.seed, *self.names, epoch).permutation(self.images)

    def rows(self, step: int) -> np.ndarray:
        """The rows of a step that this process takes."""
        epoch, place = divmod(step, self.steps_per_epoch)
        known, order = self._latest
        if known != epoch:
            order = self.order(epoch)
            self._latest = (epoch, order)
        here = order[place * self.size : (place + 1) * self.size]
        return here[processes.rank() :: processes.world_size()]

    def __call__(self, step: int) -> Any:
        """The batch of a step."""
        return self.make(self.rows(step))


class Together:
    """One batch from several sources of any sizes, such as source and target: tensors named `NAME/images` and so on.

    An epoch is one of the source that takes the most steps for it; the others begin anew as often as needed.

    Args:
        sources: by name, each giving a `Batch`.
    """

    def __init__(self, sources: Mapping[str, Batches]) -> None:
        self.sources = dict(sources)
        self.images = sum(source.images for source in self.sources.values())
        self.size = sum(source.size for source in self.sources.values())

    @property
    def steps_per_epoch(self) -> int:
        """Of the source that has the most."""
        return max(source.steps_per_epoch for source in self.sources.values())

    def __call__(self, step: int) -> Batch:
        """The sources' batches of a step, side by side."""
        made = {name: source(step) for name, source in self.sources.items()}
        return Batch(**{f"{name}/{key}": batch[key] for name, batch in made.items() for key in batch})
