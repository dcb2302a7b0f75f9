"""Beyond sharing weights: each domain has weights of its own, which must stay an affine change of each other.

Rozantsev, Salzmann, Fua 2018, Beyond sharing weights for deep domain adaptation, PAMI 41. Two streams begin as the
network that the source has taught. In the layers that are related, not shared, a loss keeps the streams together,
l_w sum_j (exp(||a_j th_s + b_j - th_t||^2) - 1) with numbers a_j, b_j that learn from 1 and 0 on; the squared MMD of
the features, with a Gaussian kernel, brings the domains together. What is kept is the target's stream.

Against the paper: j goes over tensors of weights, not layers; past 10 the exponential goes on as its tangent, as a
network of millions of weights would overflow it; kernel as wide as the data are, where the paper takes 1 (`sigma`); the
run's optimiser, not AdaDelta. Which layers are shared the paper finds by the MMD of a run for each choice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Images, Seen
from ..deep.streams import ByDomain, chosen_layers, fold, weights_of

STEEP = 10.0  # the squared distance at which the exponential becomes a line


def gaussian_mmd2(source_ND: Tensor, target_MD: Tensor, sigma: float = 0.0) -> Tensor:
    """Biased squared MMD with k(u, v) = exp(-||u - v||^2 / sigma); sigma 0 is the pairs' mean squared distance.

    >>> one = torch.zeros(1, 2)
    >>> round(float(gaussian_mmd2(one, one + 1, 2.0)), 4)  # 2 - 2 exp(-1)
    1.2642
    """
    n, z = len(source_ND), torch.cat([source_ND, target_MD])
    z = z - z.mean(0).detach()
    norms = z.square().sum(1)
    squared = (norms[:, None] + norms - 2 * z @ z.T).clamp_min(0)
    squared = squared * (1 - torch.eye(len(z), device=z.device))
    mean = 2 * z.detach().square().sum() / max(len(z) - 1, 1)
    wide = mean.clamp_min(torch.finfo(z.dtype).tiny) if sigma == 0 else sigma
    K = torch.exp(-squared / wide)
    return K[:n, :n].mean() + K[n:, n:].mean() - 2 * K[:n, n:].mean()


def steep(squared: Tensor) -> Tensor:
    """exp(x) - 1, from `STEEP` on its tangent.

    >>> steep(torch.tensor([0.0, 1.0])).tolist(), bool(steep(torch.tensor(1e6)).isfinite())
    ([0.0, 1.718281865119934], True)
    """
    below = squared.clamp_max(STEEP)
    return torch.expm1(below) + torch.exp(below.detach()) * (squared - below)


class Stream(ByDomain):
    """The source's own tensor of weights, beside the target's in the network.

    Attributes:
        source: th_s.
        scale, offset: a_j and b_j.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.source = nn.Parameter(weight.detach().clone())
        self.scale = nn.Parameter(weight.new_ones(()))
        self.offset = nn.Parameter(weight.new_zeros(()))

    def fresh(self) -> Iterable[nn.Parameter]:
        """The two numbers."""
        return [self.scale, self.offset]

    def forward(self, target: Tensor) -> Tensor:
        """The weights of the domain that passes."""
        return self.source if self.sources else target

    def apart(self, target: Tensor) -> Tensor:
        """||a th_s + b - th_t||^2."""
        return (self.scale * self.source + self.offset - target).float().square().sum()


@dataclass(frozen=True)
class Method(DeepMethod):
    """Beyond sharing weights.

    Attributes:
        weight: of the squared MMD.
        relation: l_w; at 0 nothing keeps the streams together.
        related: layers in which each domain has its own weights, names as in `named_modules` with `*` for anything,
            apart by commas; the others are shared.
        sigma: of the kernel exp(-r^2 / sigma); 0: the mean squared distance of the batch's pairs.
    """

    relation: float = 1.0
    related: str = "*"
    sigma: float = 0.0

    continues: ClassVar[bool] = True
    in_turn: ClassVar[bool | None] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set relation", self.relation, 0)
        check_number("--set sigma", self.sigma, 0)

    def admits(self, network: nn.Module) -> None:
        """Raise InputError where no layer has one of the names."""
        chosen_layers(network, self.related, (nn.Module,), "related")

    def equip(self, network: nn.Module) -> None:
        """A second stream for the source in the related layers."""
        for name in chosen_layers(network, self.related, (nn.Module,), "related"):
            layer = network.get_submodule(name)
            for weight, value in list(layer.named_parameters(recurse=False)):
                register_parametrization(layer, weight, Stream(value))

    def penalty(self, network: nn.Module) -> tuple[Tensor | float, Log]:
        """l_w sum_j (exp(||a_j th_s + b_j - th_t||^2) - 1); what is logged is the sum of the squared distances."""
        found = [one.apart(target) for _, target, one in weights_of(network, Stream)]
        if not found:
            return 0.0, {}
        apart = torch.stack(found)
        return self.relation * steep(apart).sum(), {"weights_apart": apart.detach().sum()}

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The squared MMD of the features."""
        loss = gaussian_mmd2(seen.source_features, seen.target_features, self.sigma)
        return loss, {"mmd2": loss.detach()}

    def settle(self, network: nn.Module, images: Images) -> None:
        """The target's stream is the network."""
        fold(network, Stream)
