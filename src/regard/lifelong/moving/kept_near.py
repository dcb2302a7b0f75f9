"""A network that learns by any objective, and whose features are held near those of before the task."""

import copy
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...backbones.modes import evaluating
from ...learning.batch import Batch
from ...learning.freezing import Tuned
from ...learning.module import channels_last
from ...learning.objective import Objective, Puzzle
from ...learning.trainable import Log, Moment
from .contract import LearnMethod
from .remembering import features_of


class KeptNear(Tuned):
    """An encoder and a head that learn by an objective; the method adds `held` of the features of now and of before.

    The features are those of the batch's images as they are, not of the objective's views of them, so that it does not
    matter how an objective makes its puzzle. They cost a further pass of both networks.

    Args:
        objective: of any kind of task.
        encoder: changed in place; as it is now it is the network of before.
        head: the objective's.
        method: whose `any_kind` is true.
        later: whether something was learned before that is to be kept.
        layers: what learns, see `Tuned`.
        factor: the encoder's rate is this times the head's.
        seed: of what `lora` draws.
    """

    def __init__(
        self,
        objective: Objective,
        encoder: Encoder,
        head: nn.Module,
        method: LearnMethod,
        later: bool,
        layers: str,
        factor: float,
        seed: int,
    ) -> None:
        before = copy.deepcopy(encoder).requires_grad_(False) if later and method.remembers else None
        super().__init__(objective, encoder, head, layers, factor, seed)
        self.method = method
        self.before: Encoder | None = before

    def train(self, mode: bool = True) -> Self:
        """The network of before stays as it is."""
        super().train(mode)
        if self.before is not None:
            self.before.eval()
        return self

    def prepared(self, batch: Batch, generator: torch.Generator) -> Puzzle:
        """The objective's puzzle, and beside its inputs the images as they are."""
        puzzle = super().prepared(batch, generator)
        if self.before is None:
            return puzzle
        name = "images" if "images" in batch else "task/images"
        return Puzzle((puzzle.inputs, channels_last(batch[name].float() / 255)), puzzle.targets)

    def forward(self, at: Moment, batch: Batch | Puzzle, generator: torch.Generator) -> tuple[Tensor, Log]:
        """The objective's loss plus what the method adds."""
        if self.before is None:
            return super().forward(at, batch, generator)
        (inputs, images), targets = batch if isinstance(batch, Puzzle) else self.prepared(batch, generator)
        own, log = super().forward(at, Puzzle(inputs, targets), generator)
        z: Any = features_of(self.encoder, images)
        with torch.no_grad(), evaluating(self.before):
            old = self.before(images)
        with torch.autocast(images.device.type, enabled=False):
            more = self.method.held(z.float(), old.float())
        return own + more, {**log, "own": own.detach(), "keeping": more.detach()}

    def settle(self) -> None:
        """What helped to keep goes."""
        super().settle()
        self.before = None
