"""DANN: features from which nobody can tell the domain, by a gradient turned round.

Ganin et al. 2016, Domain-adversarial training of neural networks, JMLR 17. A second classifier learns to tell source
from target. What goes back from it has its sign turned and its size rise with the run, 2 / (1 + exp(-10 p)) - 1, before
it reaches the network; the classifier of domains itself learns at full rate.

Against the paper: the optimiser and the rates of the run, not SGD; both domains count the same however large their
batches are; `normalise` gives all features one length first, so that the domain cannot be told by it.
"""

from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ..deep.gradients import scaled_gradient


def domain_loss(source_N: Tensor, target_M: Tensor) -> Tensor:
    """Cross-entropy of telling the domains by logits of "source", each domain with weight 1/2.

    >>> round(float(domain_loss(torch.zeros(3), torch.zeros(1))), 4)  # log 2: it knows nothing
    0.6931
    """
    return (softplus(-source_N).mean() + softplus(target_M).mean()) / 2


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
        return 2 / (1 + exp(-self.gamma * progress)) - 1

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """Features to the logit of "this is source"."""
        widths = [features, *[self.hidden] * self.depth]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Cross-entropy of the domains; the network gets its gradient turned round."""
        assert parts is not None  # it has some
        n = len(seen.source_features)
        z = scaled_gradient(torch.cat([seen.source_features, seen.target_features]), -1.0)
        if self.normalise:
            z = normalize(z) * z.shape[1] ** 0.5
        told = parts(z)[:, 0]
        right = ((told[:n] > 0).float().mean() + (told[n:] <= 0).float().mean()) / 2
        loss, spread = domain_loss(told[:n], told[n:]), told.detach().std(correction=0)
        return loss, {"domain_loss": loss.detach(), "domain_accuracy": right.detach(), "domain_spread": spread}
