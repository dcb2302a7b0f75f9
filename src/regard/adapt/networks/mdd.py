"""MDD: a second classifier, which agrees on the source and contradicts on the target, finds no features to do so.

Zhang et al. 2019, Bridging theory and algorithm for domain adaptation, ICML. With y(x) the class that the
network tells and f' a second classifier on the same features, f' learns to lower

    gamma * mean_s CE(f', y) - mean_t log(1 - softmax(f')_y),

and the features get the gradient turned round: they are to leave no room between the two. gamma = exp(margin) is 4;
where both domains look alike the best f' tells y with probability gamma / (1 + gamma). The turned gradient rises to a
tenth of itself.

Against the paper: the network's own classifier is linear, not of two layers; no dropout; the run's optimiser; the
schedule is DANN's, by the share of the run and not by steps. log(1 - p) is the difference of two logsumexp, which is
finite where p rounds to 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ..deep.gradients import scaled_gradient
from ._adversary import layers, rising


def log_not(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """(N,) log(1 - softmax(logits)) at the labels.

    >>> round(float(log_not(torch.zeros(1, 4), torch.tensor([2])).exp()), 4)
    0.75
    >>> float(log_not(torch.tensor([[200.0, 0.0]]), torch.tensor([0])))
    -200.0
    """
    own = one_hot(labels_N, logits_NK.shape[1]).bool()
    return logits_NK.masked_fill(own, -torch.inf).logsumexp(1) - logits_NK.logsumexp(1)


def disparity(
    source_NK: Tensor, source_labels_N: Tensor, target_MK: Tensor, target_labels_M: Tensor, gamma: float = 4.0
) -> tuple[Tensor, Tensor]:
    """Both terms: gamma * mean CE on the source, -mean log(1 - p) on the target, of the second classifier's logits."""
    agrees = cross_entropy(source_NK, source_labels_N)
    return gamma * agrees, -log_not(target_MK, target_labels_M).mean()


@dataclass(frozen=True)
class Method(DeepMethod):
    """MDD.

    Attributes:
        weight: of the turned gradient, at the end of the schedule.
        gamma: the margin factor.
        hidden: width of the second classifier; the authors' is 1024.
        depth: its hidden layers.
        alpha: how fast the schedule rises.
    """

    weight: float = 0.1
    gamma: float = 4.0
    hidden: int = 1024
    depth: int = 1
    alpha: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set gamma", self.gamma, 0, open_low=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set depth", self.depth, 0, whole=True)
        check_number("--set alpha", self.alpha, 0)

    def schedule(self, progress: float) -> float:
        """2 / (1 + exp(-alpha p)) - 1, from 0 to nearly 1."""
        return rising(progress, self.alpha)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """The second classifier: (N, D) to (N, K)."""
        return layers(features, self.hidden, self.depth, classes)

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """What the second classifier lowers; the network gets its gradient turned round.

        `domain_spread` is the standard deviation over images of that of its logits where it is largest.
        """
        assert parts is not None  # it has some
        n = len(seen.source_features)
        z = scaled_gradient(torch.cat([seen.source_features, seen.target_features]), -1.0)
        told = parts(z)
        labels = torch.cat([seen.source_logits, seen.target_logits]).argmax(1)
        agrees, contradicts = disparity(told[:n], labels[:n], told[n:], labels[n:], self.gamma)
        log = {
            "agrees": agrees.detach() / self.gamma,
            "contradicts": contradicts.detach(),
            "domain_spread": told.detach().std(dim=0, correction=0).max(),
        }
        return agrees + contradicts, log
