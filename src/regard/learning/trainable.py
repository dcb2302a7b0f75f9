"""What the loop trains: a module with everything that has weights or state, and the moments at which it is told."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..core.checks import check_choice
from .settings import WEIGHT_DECAY, TrainSettings, completed

Log = Mapping[str, float | Tensor]


class Moment(NamedTuple):  # a tuple, which Fabric looks into; a frozen dataclass it refuses
    """Where a run stands when a hook is called.

    Attributes:
        step: from 0.
        progress: the share of the run that is done, from 0 to 1.
        steps_per_epoch: after so many steps each image has been seen once.
        player: who moves, where there are several.
    """

    step: int = 0
    progress: float = 0.0
    steps_per_epoch: int = 1
    player: str = "all"

    @property
    def epoch(self) -> int:
        """From 0."""
        return self.step // self.steps_per_epoch

    @property
    def starts_epoch(self) -> bool:
        """Whether this is the first step of an epoch."""
        return self.step % self.steps_per_epoch == 0


START = Moment()


@dataclass(frozen=True)
class Player:
    """One who moves: its parameters, its optimiser, its turn.

    Attributes:
        name: what `forward` is told.
        parameters: what its optimiser changes; the others' are frozen while it moves.
        optimiser: `adamw`, `sgd` (Nesterov, momentum 0.9), or a function of (parameter groups, lr).
        lr: times the run's learning rate.
        betas: of AdamW.
        every: it moves in each step that this divides.
        turns: moves in a row, on the same batch with fresh draws; a critic may take five.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    optimiser: str | Callable[[list[dict[str, Any]], float], torch.optim.Optimizer] = "adamw"
    lr: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)
    every: int = 1
    turns: int = 1

    def make_optimiser(self, settings: TrainSettings) -> torch.optim.Optimizer:
        """Its optimiser at the run's settings; vectors (biases, normalisation) get no weight decay."""
        matrices = [p for p in self.parameters if p.requires_grad and p.ndim > 1]
        vectors = [p for p in self.parameters if p.requires_grad and p.ndim < 2]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": completed(settings).weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        lr = settings.lr * self.lr
        if callable(self.optimiser):
            return self.optimiser(groups, lr)
        check_choice("optimiser", self.optimiser, ["adamw", "sgd"])
        if self.optimiser == "sgd":
            return torch.optim.SGD(groups, lr, momentum=0.9, nesterov=True)
        # one pass over each tensor in place of ten
        return torch.optim.AdamW(groups, lr, betas=self.betas, fused=True)


class Trainable(nn.Module, ABC):
    """What the loop trains; `forward(at, batch, generator)` is all that it must have.

    What the hooks keep (a teacher, a queue) belongs in the module's buffers, so that it is in the checkpoint.

    Attributes:
        weight_decay: what it is where the settings leave it open.
    """

    weight_decay: float = WEIGHT_DECAY

    @abstractmethod
    def forward(self, at: Moment, batch: Any, generator: torch.Generator) -> tuple[Tensor, Log]:
        """The loss of one player (`at.player`) on one batch, and numbers to log.

        `spread` among them is watched for collapse. All draws come from the generator.
        """

    def players(self) -> Sequence[Player]:
        """Who moves in a step, in turn; one with all parameters, unless said otherwise."""
        return [Player("all", [p for p in self.parameters() if p.requires_grad])]

    def prepared(self, batch: Any, generator: torch.Generator) -> Any:
        """What `forward` gets in place of the batch, such as its views.

        On a CPU it is called in the thread that reads images, some steps ahead, and must depend on nothing that
        training changes; on other devices `forward` gets the batch itself, and prepares it there.
        """
        return batch

    def before_step(self, at: Moment) -> Iterable[nn.Parameter]:
        """Called before a step's first forward pass; returns parameters that it drew anew.

        What the optimisers knew of the old ones (moments, the number of steps) is forgotten.
        """
        return ()

    def before_update(self, at: Moment) -> None:
        """Called between the gradients of each move and its update: the place to take gradients away.

        A parameter whose `grad` is None stays as it is.
        """

    def after_step(self, at: Moment) -> None:
        """Called after a step's last update: the place for a teacher's moving average, a queue, a new assignment."""

    def decay_factor(self, progress: float) -> float:
        """What the weight decay is multiplied by when this share of the run is done."""
        return 1.0
