"""Residual parameter transfer: the target's weights are the source's plus a small function of them.

Rozantsev, Salzmann, Fua 2018, Residual parameter transfer for deep domain adaptation, CVPR. From the network that the
source has taught on, each convolution and linear layer with weights Th_s (C, N) has in the target's stream
Th_t = B1 s(A1' Th_s A2 + D) B2' + Th_s, A1 and B1 (C, l), A2 and B2 (N, r), D (l, r). Both streams learn together: the
source's classes, domain confusion (a classifier of domains, and features by which it is wrong), and l_s (Lw - log Lw)
with Lw the sum of the squared residuals, which lets them neither vanish nor grow: it is least at Lw = 1. What is kept
are the target's weights.

Against the paper: the domain confusion has a `weight` of .01, as in `dann`; `rank` is both l and r and stays as it is
(there a group lasso takes rows and columns away); biases are shared; B2 begins at 0, so that the target's stream
begins as the source's; both domains count the same in the confusion; the classifier of domains is DANN's. At rank 0
the two streams are one network.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus
from torch.nn.utils.parametrize import register_parametrization

from ...core.checks import check_choice, check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Images, Seen
from ..deep.streams import ByDomain, chosen_layers, fold, weights_of

KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
SHAPES = {"tanh": torch.tanh, "relu": torch.relu}


class Residual(ByDomain):
    """What the target's weights have beside the source's: B1 s(A1' Th A2 + D) B2'.

    A1 and A2 are drawn so that A1' Th A2 has entries of size 1, where s is not a line.
    """

    def __init__(self, weight: Tensor, rank: int, shape: str) -> None:
        super().__init__()
        theta = weight.detach().flatten(1)
        (rows, columns), self.shape = theta.shape, shape
        left, right = min(rank, rows), min(rank, columns)
        a1, a2 = (torch.randn(n, k).to(theta) / n**0.5 for n, k in ((rows, left), (columns, right)))
        size = (a1.T @ theta @ a2).square().mean().sqrt().clamp_min(1e-12)
        self.a1, self.a2 = nn.Parameter(a1 / size), nn.Parameter(a2)
        self.d = nn.Parameter(theta.new_zeros(left, right))
        self.b1 = nn.Parameter(torch.randn(rows, left).to(theta) / left**0.5)
        self.b2 = nn.Parameter(theta.new_zeros(columns, right))

    def fresh(self) -> Iterable[nn.Parameter]:
        """All five matrices."""
        return self.parameters(recurse=False)

    def residual(self, weight: Tensor) -> Tensor:
        """(C, N), in full precision."""
        with torch.autocast(weight.device.type, enabled=False):
            inner = SHAPES[self.shape](self.a1.T @ weight.flatten(1) @ self.a2 + self.d)
            return self.b1 @ inner @ self.b2.T

    def forward(self, weight: Tensor) -> Tensor:
        """The weights of the domain that passes."""
        return weight if self.sources else weight + self.residual(weight).view_as(weight)


def stream_loss(squared: Tensor) -> Tensor:
    """Lw - log Lw, least at 1; its gradient is 0 where Lw is, until something else moves the residuals.

    >>> float(stream_loss(torch.tensor(1.0)))
    1.0
    """
    return squared - torch.log(squared.clamp_min(torch.finfo(squared.dtype).tiny))


def confusion(parts: nn.Module, source_ND: Tensor, target_MD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What the classifier of domains loses, what the network loses by it, and its logits of "source" (N + M,).

    The first has the domains as they are and a gradient to the classifier alone, the second has them exchanged and a
    gradient to the features alone; each domain has the weight 1/2.
    """
    n, z = len(source_ND), torch.cat([source_ND, target_MD])
    told = parts(z.detach())[:, 0]
    still: dict[str, Any] = {name: value.detach() for name, value in parts.named_parameters()}
    seen = functional_call(parts, still, (z,))[:, 0]
    right = (softplus(-told[:n]).mean() + softplus(told[n:]).mean()) / 2
    wrong = (softplus(seen[:n]).mean() + softplus(-seen[n:]).mean()) / 2
    return right, wrong, told.detach()


@dataclass(frozen=True)
class Method(DeepMethod):
    """Residual parameter transfer.

    Attributes:
        weight: of the domain confusion.
        rank: l and r, at most what a layer has of outputs or inputs; 0 is one network for both.
        transferred: layers whose weights have a residual, names as in `named_modules` with `*` for anything, apart by
            commas; the others are shared.
        shape: s, tanh or relu.
        size: l_s.
        hidden: width of the classifier of domains.
    """

    weight: float = 0.01
    rank: int = 32
    transferred: str = "*"
    shape: Literal["tanh", "relu"] = "tanh"
    size: float = 1.0
    hidden: int = 100

    continues: ClassVar[bool] = True
    in_turn: ClassVar[bool | None] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set rank", self.rank, 0, whole=True)
        check_choice("--set shape", self.shape, list(SHAPES))
        check_number("--set size", self.size, 0)
        check_number("--set hidden", self.hidden, 1, whole=True)

    def admits(self, network: nn.Module) -> None:
        """Raise InputError where no convolution or linear layer has one of the names."""
        chosen_layers(network, self.transferred, KINDS, "transferred")

    def equip(self, network: nn.Module) -> None:
        """Residuals beside the weights; none at rank 0."""
        for name in chosen_layers(network, self.transferred, KINDS, "transferred") if self.rank else []:
            layer: Any = network.get_submodule(name)
            register_parametrization(layer, "weight", Residual(layer.weight, self.rank, self.shape))

    def penalty(self, network: nn.Module) -> tuple[Tensor | float, Log]:
        """l_s (Lw - log Lw); nothing where there is no residual."""
        found = [one.residual(weight).square().sum() for _, weight, one in weights_of(network, Residual)]
        if not found:
            return 0.0, {}
        squared = torch.stack(found).sum()
        return self.size * stream_loss(squared), {"residual": squared.detach()}

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """Features to the logit of "this is source"."""
        return nn.Sequential(nn.Linear(features, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 1))

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The classifier of domains learns, and the features learn to mislead it."""
        assert parts is not None  # it has some
        n = len(seen.source_features)
        right, wrong, told = confusion(parts, seen.source_features, seen.target_features)
        found = ((told[:n] > 0).float().mean() + (told[n:] <= 0).float().mean()) / 2
        log = {"domain_loss": right.detach(), "domain_accuracy": found, "domain_spread": told.std(correction=0)}
        return right + wrong, log

    def settle(self, network: nn.Module, images: Images) -> None:
        """The target's weights are the network's."""
        fold(network, Residual)
