"""The contract of learners whose encoder moves: what a method sees of a batch, says of it, and keeps after a task.

A method is one file in `lifelong/training/` whose `Method` is a frozen dataclass below `LearnMethod`: its fields are
its settings. Its loss never sees a network: features and logits come in, a loss goes out. Classes are numbered in the
order in which they come; the classifier gets new rows at its end, so that what an old logit says stays.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..memory import Memory, Rule

MEBIBYTE = 1 << 20
Tensors = Mapping[str, Tensor]
Labelled = Callable[[], Iterable[tuple[Tensor, Tensor]]]  # each call goes over all: images (N, 3, H, W) in [0, 1], (N,)


class Replayed(NamedTuple):
    """Images from the memory after the network, in float32.

    Attributes:
        features: (m, D).
        logits: (m, K).
        labels: (m,) places among the K classes.
        kept: (m, K) the logits that were kept with them, NaN for classes that came later; None where none are kept.
        old_logits: (m, K_old) of the network before this task; None where the method does not ask for them.
    """

    features: Tensor
    logits: Tensor
    labels: Tensor
    kept: Tensor | None = None
    old_logits: Tensor | None = None


class Seen(NamedTuple):
    """A batch of the task after the network, in float32.

    Attributes:
        features: (n, D).
        logits: (n, K).
        labels: (n,) places among the K classes.
        old: (K,) bool, which classes were known before this task: the first K_old.
        here: (K,) bool, which classes this task has; one that came back is old as well.
        old_logits: (n, K_old) of the network before this task, without a gradient; None in the first task, and where
            the method does not ask for them.
        memory: images of earlier tasks; None where none are kept.
        old_features: (n, D) of that network, under the same conditions as `old_logits`.
        by_old: (n, K_old) of the classifier before this task on the features of now; None where `old_logits` is. The
            classifier does not learn, so that the gradient is of the features alone.
    """

    features: Tensor
    logits: Tensor
    labels: Tensor
    old: Tensor
    here: Tensor
    old_logits: Tensor | None = None
    memory: Replayed | None = None
    old_features: Tensor | None = None
    by_old: Tensor | None = None


class Finished(NamedTuple):
    """A task that is learned, as `after_task` gets it; in evaluation mode.

    Attributes:
        number: of the task, from 0.
        network: images to features (n, D).
        classifier: features to logits (n, K).
        weights: what moved, by name: `encoder.NAME` and `classes.NAME`.
        images: the task's images as they are, with their labels.
        memory: what the memory holds now, this task included.
        kept: what the method kept before this task.
        notes: what it took down at each step.
        seed: of the run.
    """

    number: int
    network: nn.Module
    classifier: nn.Linear
    weights: Tensors
    images: Labelled
    memory: Labelled
    kept: Tensors
    notes: Tensors
    seed: int


def cross_entropy(logits: Tensor, labels: Tensor, among: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over all classes, or over those of a mask (K,), which all labels must be among.

    >>> logits = torch.tensor([[0.0, 0.0, 99.0]])
    >>> round(float(cross_entropy(logits, torch.tensor([0]), torch.tensor([True, True, False]))), 4)  # log 2
    0.6931
    """
    if among is not None:
        logits = logits.masked_fill(~among, -torch.inf)
    return nn.functional.cross_entropy(logits, labels)


@dataclass(frozen=True)
class LearnMethod:
    """A way of learning one task after another.

    Attributes:
        keeps_logits: whether each image is kept with what the network said of it when its task was over.
        needs_old: whether the network of before the task is asked about the same views.
        weighs: whether a penalty ties weights to what they were; such a method cannot learn by LoRA.
        notes_steps: whether `step` takes something down at each step.
        any_kind: whether tasks of any kind can be learned so, with labels and without: what keeps the old, if anything
            does, is `held`, which hangs on features alone.
    """

    keeps_logits: ClassVar[bool] = False
    needs_old: ClassVar[bool] = False
    weighs: ClassVar[bool] = False
    notes_steps: ClassVar[bool] = False
    any_kind: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        if cls.weighs and cls.penalty is LearnMethod.penalty:
            raise TypeError(
                f"{cls.__module__}.{cls.__qualname__} weighs and has no `penalty`: give it one, or weighs = False"
            )

    @property
    def rule(self) -> Rule | None:
        """By which rule a memory keeps images; None: there is no memory."""
        return None

    def memory(self, seed: int) -> Memory | None:
        """An empty memory; None where there is none."""
        return None

    @property
    def remembers(self) -> bool:
        """Whether anything is done against forgetting; if not, training is that of `finetune`, to the bit."""
        return False

    def layers(self, number: int, asked: str) -> str:
        """What of the network learns in this task: `asked`, unless the method says otherwise."""
        return asked

    def trains(self, number: int) -> bool:
        """Whether this task moves weights at all."""
        return True

    def taught(self, seen: Seen) -> Tensor:
        """The loss of the task's own labels: cross-entropy over all classes known by now."""
        return cross_entropy(seen.logits, seen.labels)

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """What keeps the old, already weighted, and what to log; added to `taught`. From the second task on."""
        return seen.logits.new_zeros(()), {}

    def held(self, features: Tensor, old_features: Tensor) -> Tensor:
        """A loss of features (n, D) of now and of before the task, already weighted; where `any_kind` is true."""
        return features.new_zeros(())

    def penalty(self, weights: Tensors, kept: Tensors) -> Tensor:
        """A loss of the weights themselves, already weighted; from the second task on, where `weighs` is true."""
        return next(iter(weights.values())).new_zeros(())

    def start(self, weights: Tensors) -> dict[str, Tensor]:
        """What `step` writes into, where `notes_steps` is true; it is in the checkpoint."""
        return {}

    def step(self, notes: MutableMapping[str, Tensor], name: str, gradient: Tensor, moved: Tensor) -> None:
        """Called after each step for each weight, with the gradient of `taught` and `loss`, and how far it moved."""

    def after_task(self, task: Finished) -> dict[str, Tensor]:
        """What to keep for later tasks, in place of what was kept before; without gradients."""
        return {}

    def scores(self, features: Tensor, logits: Tensor, kept: Tensors) -> Tensor:
        """(n, K) by which images are put into classes: the logits, unless said otherwise."""
        return logits


@dataclass(frozen=True)
class Keeping(LearnMethod):
    """A method that does something against forgetting.

    Attributes:
        weight: of what keeps the old; 0 learns as `finetune` does, to the bit.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_number("--set weight", self.weight, 0)

    @property
    def remembers(self) -> bool:
        """Whether the weight is above 0."""
        return self.weight > 0


@dataclass(frozen=True)
class Replaying(Keeping):
    """A method with a memory.

    Attributes:
        weight: of what keeps the old; 0 learns as `finetune` does, to the bit.
        budget: bytes of the memory: pictures of the network's size, what is kept with them, labels and ids.
    """

    budget: int = MEBIBYTE

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set budget", self.budget, 0, whole=True)

    @property
    def rule(self) -> Rule:
        """Each image that came is as likely to be held."""
        return "reservoir"

    def memory(self, seed: int) -> Memory:
        """An empty memory of this budget."""
        return Memory(self.budget, self.rule, seed)
