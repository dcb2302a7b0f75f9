"""What a training run is told: its settings, its players, and the form of what it trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..core.checks import InputError, check_choice, check_number
from .schedules import SCHEDULES

WEIGHT_DECAY = 1e-2  # where neither the user nor the task says another


@dataclass(frozen=True)
class TrainSettings:
    """How long, how fast, on what.

    Attributes:
        epochs, steps, minutes: the length, one of the three; none of them leaves the choice to the caller.
        batch: images a step, over all processes together; None leaves the choice to the caller.
        lr: of the optimiser.
        weight_decay: of its matrices; biases and normalisation weights are not decayed. None: the task's own, or 0.01.
        schedule, warmup: see `learning.schedules`.
        clip: the gradient's longest norm, or None.
        seed: what first weights, order, views and dropout are drawn from.
        device, precision: auto | cpu | cuda | mps, and auto | fp32 | bf16.
        checkpoint_seconds, checkpoint_steps: how often the run is saved; by the clock, or every so many steps too.
        eval_every: steps between held-out scores; None: ten times along the run.
        log_every: steps between `train` events.
        threads: threads that read images; None: as many as there are processors.
    """

    epochs: int | None = None
    steps: int | None = None
    minutes: float | None = None
    batch: int | None = None
    lr: float = 2e-3
    weight_decay: float | None = None
    schedule: str = "one-cycle"
    warmup: float = 0.05
    clip: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    checkpoint_seconds: float = 30.0
    checkpoint_steps: int | None = None
    eval_every: int | None = None
    log_every: int = 10
    threads: int | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.epochs, self.steps, self.minutes)) > 1:
            raise InputError("--epochs, --steps, --minutes: expected one of the three, got several. Give one.")
        for name in ("epochs", "steps", "batch", "checkpoint_steps", "eval_every", "log_every", "threads"):
            if getattr(self, name) is not None:
                check_number("--" + name.replace("_", "-"), getattr(self, name), 1, whole=True)
        for name in ("minutes", "clip", "lr"):
            if getattr(self, name) is not None:
                check_number(f"--{name}", getattr(self, name), 0, open_low=True)
        if self.weight_decay is not None:
            check_number("--weight-decay", self.weight_decay, 0)
        check_number("--warmup", self.warmup, 0, 0.9)
        check_number("--checkpoint-seconds", self.checkpoint_seconds, 0)
        check_number("--seed", self.seed, 0, whole=True)
        check_choice("--schedule", self.schedule, SCHEDULES)

    def recipe(self) -> dict[str, Any]:
        """The settings that decide the numbers; how often to save, log and score are not among them."""
        watching = ("checkpoint_seconds", "checkpoint_steps", "eval_every", "log_every", "threads", "device")
        return {key: value for key, value in asdict(completed(self)).items() if key not in watching}


def completed(settings: TrainSettings, task: Any = None) -> TrainSettings:
    """The same with what is left open as the task (or game) has it, or as all others.

    >>> completed(TrainSettings()).weight_decay
    0.01
    """
    if settings.weight_decay is not None:
        return settings
    return replace(settings, weight_decay=getattr(task, "weight_decay", WEIGHT_DECAY))


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


class Trainable(Protocol):
    """What the loop trains: an `nn.Module` with this `forward`, and what it likes of the following.

    - `players() -> Sequence[Player]`; without it there is one player with all parameters.
    - `before_step(step)` comes before a step's first forward pass, `after_step(step)` after its last update: the
      places for a teacher's moving average, a queue, a new assignment. What they keep belongs in the module's buffers,
      so that it is in the checkpoint. `before_step` may return parameters that it drew anew: what the optimisers knew
      of the old ones (moments, the number of steps) is forgotten.
    - `before_update(step)` comes between the gradients of each move and its update: the place to take gradients away
      (`parameter.grad = None`: the parameter stays as it is).
    - `decay_factor(progress) -> float`: what the weight decay is multiplied by when this share of the run is done.
    - `weight_decay`: what it is where the settings leave it open.
    - `prepared(batch, generator) -> Any`: what `forward` gets in place of the batch, such as its views. On a CPU it is
      called in the thread that reads images, some steps ahead, and must depend on nothing that training changes; on
      other devices `forward` gets the batch itself, and prepares it there.
    """

    def __call__(self, player: str, batch: Any, generator: torch.Generator) -> tuple[Tensor, Mapping[str, Any]]:
        """The loss of one player on one batch, and numbers to log; `spread` among them is watched for collapse."""
        ...
