"""WDGRL: a critic tells how far apart the domains are in Wasserstein's sense, and the features bring them together.

Shen et al. 2018, Wasserstein distance guided representation learning for domain adaptation, AAAI. A critic f, one
hidden layer of 100, moves five times before the network moves once. It makes E f(hs) - E f(ht) as large as it can
while its gradient keeps near the length 1 at the features of both domains and at points between them (eq. 3, 6); what
it has found, the network makes small (eq. 7).

Against the paper: the optimiser of the run, whose rate the critic shares; where the batches are of two sizes the
smaller goes round, so that there are as many points between as the larger has images; `weight` is .01, as in the
authors' code for digits; at the 1 of the paper's texts the network here forgets all classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ...core.checks import check_number
from ...core.runtime import torch_rng
from ...learning.trainable import START, Log, Moment, Player
from ..deep.contract import NETWORK, PARTS, DeepMethod, Seen
from ._adversary import layers


def gradient_penalty(critic: Callable[[Tensor], Tensor], h_ND: Tensor) -> Tensor:
    """mean_i (||grad f(h_i)||_2 - 1)^2, the norm over the D features of each point; with a gradient of its own.

    >>> w = torch.tensor([3.0, 4.0])  # f(h) = w' h has the gradient w of length 5 everywhere
    >>> float(gradient_penalty(lambda h: h @ w, torch.zeros(6, 2)))
    16.0
    """
    with torch.enable_grad():
        h = h_ND.detach().requires_grad_()
        # each f(h_i) depends on its own h_i alone, so the gradient of the sum has theirs as rows
        (slopes,) = torch.autograd.grad(critic(h).sum(), h, create_graph=True)
        return (torch.linalg.vector_norm(slopes, dim=1) - 1).square().mean()


def points_between(source_ND: Tensor, target_MD: Tensor, generator: torch.Generator) -> Tensor:
    """(max(N, M), D): one point on the line from each target to each source row, drawn evenly along it."""
    k = max(len(source_ND), len(target_MD))
    rows = torch.arange(k, device=source_ND.device)
    s, t = source_ND[rows % len(source_ND)], target_MD[rows % len(target_MD)]
    return t + torch.rand(k, 1, generator=generator, device=s.device) * (s - t)


class Critic(nn.Module):
    """f, and the seed that points between the domains are drawn from."""

    seed: Tensor

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.f = layers(features, hidden, 1)
        self.register_buffer("seed", torch.randint(2**31, ()))

    def forward(self, h_ND: Tensor) -> Tensor:
        """(N,), any real number."""
        return self.f(h_ND)[:, 0]


@dataclass(frozen=True)
class Method(DeepMethod):
    """WDGRL.

    Attributes:
        weight: of the distance.
        gamma: of the penalty of the critic's gradient.
        critic_steps: how often the critic moves before the network does.
        hidden: the critic's width.
    """

    weight: float = 0.01
    gamma: float = 10.0
    critic_steps: int = 5
    hidden: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set gamma", self.gamma, 0)
        check_number("--set critic_steps", self.critic_steps, 1, whole=True)
        check_number("--set hidden", self.hidden, 1, whole=True)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """The critic."""
        return Critic(features, self.hidden)

    def players(self, everyone: Player, network: nn.Module, parts: nn.Module | None) -> Sequence[Player]:
        """The critic several times, then the network once."""
        assert parts is not None  # it has some
        own = list(parts.parameters())
        known = {id(one) for one in own}
        others = [one for one in everyone.parameters if id(one) not in known]
        return [
            replace(everyone, name=PARTS, parameters=own, turns=self.critic_steps),
            replace(everyone, name=NETWORK, parameters=others),
        ]

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """E f(hs) - E f(ht) for the network; for the critic minus this, plus gamma times the penalty."""
        assert isinstance(parts, Critic)
        s, t = seen.source_features, seen.target_features
        told = parts(torch.cat([s, t]))
        distance = told[: len(s)].mean() - told[len(s) :].mean()
        log = {"distance": distance.detach(), "domain_spread": told.detach().std(correction=0)}
        if at.player != PARTS:
            return distance, log
        generator = torch_rng(int(parts.seed), "between", at.step, device=str(s.device))
        penalty = gradient_penalty(parts, torch.cat([s, t, points_between(s, t, generator)]))
        return self.gamma * penalty - distance, log | {"penalty": penalty.detach()}
