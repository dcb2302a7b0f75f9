"""Deep methods on points of a plane: a network of two hidden layers, taught by the objective that images have.

Losses, weights and schedules are those of `adapt.deep`; what is here is a network that takes points, and a loop in
which all points of both domains are one batch. No weights are chosen: each run keeps its last.
"""

import copy
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from ..adapt.deep.adapting import Adapting
from ..adapt.deep.contract import DeepMethod
from ..core.checks import bad
from ..core.runtime import seeded_init
from ..learning.trainable import Moment
from .toy_shifts import CLASSES, Drawn

WIDTH = 32  # of both hidden layers
RATE = 0.01  # AdamW's


class PointNet(nn.Module):
    """Points (n, 2) to features (n, WIDTH): twice a linear layer, batch normalisation and ReLU."""

    num_features = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(2, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x_N2: Tensor) -> Tensor:
        """Features."""
        return self.network(x_N2)


class PointModel:
    """A network with its classifier: what a run ends in, and what another may start from."""

    def __init__(self, encoder: PointNet, head: nn.ModuleDict) -> None:
        self.encoder, self.head = encoder, head

    @torch.no_grad()
    def blue(self, X: np.ndarray) -> np.ndarray:
        """The probability (n,) of the second class."""
        self.encoder.eval()
        logits = self.head["classes"](self.encoder(torch.from_numpy(X).float()))
        return torch.softmax(logits.double(), 1)[:, 1].numpy()


def learn_points(
    drawn: Drawn, method: DeepMethod, steps: int, seed: int, before: PointModel | None = None
) -> PointModel:
    """Teach a network the source's classes, with a method that looks at the target; `weight=0` is the source alone.

    Args:
        drawn: the points; target classes are not looked at.
        method: one whose loss needs features and logits alone; all that learns moves at once.
        steps: over all points each.
        seed: of the first weights.
        before: what the source alone has taught, from which methods start that need no source or learn nothing.

    Raises:
        InputError: a method that starts from the source's network without one; one that is made for images.
    """
    if method.equips or method.keeps_source or method.plain:
        raise bad("method", type(method).__module__, "one that needs no network of its own and no views")
    goes_on = method.starts_taught or not method.learns
    if goes_on and before is None:
        raise bad("before", "None", "the network that the source has taught", "This method starts from it.")
    objective = Adapting(method=method, classes=CLASSES, targets=len(drawn.Xt), seed=seed)
    with seeded_init(seed):
        encoder = PointNet()
        head = objective.head(encoder)
    model = PointModel(encoder, head)
    if goes_on and before is not None:
        encoder.load_state_dict(before.encoder.state_dict())
        head["classes"] = copy.deepcopy(before.head["classes"])
        head["classes"].requires_grad_(not method.starts_taught)
    if method.learns:
        _train(model, objective, drawn, steps)
    encoder.eval()
    with torch.no_grad():
        method.settle(encoder.network, lambda: _target_of(drawn))
    return model


def _target_of(drawn: Drawn) -> Iterable[Tensor]:
    return [torch.from_numpy(drawn.Xt).float()]


def _train(model: PointModel, objective: Adapting, drawn: Drawn, steps: int) -> None:
    encoder, head, method = model.encoder, model.head, objective.method
    x_s, x_t = (torch.from_numpy(X).float() for X in (drawn.Xs, drawn.Xt))
    labels, nobody = torch.from_numpy(drawn.ys).long(), torch.zeros(len(x_t), dtype=torch.long)
    if not method.needs_source:
        x_s, labels = x_s[:0], labels[:0]
    adapts = objective.adapts
    inputs = (x_s, x_t) if adapts else (x_s,)
    targets = (labels, nobody, nobody.bool(), torch.arange(len(x_t))) if adapts else (labels,)
    everyone = [p for part in (encoder, head) for p in part.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(everyone, lr=RATE, fused=True)
    for step in range(steps):
        if adapts and method.looks:  # an epoch is one step: all points are in it
            encoder.eval()
            with torch.no_grad():
                z = encoder(x_t)
                method.every_epoch(z, head["classes"](z), head["parts"] if "parts" in head else None)
        encoder.train()
        optimiser.zero_grad()
        loss, _ = objective.loss(encoder, head, inputs, targets, Moment(step, step / steps))
        loss.backward()
        optimiser.step()
