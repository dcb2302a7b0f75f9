"""Where a task starts: from a representation or from the task before, and what learns from there on."""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from ...core.checks import bad
from ...core.runtime import derive_seed, seeded_init
from ...learning.freezing import Tuned
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from .contract import LearnMethod
from .learned import KEPT, Learned
from .remembering import Held, Remembering, weights_of


@dataclass(frozen=True, eq=False)
class Start:
    """Where a task starts.

    Attributes:
        representation: whose network goes on learning; it is not changed.
        before: what was learned before; None: nothing.
    """

    representation: Representation
    before: Learned | None

    @property
    def number(self) -> int:
        """Of the task, from 0."""
        return 0 if self.before is None else self.before.number + 1

    @property
    def classes(self) -> tuple[str, ...]:
        """Those that are known."""
        return () if self.before is None else self.before.classes


def started(before: Learned | Representation | str | Path, method: LearnMethod) -> Start:
    """From a representation, or from the task before by its folder.

    Raises:
        InputError: the task before was learned with another method or other settings.
    """
    if isinstance(before, str | Path) and (Path(before) / KEPT).is_file():
        before = Learned.load(before)
    if not isinstance(before, Learned):
        found = before if isinstance(before, Representation) else Representation.load(before)
        return Start(found, None)
    if before.method != method:
        raise bad("method", repr(method), f"{before.method!r}, as the task before was learned with")
    return Start(before.representation, before)


def length_of(asked: TrainSettings, count: int) -> TrainSettings:
    """With what is left open; counted in steps over the task alone, so that a memory makes no task longer."""
    batch = min(asked.batch or 64, count)
    found = replace(asked, batch=batch)
    if asked.epochs is not None:
        return replace(found, epochs=None, steps=asked.epochs * (count // batch))
    if asked.steps is asked.minutes is None:
        return replace(found, steps=min(max(20 * (count // batch), 200), 20_000))
    return found


def module_of(objective: Remembering, start: Start, layers: str, factor: float, seed: int) -> Tuned:
    """The network with a classifier that has grown, and what the method needs beside them."""
    encoder, before = copy.deepcopy(start.representation.encoder), start.before
    encoder.requires_grad_(True)
    with seeded_init(derive_seed(seed, "head", start.number)):
        head = objective.head(encoder)
    if before is not None:
        with torch.no_grad():
            for mine, old in zip(head["classes"].parameters(), before.classifier.parameters()):
                mine[: len(old)] = old
    method = objective.method
    module = Tuned(objective, encoder, head, layers, factor, derive_seed(seed, "task", start.number))
    if method.remembers and method.needs_old and before is not None:
        parts = {"encoder": copy.deepcopy(before.representation.encoder), "classes": copy.deepcopy(before.classifier)}
        head["old"] = nn.ModuleDict(parts).requires_grad_(False)
    if method.remembers and method.weighs:
        head["kept"] = Held({} if before is None else before.kept, changing=False)
    if method.remembers and method.notes_steps:
        weights = {name: one.detach() for name, one in weights_of(encoder, head).items()}
        head["notes"] = Held(method.start(weights), changing=True)
    return module
