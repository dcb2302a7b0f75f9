"""MADA: a classifier of domains for each class, so that what is alike in kind is brought together, and nothing else.

Pei et al. 2018, Multi-adversarial domain adaptation, AAAI. Classifier k reads y_k f, the features times the
probability of class k, and the loss is the sum over classes of what each errs. What is not of class k is near to 0 for
it and moves little; so a class that the target has not is hardly drawn anywhere. The gradient is turned round before it
reaches features and predictions, and rises as in DANN.

Against the paper: a `weight` of .01 for the same reason as in `dann`, the run's optimiser, no dropout, and small
classifiers (the authors' have 1024 units twice, for each class).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ..deep.gradients import scaled_gradient
from ._adversary import domain_log, domain_loss, rising


class OfEachClass(nn.Module):
    """K networks beside one another: features (N, D) and probabilities (N, K) to logits of "this is source" (K, N).

    Args:
        features: D.
        classes: K.
        hidden, depth: of the hidden layers of each.
    """

    def __init__(self, features: int, classes: int, hidden: int, depth: int) -> None:
        super().__init__()
        widths = [features, *[hidden] * depth, 1]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in zip(widths, widths[1:]):
            bound = before**-0.5  # as a linear layer starts
            self.weights.append(nn.Parameter(torch.empty(classes, before, after).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(classes, 1, after).uniform_(-bound, bound)))

    def forward(self, f_ND: Tensor, y_NK: Tensor) -> Tensor:
        """(K, N): of class k, what its network says of y_k f."""
        # (y_k f) W = y_k (f W): the features need not be copied for each class
        x = (f_ND @ self.weights[0]) * y_NK.T[:, :, None] + self.biases[0]
        for weight, bias in zip(self.weights[1:], self.biases[1:]):
            x = torch.relu(x) @ weight + bias
        return x[:, :, 0]


@dataclass(frozen=True)
class Method(DeepMethod):
    """MADA.

    Attributes:
        weight: of the turned gradient, at the end of the schedule.
        hidden: width of each classifier of domains.
        depth: their hidden layers.
        gamma: how fast the schedule rises.
    """

    weight: float = 0.01
    hidden: int = 100
    depth: int = 1
    gamma: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set depth", self.depth, 0, whole=True)
        check_number("--set gamma", self.gamma, 0)

    def schedule(self, progress: float) -> float:
        """2 / (1 + exp(-gamma p)) - 1, from 0 to nearly 1."""
        return rising(progress, self.gamma)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """A classifier of domains for each class."""
        return OfEachClass(features, classes, self.hidden, self.depth)

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Sum over classes of the cross-entropy of the domains; the network gets its gradient turned round.

        Logged are the mean over classes of that, how often the domain is told by the networks of all classes together,
        each with its class's probability, and the spread of the logits of the class where it is largest.
        """
        assert isinstance(parts, OfEachClass)
        n = len(seen.source_features)
        f = scaled_gradient(torch.cat([seen.source_features, seen.target_features]), -1.0)
        y = torch.softmax(scaled_gradient(torch.cat([seen.source_logits, seen.target_logits]), -1.0), 1)
        told = parts(f, y)
        losses = torch.stack([domain_loss(one[:n], one[n:]) for one in told])
        together = (y.T * told).sum(0)
        log = {
            **domain_log(losses.mean(), together[:n], together[n:]),
            "domain_spread": told.detach().std(dim=1, correction=0).max(),
        }
        return losses.sum(), log
