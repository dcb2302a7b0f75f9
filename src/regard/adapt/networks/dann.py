"""DANN: features from which nobody can tell the domain, by a gradient turned round.

Ganin et al. 2016, Domain-adversarial training of neural networks, JMLR 17. A second classifier learns to tell source
from target. What goes back from it has its sign turned and its size rise with the run, 2 / (1 + exp(-10 p)) - 1, before
it reaches the network; the classifier of domains itself learns at full rate.

Against the paper: a `weight` of .01 in place of 1, as with the optimiser and the rates of the run, not SGD, the
domains are else brought together by mixing classes up (docs/adapt/deep.md has the figures); both domains count the
same however large their batches are; `normalise` gives all features one length first, so that the domain cannot be
told by it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ..deep.gradients import scaled_gradient
from ._adversary import domain_log, domain_loss, layers, rising


@dataclass(frozen=True)
class Method(DeepMethod):
    """DANN.

    Attributes:
        weight: of the turned gradient, at the end of the schedule.
        hidden: width of the classifier of domains; the paper's is 100 for digits, 1024 for photographs.
        depth: its hidden layers; the paper's are 1 for digits, 2 for photographs.
        gamma: how fast the schedule rises.
        normalise: whether features have the length sqrt(D) before the domain is told.
    """

    weight: float = 0.01
    hidden: int = 100
    depth: int = 1
    gamma: float = 10.0
    normalise: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set depth", self.depth, 0, whole=True)
        check_number("--set gamma", self.gamma, 0)

    def schedule(self, progress: float) -> float:
        """2 / (1 + exp(-gamma p)) - 1, from 0 to nearly 1."""
        return rising(progress, self.gamma)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """Features to the logit of "this is source"."""
        return layers(features, self.hidden, self.depth)

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Cross-entropy of the domains; the network gets its gradient turned round."""
        assert parts is not None  # it has some
        n = len(seen.source_features)
        z = scaled_gradient(torch.cat([seen.source_features, seen.target_features]), -1.0)
        if self.normalise:
            z = normalize(z) * z.shape[1] ** 0.5
        told = parts(z)[:, 0]
        loss = domain_loss(told[:n], told[n:])
        return loss, domain_log(loss, told[:n], told[n:])
