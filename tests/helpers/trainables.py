"""A small thing to train, with all that could break a resume, and how it is run."""

import numpy as np
import torch
from torch import nn

from regard.core.events import Event
from regard.core.runtime import seeded_init
from regard.learning.loop import training as loop_training
from regard.learning.sampling import Shuffled
from regard.learning.settings import TrainSettings
from regard.learning.trainable import Trainable

N = 48


SETTINGS = TrainSettings(
    steps=12, batch=8, lr=1e-2, precision="fp32", device="cpu", checkpoint_seconds=1e9, log_every=4
)


def training(game, batches, n, settings, **more):
    return loop_training(game, Shuffled(batches, n, settings.batch, settings.seed), settings, **more)


class Small(Trainable):
    """A network with all that could break a resume: convolution, normalisation, dropout, draws, a buffer, a hook."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 2)
        )
        self.register_buffer("average", torch.zeros(2, 64))
        self.steps: list[int] = []

    def forward(self, at, batch, generator):
        x, y = batch
        x = x + 0.1 * torch.rand(x.shape, generator=generator)
        return nn.functional.cross_entropy(self.net(x), y), {"seen": len(x)}

    def after_step(self, at) -> None:
        self.steps.append(at.step)
        self.average.lerp_(self.net[-1].weight.detach(), 0.1)


def small() -> Small:
    with seeded_init(0):
        return Small()


def batches(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(N, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return x[rows], (x.mean((1, 2, 3)) > 0.5).long()[rows]


def run(game, settings=SETTINGS, **more) -> list[Event]:
    return list(training(game, batches, N, settings, **more))


def weights(game: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in game.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
