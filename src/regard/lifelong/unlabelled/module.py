"""A network that learns a task from images alone, and beside it foretells what the network of before says.

The task's own loss is asked as ever; what it gave to the encoder and what came out is overheard on the way, so that any
task works as it stands, with one pass of the new network.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import bad
from ...core.runtime import derive_seed, seeded_init
from ...learning.batch import Batch
from ...learning.module import LearningModule
from ...learning.objective import Objective, Puzzle
from ...learning.trainable import Log, Moment
from .contract import UnlabelledMethod


class Before(nn.Module):
    """The network of before the task: it says what it said, and nothing of it changes, its statistics neither.

    Args:
        encoder: copied.
        embedder: copied; None: features are what it says.
    """

    def __init__(self, encoder: nn.Module, embedder: nn.Module | None) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        self.embedder = None if embedder is None else copy.deepcopy(embedder)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Always in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, D), float32."""
        z = self.encoder(x_NCHW)
        return (z if self.embedder is None else self.embedder(z)).float()


class Remembering(LearningModule):
    """An encoder and a head that learn by an objective, and foretell by a method.

    Args:
        objective: the task.
        encoder: changed in place; as it is now it is the network of before.
        head: the objective's; the same holds of it.
        method: a way of keeping what was known.
        later: whether something was learned before that is to be kept.
        seed: of the predictor's weights.

    Raises:
        InputError: an objective that the method cannot go with.
    """

    def __init__(
        self,
        objective: Objective,
        encoder: Encoder,
        head: nn.Module,
        method: UnlabelledMethod,
        later: bool,
        seed: int,
    ) -> None:
        super().__init__(objective, encoder, head)
        self.method = method
        self.before: Before | None = None
        self.predictor: nn.Module | None = None
        if not (later and method.remembers):
            return
        embedder = objective.embedder(head) if method.of == "embeddings" else None
        self.before = Before(encoder, embedder)
        with torch.no_grad(), seeded_init(derive_seed(seed, "predictor")):
            width = encoder.num_features if embedder is None else _width(embedder, encoder.num_features)
            self.predictor = method.predictor(width)

    def forward(self, at: Moment, batch: Batch | Puzzle, generator: torch.Generator) -> tuple[Tensor, Log]:
        """The task's own loss; where something is remembered plus what the method adds."""
        if self.before is None or self.predictor is None:
            return super().forward(at, batch, generator)
        said_by = self.encoder if self.before.embedder is None else self.objective.embedder(self.head)
        assert said_by is not None
        with _overheard(self.encoder) as views, _overheard(said_by) as said:
            own, log = super().forward(at, batch, generator)
        if not said:
            name = type(self.objective).__module__.rpartition(".")[2]
            raise bad("objective", name, "a task whose loss comes from the encoder's pooled features")
        given = torch.cat([self.before(x) for x, _ in views])
        predicted = self.predictor(torch.cat([z for _, z in said]))
        with torch.autocast(given.device.type, enabled=False):
            more = self.method.loss(self.objective, predicted.float(), given)
        return own + more, {**log, "own": own.detach(), "keeping": more.detach()}

    def settle(self) -> None:
        """What helped to keep goes: a new network of two layers is drawn in the next task."""
        self.before = self.predictor = None


@contextmanager
def _overheard(module: nn.Module) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """What goes into a module and what comes out, call by call, while the block lasts."""
    heard: list[tuple[Tensor, Tensor]] = []

    def hear(_: nn.Module, given: tuple[Any, ...], out: Any) -> None:
        heard.append((given[0], out))

    handle = module.register_forward_hook(hear)
    try:
        yield heard
    finally:
        handle.remove()


def _width(embedder: nn.Module, features: int) -> int:
    """Length of the vectors that an embedder makes, tried in evaluation mode on a copy."""
    like = next(embedder.parameters())
    return int(copy.deepcopy(embedder).eval()(like.new_zeros(1, features)).shape[1])
