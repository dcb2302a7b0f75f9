"""What methods with a classifier of domains share: layers, loss, how the turned gradient rises, what is logged."""

from math import exp

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ...learning.trainable import Log


def rising(progress: float, gamma: float = 10.0) -> float:
    """2 / (1 + exp(-gamma p)) - 1, from 0 to nearly 1 (Ganin et al. 2016).

    >>> rising(0.0), round(rising(1.0), 4)
    (0.0, 0.9999)
    """
    return 2 / (1 + exp(-gamma * progress)) - 1


def layers(features: int, hidden: int, depth: int, outputs: int = 1) -> nn.Sequential:
    """`depth` hidden layers with ReLU, then a linear one: (N, features) to (N, outputs)."""
    widths = [features, *[hidden] * depth]
    found: list[nn.Module] = []
    for before, after in zip(widths, widths[1:]):
        found += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*found, nn.Linear(widths[-1], outputs))


def domain_loss(
    source_N: Tensor, target_M: Tensor, source_weight_N: Tensor | None = None, target_weight_M: Tensor | None = None
) -> Tensor:
    """Cross-entropy of telling the domains by logits of "source", each domain with weight 1/2.

    Weights of images are divided by their sum in each domain; no gradient goes through the sum.

    >>> round(float(domain_loss(torch.zeros(3), torch.zeros(1))), 4)  # log 2: it knows nothing
    0.6931
    """
    return (_mean(softplus(-source_N), source_weight_N) + _mean(softplus(target_M), target_weight_M)) / 2


def domain_log(loss: Tensor, source_N: Tensor, target_M: Tensor) -> Log:
    """Loss, share of images whose domain is told right (each domain 1/2), standard deviation of all logits."""
    right = ((source_N > 0).float().mean() + (target_M <= 0).float().mean()) / 2
    spread = torch.cat([source_N, target_M]).detach().std(correction=0)
    return {"domain_loss": loss.detach(), "domain_accuracy": right.detach(), "domain_spread": spread}


def _mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    return losses.mean() if weights is None else (weights * losses).sum() / weights.sum().detach()
