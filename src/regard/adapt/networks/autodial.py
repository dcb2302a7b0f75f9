"""AutoDIAL: each batch normalisation mixes the statistics of both domains, and learns by how much.

Carlucci et al. 2017, AutoDIAL: automatic domain alignment layers, ICCV. A layer normalises the source by the statistics
of the mixture a S + (1 - a) T and the target by those of a T + (1 - a) S, with one number a in [.5, 1] for each layer:
at 1 each domain has its own statistics, at .5 both have the same. Scale and offset behind it are shared. The loss is
the mean entropy of the target's predictions; in the paper it has the weight .1.

As in the authors' code, a begins at 1 and is put back into its interval before each pass, and the variance is that of
the mixture, with the distance of the means in it. Against the paper: the layers of the network that are there (they put
theirs into AlexNet), running statistics with each layer's own momentum, and a learns at the rate of a new head.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from ...backbones.modes import evaluating
from ...core.checks import bad
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Images, Seen
from ..deep.statistics import layers_with_statistics
from ..deep.streams import ByDomain

LEAST = 0.5


def mean_entropy(logits_MK: Tensor) -> Tensor:
    """Of the predictions, in nats: - mean_i sum_k P_ik log P_ik.

    >>> round(float(mean_entropy(torch.zeros(3, 2))), 4)
    0.6931
    """
    logs = torch.log_softmax(logits_MK, dim=1)
    return -(logs.exp() * logs).sum(1).mean()


def mixed_statistics(x: Tensor, sources: int, alpha: Tensor | float) -> tuple[Tensor, Tensor]:
    """Means and population variances (2, C) of a S + (1 - a) T and of a T + (1 - a) S.

    Args:
        x: (N, C, ...), the source's first.
        sources: how many are the source's.
        alpha: a. A mixture's variance is a v_S + (1 - a) v_T + a (1 - a) (m_S - m_T)^2.

    >>> means, variances = mixed_statistics(torch.tensor([[0.0], [2.0], [6.0]]), 2, 0.75)
    >>> means.tolist(), variances.tolist()
    ([[2.25], [4.75]], [[5.4375], [4.9375]])
    """
    over = [0, *range(2, x.ndim)]
    (v_s, m_s), (v_t, m_t) = (torch.var_mean(one, over, correction=0) for one in (x[:sources], x[sources:]))
    between = alpha * (1 - alpha) * (m_s - m_t).square()
    mean = torch.stack([alpha * m_s + (1 - alpha) * m_t, alpha * m_t + (1 - alpha) * m_s])
    variance = torch.stack([alpha * v_s + (1 - alpha) * v_t, alpha * v_t + (1 - alpha) * v_s])
    return mean, variance + between


class Aligned(ByDomain):
    """A batch normalisation whose statistics are mixed in training; its running statistics are the target's.

    Attributes:
        norm: the layer that was there, with scale, offset, and whatever it does after them.
        alpha: a.
    """

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.norm = norm
        self.alpha = nn.Parameter(torch.ones((), device=norm.running_mean.device))

    def fresh(self) -> Iterable[nn.Parameter]:
        """The share of the own domain."""
        return [self.alpha]

    def forward(self, x: Tensor) -> Tensor:
        """Normalised by domain where a batch in training has both; else what the layer does."""
        if not self.training or not 0 < self.sources < len(x):
            return self.norm(x)
        self.alpha.data.clamp_(LEAST, 1)
        with torch.autocast(x.device.type, enabled=False):
            mean, variance = mixed_statistics(x.float(), self.sources, self.alpha)
            self._follow(mean[1].detach(), variance[1].detach(), x[self.sources :].numel() // x.shape[1])
            which = (torch.arange(len(x), device=x.device) >= self.sources).long()
            shape = (len(x), -1, *[1] * (x.ndim - 2))
            factor = (variance + self.norm.eps).rsqrt()
            own = ((x.float() - mean[which].view(shape)) * factor[which].view(shape)).to(x.dtype)
        # the layer then finds mean 0 and variance 1, and does the rest: scale, offset, of some an activation
        none = torch.zeros_like(self.norm.running_mean)
        with evaluating(self.norm):
            return functional_call(self.norm, {"running_mean": none, "running_var": none + 1 - self.norm.eps}, (own,))

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, n: int) -> None:
        """Running statistics of the target's mixture; the variance with n - 1 below, as in torch."""
        norm = self.norm
        norm.num_batches_tracked += 1
        momentum = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean.to(norm.running_mean), momentum)
        norm.running_var.lerp_((variance * (n / max(n - 1, 1))).to(norm.running_var), momentum)


def normalisations(network: nn.Module) -> list[str]:
    """Names of the layers that can be mixed: batch normalisations that keep statistics and learn with them."""
    return [name for name, one in layers_with_statistics(network).items() if isinstance(one, _BatchNorm)]


def put(network: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer at the place of another."""
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, layer)


@dataclass(frozen=True)
class Method(DeepMethod):
    """AutoDIAL.

    Attributes:
        weight: of the entropy; the paper's is .1.
    """

    weight: float = 0.1

    in_turn: ClassVar[bool | None] = False

    def admits(self, network: nn.Module) -> None:
        """Raise InputError where there is no batch normalisation."""
        if not normalisations(network):
            raise bad("--with", "a network without batch normalisation", "one that autodial can adapt, as resnet18")

    def equip(self, network: nn.Module) -> None:
        """Put `Aligned` around each batch normalisation."""
        for name in normalisations(network):
            put(network, name, Aligned(network.get_submodule(name)))

    def penalty(self, network: nn.Module) -> tuple[Tensor | float, Log]:
        """Nothing; what is learned of the mixture is logged, `alpha` the mean over the layers."""
        shares = [one.alpha.detach() for one in network.modules() if isinstance(one, Aligned)]
        return 0.0, {"alpha": torch.stack(shares).clamp(LEAST, 1).mean()} if shares else {}

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The entropy of the target's predictions."""
        loss = mean_entropy(seen.target_logits)
        return loss, {"entropy": loss.detach()}

    def settle(self, network: nn.Module, images: Images) -> None:
        """The layers that were there again, with the target's statistics."""
        for name, one in [(name, one) for name, one in network.named_modules() if isinstance(one, Aligned)]:
            put(network, name, one.norm)
