"""An encoder and a head that learn by an objective: what the loop trains."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..backbones.encoder import Encoder, evaluating
from ..core.runtime import torch_rng
from .batch import Batch
from .objective import Altered, Objective, Puzzle
from .trainable import Log, Moment, Player, Trainable


class LearningModule(Trainable):
    """An encoder and a head that learn by an objective."""

    def __init__(self, objective: Objective, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        objective.equip(encoder)
        learn_no_further(encoder)
        self.objective, self.encoder, self.head = objective, encoder, head
        self.weight_decay = objective.weight_decay
        self.seed, self.feed = 0, None

    def follow(self, feed: Any, seed: int) -> None:
        """Say which images are learned from: what `every_epoch` looks at."""
        self.feed, self.seed = feed, seed

    def players(self) -> Sequence[Player]:
        """The objective's players, or one with all parameters."""
        return list(self.objective.players(self.encoder, self.head)) or super().players()

    def before_step(self, at: Moment) -> Iterable[nn.Parameter]:
        """The objective's hooks; returns the parameters that it drew anew."""
        renewed: Sequence[nn.Parameter] = ()
        if at.starts_epoch and self.feed is not None:
            generator = torch_rng(self.seed, "epoch", at.epoch, device=str(next(self.encoder.parameters()).device))
            with torch.no_grad(), evaluating(self.encoder):
                renewed = self.objective.every_epoch(self.encoder, self.head, self.feed, at, generator)
        self.objective.before_step(self.encoder, self.head, at)
        return renewed

    def before_update(self, at: Moment) -> None:
        """The objective's hook."""
        self.objective.before_update(self.encoder, self.head, at)

    def after_step(self, at: Moment) -> None:
        """The objective's hook."""
        self.objective.after_step(self.encoder, self.head, at)

    def settle(self) -> None:
        """Called when training is over, on the weights that are kept: what helped to learn goes."""

    def decay_factor(self, progress: float) -> float:
        """The objective's."""
        return float(self.objective.decay_factor(progress))

    def prepared(self, batch: Batch, generator: torch.Generator) -> Puzzle:
        """The objective's puzzle, made in full precision whatever the network runs in."""
        ready = batch.replace(**{name: batch[name].float() / 255 for name in batch if _bytes(name, batch[name])})
        device = next(batch[name].device.type for name in batch)
        with torch.no_grad(), torch.autocast(device, enabled=False):
            inputs, targets = self.objective.prepare(ready, generator)
        return Puzzle(channels_last(inputs), targets)

    def forward(self, at: Moment, batch: Batch | Puzzle, generator: torch.Generator) -> tuple[Tensor, Log]:
        """The loss of one player on one batch or the puzzle made of it, and what to log."""
        inputs, targets = batch if isinstance(batch, Puzzle) else self.prepared(batch, generator)
        return self.objective.loss(self.encoder, self.head, inputs, targets, at)

    def _puzzle(self, batch: Batch, generator: torch.Generator, altered: Altered | None) -> tuple[Any, Any]:
        inputs, targets = self.prepared(batch, generator)
        return altered(inputs, targets, generator) if altered else (inputs, targets)

    def answers(self, batch: Batch, generator: torch.Generator, altered: Altered | None = None) -> Tensor:
        """Which answers on a held-out batch are right, (N, k); `altered` changes the puzzle first (`shuffled`)."""
        return self.objective.correct(self.encoder, self.head, *self._puzzle(batch, generator, altered))

    def measured(
        self, batch: Batch, generator: torch.Generator, altered: Altered | None = None
    ) -> Mapping[str, Tensor]:
        """The objective's numbers for each image of a held-out batch, by name; `altered` as above."""
        return self.objective.measure(self.encoder, self.head, *self._puzzle(batch, generator, altered))


@torch.no_grad()
def features_of(encoder: nn.Module, feed: Any, device: Any = None, size: int = 256) -> Tensor:
    """Pooled features (n, D), float32, of all images of a feed in order; the encoder is used as it stands."""
    device = next(encoder.parameters()).device if device is None else device
    parts = []
    for batch in feed.in_order(size):
        x = batch.images.to(device).float() / 255
        parts.append(encoder(channels_last(x)).float())
    return torch.cat(parts)


def learn_no_further(encoder: Encoder) -> None:
    """Stop what lies behind an encoder's end from learning: it gets no gradients, for which several processes wait."""
    for parameter in encoder.beyond():
        parameter.requires_grad_(False)


def channels_last(value: Any) -> Any:
    """Images (N, C, H, W) in a tensor or a tuple of them, in the memory layout that convolutions are fastest in."""
    if isinstance(value, tuple | list):
        return type(value)(channels_last(part) for part in value)
    if torch.is_tensor(value) and value.ndim == 4:
        return value.contiguous(memory_format=torch.channels_last)
    return value


def _bytes(name: str, value: Tensor) -> bool:
    """Whether these are images as they are fed, which an objective gets in [0, 1]."""
    return name.rpartition("/")[2] == "images" and value.dtype == torch.uint8
