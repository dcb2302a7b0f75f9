"""What a way of learning is: a puzzle made from a batch, a head that answers it, and how well it is answered.

A task is one file in `create/supervised` or `create/pretext` whose `Method` is a frozen dataclass on `Objective`: its
fields are its settings. A task in another package is found by the entry point group `regard.task`. Tasks that train no
network are not among them: those of `create/traditional` are fitted.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones.encoder import Encoder
from ..core.checks import bad, check_choice
from ..core.discover import load, names
from ..data.imageset import ImageSet
from .batch import Batch
from .settings import WEIGHT_DECAY
from .trainable import START, Log, Moment, Player

# (inputs, targets, generator) -> (inputs, targets)
Altered = Callable[[Any, Any, torch.Generator], tuple[Any, Any]]
# (images_NCHW, generator) -> images_NCHW
Change = Callable[[Tensor, torch.Generator], Tensor]
# captions and uint8 pictures (H, W, 3)
Pictures = list[tuple[str, np.ndarray]]

# marks fields that `configure` fills in, which a user cannot set
FROM_DATA = {"from_data": True}


def is_fitted(task: str) -> bool:
    """Whether a task trains no network, and is fitted (`create/traditional`)."""
    return bool(getattr(load("task", task), "fitted", False))


def objectives() -> list[str]:
    """The tasks that train a network, in alphabetical order.

    >>> "rotation" in objectives(), "fisher" in objectives()
    (True, False)
    """
    return [name for name in names("task") if not is_fitted(name)]


def check_objective(argument: str, task: str) -> str:
    """Return the name of a task that trains a network, else raise."""
    check_choice(argument, task, names("task"), see="regard methods task")
    if is_fitted(task):
        raise bad(
            argument, repr(task), "a task that trains a network", f"{task} is fitted: regard create --task {task}."
        )
    return task


class Split(NamedTuple):
    """What is known of the data before training: the two image sets, and whether they show symbols, not photographs."""

    train: ImageSet
    held_out: ImageSet
    symbols: bool


class Puzzle(NamedTuple):
    """What the network gets, and what it should say, as an objective's `prepare` makes them of a batch."""

    inputs: Any
    targets: Any


class Objective(ABC):
    """A way of learning: `prepare`, `head`, `loss` and `correct` (or `measure`) make one; the rest has defaults.

    A wrapper (several tasks, a penalty, distillation) is an objective that calls those of another.

    Attributes:
        main: the name of the score by which the best weights are told.
        higher: whether more of it is better.
        weight_decay: what it is where a run leaves it open.
        example_backbone: (name, size) of a small network that the task admits, for tests.
    """

    main: ClassVar[str] = "accuracy"
    higher: ClassVar[bool] = True
    weight_decay: ClassVar[float] = WEIGHT_DECAY
    example_backbone: ClassVar[tuple[str, int]] = ("convnet4", 32)

    @property
    def classifies(self) -> bool:
        """Whether what is learned names the classes of images: `logits` gives a number for each."""
        return type(self).logits is not Objective.logits

    @property
    def copies(self) -> int:
        """How many inputs the network gets for one image; batches are chosen accordingly."""
        return 1

    @property
    def needs_labels(self) -> bool:
        """Whether the images' labels are used, so that they are part of what makes a run itself."""
        return False

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in the order of the outputs, where the head tells them."""
        return ()

    @property
    def chance(self) -> float | None:
        """How often a guess is right; None where there is no such thing."""
        return None

    @abstractmethod
    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Any, Any]:
        """Make the puzzle: (inputs for the network, targets) from images in [0, 1]; all draws from `generator`."""

    def logits(self, encoder: Encoder, head: Any, inputs: Any) -> Tensor:
        """Of a task that `classifies`: (N, C) float32, a number for each class, of which probabilities are made."""
        raise TypeError(f"{type(self).__module__} names no classes")

    @abstractmethod
    def head(self, encoder: Encoder) -> nn.Module:
        """What answers it, on the encoder's features."""

    @abstractmethod
    def loss(self, encoder: Encoder, head: Any, inputs: Any, targets: Any, at: Moment = START) -> tuple[Tensor, Log]:
        """The loss and what to log beside it (`spread` is watched for collapse), of the player that `at` names."""

    def correct(self, encoder: Encoder, head: Any, inputs: Any, targets: Any) -> Tensor:
        """Which answers are right: (N, k) of 0 and 1, k answers for each image."""
        raise TypeError(f"{type(self).__module__} needs `correct`, or a `measure` of its own")

    def measure(self, encoder: Encoder, head: Any, inputs: Any, targets: Any) -> Mapping[str, Tensor]:
        """What is scored on held-out images: one number for each, (N,), by name; `main` among the names."""
        return {"accuracy": self.correct(encoder, head, inputs, targets).mean(1)}

    def summary(self, columns: Mapping[str, Tensor]) -> dict[str, float]:
        """From the numbers of all held-out images, (n,) each, to scores: the means, unless said otherwise."""
        return {name: float(values.mean()) for name, values in columns.items()}

    def preview(
        self,
        images_NCHW: Tensor,
        generator: torch.Generator,
        encoder: Encoder | None = None,
        head: Any = None,
    ) -> Pictures:
        """The very puzzles that the network gets; with an encoder and its head also how they answer."""
        return []

    def check_images(self, images: ImageSet) -> None:
        """Raise InputError where images lack the labels that the task needs; none is read through for it."""
        if self.needs_labels:
            images.need_labels("IMAGES")

    def labelled(self, images: ImageSet) -> ImageSet:
        """The images with the labels that the task uses, which make a run itself; raises InputError without any."""
        if self.needs_labels:
            images.need_labels("IMAGES")
        return images

    def marks(self, images: ImageSet) -> np.ndarray | None:
        """(n, classes) what a `Feed` gives as `labels`; None: the place of each image's label among the classes."""
        return None

    def configure(self, known: Split) -> Self:
        """The same with settings completed from the data: classes, counts, views."""
        return self

    def admits(self, encoder: Encoder) -> None:
        """Raise InputError where a backbone cannot do the task."""

    def equip(self, encoder: Encoder) -> None:
        """What the task changes in a fresh encoder, before anything else looks at it."""

    def fresh(self, encoder: Encoder) -> Iterable[nn.Parameter]:
        """Of what `equip` put into an encoder that was trained before: weights that learn at the head's rate."""
        return ()

    def players(self, encoder: Encoder, head: Any) -> Sequence[Player]:
        """Several players, each with its parameters; none: one with all."""
        return ()

    def every_epoch(
        self, encoder: Encoder, head: Any, feed: Any, at: Moment, generator: torch.Generator
    ) -> Sequence[nn.Parameter]:
        """Called before the first step of each epoch, without gradients, with the encoder in evaluation mode.

        The place for clusters: `feed.in_order(size)` gives all training images. Parameters that it drew anew are
        returned, so that the optimiser forgets what it knew of the old ones.
        """
        return ()

    def before_step(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """Called before the first forward pass of a step."""

    def before_update(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """Called between gradients and update: `grad = None` leaves a parameter as it is."""

    def after_step(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """Called after the last update of a step: a teacher's average, a queue."""

    def decay_factor(self, progress: float) -> float:
        """What the weight decay is multiplied by when this share of the run is done."""
        return 1.0

    def embedder(self, head: Any) -> nn.Module | None:
        """The part of the head that makes of features (N, D) the vectors that the loss compares; None: there is none.

        A task that has one says by `foretold` how such vectors are compared with those of another network.
        """
        return None

    def foretold(self, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """The task's own loss between predictions and the vectors of another network, row by row of the same input.

        No gradient reaches `given_ND`. Whoever keeps what an earlier network knew asks it: the kind `unlabelled`.
        """
        raise TypeError(f"{type(self).__module__} has no vectors to foretell: its `embedder` is None")

    def shuffled(self, inputs: Any, targets: Any, generator: torch.Generator) -> tuple[Any, Any]:
        """The puzzle with the answers dealt to other images, on which accuracy must be at chance.

        Raises:
            TypeError: targets that are no tensor: such a task deals them in its own way.
        """
        if not torch.is_tensor(targets):
            raise TypeError(f"{type(self).__module__} needs a `shuffled`: its targets are no tensor")
        return inputs, targets[torch.randperm(len(targets), generator=generator, device=generator.device)]

    def shortcuts(self) -> Mapping[str, Change]:
        """Changes of images that destroy what the puzzle is about and leave a cue that could betray the answer.

        Accuracy on such images must fall to chance.
        """
        return {}

    def blinded(self) -> Mapping[str, Altered]:
        """Changes of the puzzle that take from it what is needed to solve it: accuracy must fall far below."""
        return {}
