"""What a training run is told: how long, how fast, on what."""

from dataclasses import asdict, dataclass, replace
from typing import Any

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
        ema: how much of the average of the weights each step keeps (`learning.averaging`), such as 0.999; None: no
            average.
        patience: so many held-out scorings in a row without a better main score end the run; None: it goes to its end.
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
    ema: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.epochs, self.steps, self.minutes)) > 1:
            raise InputError("--epochs, --steps, --minutes: expected one of the three, got several. Give one.")
        for name in ("epochs", "steps", "batch", "checkpoint_steps", "eval_every", "log_every", "threads", "patience"):
            if getattr(self, name) is not None:
                check_number("--" + name.replace("_", "-"), getattr(self, name), 1, whole=True)
        for name in ("minutes", "clip", "lr"):
            if getattr(self, name) is not None:
                check_number(f"--{name}", getattr(self, name), 0, open_low=True)
        if self.weight_decay is not None:
            check_number("--weight-decay", self.weight_decay, 0)
        if self.ema is not None:
            check_number("--ema", self.ema, 0, 0.999999, open_low=True)
        check_number("--warmup", self.warmup, 0, 0.9)
        check_number("--checkpoint-seconds", self.checkpoint_seconds, 0)
        check_number("--seed", self.seed, 0, whole=True)
        check_choice("--schedule", self.schedule, SCHEDULES)

    def recipe(self) -> dict[str, Any]:
        """The settings that decide the numbers; how often to save, log and score are not among them."""
        watching = ["checkpoint_seconds", "checkpoint_steps", "log_every", "threads", "device"]
        if self.patience is None:  # else how often it is scored decides where it ends
            watching.append("eval_every")
        watching += [key for key in ("ema", "patience") if getattr(self, key) is None]  # as runs of before have it
        return {key: value for key, value in asdict(completed(self)).items() if key not in watching}


def completed(settings: TrainSettings, weight_decay: float = WEIGHT_DECAY) -> TrainSettings:
    """The same with what is left open as what is trained has it, or as all others.

    >>> completed(TrainSettings()).weight_decay
    0.01
    """
    if settings.weight_decay is not None:
        return settings
    return replace(settings, weight_decay=weight_decay)
