"""Multitask: several puzzles at once, with one trunk (Doersch and Zisserman 2017).

"Multi-task self-supervised visual learning", ICCV, arXiv 1708.07860.

Each task has its own inputs and its own head, and all teach one network. Tasks that treat colour differently pull its
first layers apart; `harmonise` shows them all the same grey images, as in the paper. Losses of different size are
weighed by their own running scale. Against the paper: any tasks of this package in place of relative position,
colouring, exemplars and motion; each task takes its features from the last layer (no lasso over layers); one process
takes all tasks in turn, with one AdamW and one weight decay, in place of one machine a task.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import lcm
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import bad, check_choice
from ...core.discover import load
from ...data.views import luma
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split, objectives
from ...learning.trainable import START, Log, Moment

SCALE_MOMENTUM = 0.99


def grey_inputs(inputs: Any) -> Any:
    """The same inputs with every colour image (N, 3, H, W) in them replaced by its brightness, three times."""
    if isinstance(inputs, tuple | list):
        return type(inputs)(grey_inputs(part) for part in inputs)
    if torch.is_tensor(inputs) and inputs.ndim == 4 and inputs.shape[1] == 3 and inputs.is_floating_point():
        return luma(inputs).clamp(0, 1).expand_as(inputs).contiguous()
    return inputs


def side_by_side(answers: list[Tensor]) -> Tensor:
    """The answers (N_i, k_i) of several tasks as one table, in which each task has as many columns.

    Rows are cut to the fewest, so that each is an image that all tasks have answered.

    >>> side_by_side([torch.ones(3, 2), torch.zeros(2, 1)]).tolist()
    [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]
    """
    rows, columns = min(map(len, answers)), lcm(*(part.shape[1] for part in answers))
    return torch.cat([part[:rows].repeat(1, columns // part.shape[1]) for part in answers], 1)


class Heads(nn.Module):
    """A head for each task, and the running size of its loss."""

    def __init__(self, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.of = nn.ModuleDict(heads)
        self.register_buffer("scale", torch.zeros(len(heads)))

    @torch.no_grad()
    def weights(self, losses: Tensor) -> Tensor:
        """1 / running mean of each loss's size, moved on by these losses in training; first the losses themselves."""
        size = losses.detach().abs()
        scale = torch.where(self.scale == 0, size, self.scale.lerp(size, 1 - SCALE_MOMENTUM))
        if self.training:
            self.scale.copy_(scale)
        return 1 / scale.clamp(min=1e-6)


# hooks of a task that others cannot share a training with, and what it then has
_ALONE = {
    "players": "several players",
    "every_epoch": "new targets in each epoch",
    "marks": "several labels for an image",
}


@dataclass(frozen=True)
class Method(Objective):
    """Several tasks.

    Attributes:
        tasks: their names, with commas between; each with its own defaults.
        harmonise: show all tasks grey images.
        batch: shared: each task gets every image | split: each gets its part of the batch, at the cost of one task.
        balance: scale: losses are divided by their running mean | equal: they are added as they are.
        parts: the tasks themselves, fitted; filled in from the data.
    """

    tasks: str = "rotation,simclr"
    harmonise: bool = False
    batch: Literal["shared", "split"] = "shared"
    balance: Literal["scale", "equal"] = "scale"
    parts: tuple[Any, ...] = field(default=(), metadata=FROM_DATA)

    def __post_init__(self) -> None:
        known = [name for name in objectives() if name != "multitask"]
        for name in self.names:
            check_choice("--set tasks", name, known)
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise bad("--set tasks", repr(self.tasks), "two or more different tasks, such as rotation,simclr")

    @property
    def names(self) -> list[str]:
        """The tasks' names, in order."""
        return [name.strip() for name in self.tasks.split(",")]

    @property
    def all(self) -> dict[str, Objective]:
        """The tasks by name, fitted where this is."""
        return dict(zip(self.names, self.parts or [load("task", name)() for name in self.names]))

    def configure(self, known: Split) -> Self:
        """Each task fitted; raises InputError for tasks that train in a way of their own."""
        fitted = []
        for name, part in self.all.items():
            for hook, what in _ALONE.items():
                if getattr(type(part), hook) is not getattr(Objective, hook):
                    others = "Leave it out, or train it alone: --task " + name
                    raise bad("--set tasks", f"{name}, which has {what}", "tasks that learn by one loss alone", others)
            fitted.append(part.configure(known))
        return replace(self, parts=tuple(fitted))

    @property
    def copies(self) -> int:
        """Of all tasks together; where the batch is split, their mean, rounded up."""
        copies = [part.copies for part in self.all.values()]
        return sum(copies) if self.batch == "shared" else -(-sum(copies) // len(copies))

    @property
    def needs_labels(self) -> bool:
        """One of the tasks does."""
        return any(part.needs_labels for part in self.all.values())

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the task that needs labels, if there is one."""
        return next((part.classes for part in self.all.values() if part.needs_labels), ())

    @property
    def chance(self) -> float:
        """The mean of the tasks' chances."""
        return float(np.mean([part.chance for part in self.all.values()]))

    def admits(self, encoder: Encoder) -> None:
        """What all tasks admit."""
        for part in self.all.values():
            part.admits(encoder)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The inputs of all tasks, and their targets; held-out images are never split."""
        parts = list(self.all.values())
        split = self.batch == "split" and not batch.held_out
        shares = [_share(batch, at, len(parts)) if split else batch for at in range(len(parts))]
        puzzles = [part.prepare(share, generator) for part, share in zip(parts, shares)]
        inputs = tuple(inputs for inputs, _ in puzzles)
        return grey_inputs(inputs) if self.harmonise else inputs, tuple(targets for _, targets in puzzles)

    def head(self, encoder: Encoder) -> nn.Module:
        """The tasks' heads."""
        return Heads({name: part.head(encoder) for name, part in self.all.items()})

    def loss(self, encoder: Encoder, head: Any, inputs: Any, targets: Any, at: Moment = START) -> tuple[Tensor, Log]:
        """The sum of the tasks' losses, weighed; logs each one's and what else it logs, under its name."""
        losses: list[Tensor] = []
        log: dict[str, Any] = {}
        for (name, part), x, y in zip(self.all.items(), inputs, targets):
            loss, noted = part.loss(encoder, head.of[name], x, y)
            losses.append(loss.float())
            log |= {f"{name}/loss": loss.detach(), **{f"{name}/{key}": value for key, value in noted.items()}}
        together = torch.stack(losses)
        return (together * head.weights(together) if self.balance == "scale" else together).sum(), log

    def correct(self, encoder: Encoder, head: Any, inputs: Any, targets: Any) -> Tensor:
        """(N, k): the answers of all tasks, each of which counts alike."""
        each = zip(self.all.items(), inputs, targets)
        return side_by_side([part.correct(encoder, head.of[name], x, y) for (name, part), x, y in each])

    def shuffled(self, inputs: Any, targets: Any, generator: torch.Generator) -> tuple[Any, Any]:
        """The answers of each task dealt to other images, in that task's way."""
        dealt = [part.shuffled(x, y, generator) for part, x, y in zip(self.all.values(), inputs, targets)]
        return tuple(x for x, _ in dealt), tuple(y for _, y in dealt)

    def equip(self, encoder: Encoder) -> None:
        """What the tasks change in a fresh encoder."""
        for part in self.all.values():
            part.equip(encoder)

    def before_update(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """The tasks' hooks."""
        for name, part in self.all.items():
            part.before_update(encoder, head.of[name], at)

    def before_step(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """The tasks' hooks."""
        for name, part in self.all.items():
            part.before_step(encoder, head.of[name], at)

    def after_step(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """The tasks' hooks."""
        for name, part in self.all.items():
            part.after_step(encoder, head.of[name], at)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """The tasks' own puzzles, one task after the other."""
        shown = []
        for name, part in self.all.items():
            who = () if encoder is None else (encoder, head.of[name])
            shown += [(f"{name}: {what}", pixels) for what, pixels in part.preview(images_NCHW, generator, *who)]
        return shown


def _share(batch: Batch, at: int, of: int) -> Batch:
    return batch.each(lambda value: value[at::of])
