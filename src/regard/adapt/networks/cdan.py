"""CDAN: nobody can tell the domain from features and predictions together, by a gradient turned round.

Long et al. 2018, Conditional adversarial domain adaptation, NeurIPS. The classifier of domains reads
h = f x g, all products of a feature and a predicted probability, so that it can ask of each class whether its features
differ. Where h has more than 4096 numbers it reads h = (Rf f) * (Rg g) / sqrt(d) in place, with normal Rf and Rg that
stay: its inner products are those of f x g in the mean. With `entropy` (CDAN+E) an image counts 1 + exp(-H), H the
entropy of what is told of it. The turned gradient rises as in DANN.

As in the authors' code no gradient goes through g within h; with `entropy` one goes through H, turned round too, which
makes predictions more certain.

Against the paper: a `weight` of .1 in place of 1, for the reason that `dann` has; no dropout in the classifier of
domains; the run's optimiser.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ..deep.gradients import scaled_gradient
from ._adversary import domain_log, domain_loss, layers, rising

MOST = 4096  # products up to which all are taken


def all_products(f_ND: Tensor, g_NK: Tensor) -> Tensor:
    """All f x g, (N, K D): the features times the first probability, then times the second ...

    >>> all_products(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.25, 0.75]])).tolist()
    [[0.25, 0.5, 0.75, 1.5]]
    """
    return (g_NK[:, :, None] * f_ND[:, None, :]).flatten(1)


def certainty(logits_NK: Tensor) -> Tensor:
    """(N,) 1 + exp(-H), H the entropy of the predictions in nats: from 1 + 1/K to 2.

    >>> [round(one, 3) for one in certainty(torch.tensor([[0.0, 0.0], [99.0, 0.0]])).tolist()]
    [1.5, 2.0]
    """
    logs = torch.log_softmax(logits_NK, dim=1)
    return 1 + torch.exp((logs.exp() * logs).sum(1))


class Conditional(nn.Module):
    """Features and predictions to the logit of "this is source", (N,).

    Args:
        features: D.
        classes: K.
        hidden, depth: of the hidden layers.
        projected: d, of the random products; they are taken where D K is above 4096.
    """

    def __init__(self, features: int, classes: int, hidden: int, depth: int, projected: int) -> None:
        super().__init__()
        self.random = features * classes > MOST
        if self.random:
            self.register_buffer("of_features", torch.randn(features, projected))
            self.register_buffer("of_classes", torch.randn(classes, projected))
        self.domains = layers(projected if self.random else features * classes, hidden, depth)

    def products(self, f_ND: Tensor, g_NK: Tensor) -> Tensor:
        """h: (N, K D), or (N, d)."""
        if not self.random:
            return all_products(f_ND, g_NK)
        width = self.get_buffer("of_features").shape[1]
        return (f_ND @ self.get_buffer("of_features")) * (g_NK @ self.get_buffer("of_classes")) / width**0.5

    def forward(self, f_ND: Tensor, g_NK: Tensor) -> Tensor:
        """(N,) logits."""
        return self.domains(self.products(f_ND, g_NK))[:, 0]


@dataclass(frozen=True)
class Method(DeepMethod):
    """CDAN.

    Attributes:
        weight: of the turned gradient, at the end of the schedule.
        entropy: whether what is told with certainty counts more (CDAN+E).
        hidden: width of the classifier of domains; the authors' is 500 for digits, 1024 for photographs.
        depth: its hidden layers.
        projected: how many random products there are, where all are more than 4096.
        gamma: how fast the schedule rises.
    """

    weight: float = 0.1
    entropy: bool = False
    hidden: int = 500
    depth: int = 2
    projected: int = 1024
    gamma: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set depth", self.depth, 0, whole=True)
        check_number("--set projected", self.projected, 1, whole=True)
        check_number("--set gamma", self.gamma, 0)

    def schedule(self, progress: float) -> float:
        """2 / (1 + exp(-gamma p)) - 1, from 0 to nearly 1."""
        return rising(progress, self.gamma)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """Features and predictions to the logit of "this is source"."""
        return Conditional(features, classes, self.hidden, self.depth, self.projected)

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Cross-entropy of the domains; the network gets its gradient turned round."""
        assert isinstance(parts, Conditional)
        n = len(seen.source_features)
        f = scaled_gradient(torch.cat([seen.source_features, seen.target_features]), -1.0)
        logits = scaled_gradient(torch.cat([seen.source_logits, seen.target_logits]), -1.0)
        told = parts(f, torch.softmax(logits, 1).detach())
        weights = certainty(logits) if self.entropy else torch.ones_like(told)
        loss = domain_loss(told[:n], told[n:], weights[:n], weights[n:])
        return loss, domain_log(loss, told[:n], told[n:])
