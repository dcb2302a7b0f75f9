"""DAN: the means of both domains agree in the feature spaces of several Gaussian kernels at once.

Long et al. 2015, Learning transferable features with deep adaptation networks, ICML. The loss is the squared maximum
mean discrepancy with the kernel mean_u exp(-r^2 / (2^u m)), u = -3 ... 1, m the mean squared distance of pooled pairs:
the `multi` of `adapt.shift.mmd`. Against the paper: one layer, the pooled features; kernels that count the same; the
estimate over all pairs, not over pairs of neighbours, so that batches of any two sizes do; no gradient through m.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen

EXPONENTS = range(-3, 2)


def multi_kernel_mmd2(source_ND: Tensor, target_MD: Tensor) -> Tensor:
    """Biased squared MMD: mean Kss + mean Ktt - 2 mean Kst, at least 0 but for rounding.

    >>> x = torch.arange(6.0)[:, None]
    >>> abs(float(multi_kernel_mmd2(x, x))) < 1e-6
    True
    """
    n, z = len(source_ND), torch.cat([source_ND, target_MD])
    z = z - z.mean(0).detach()
    norms = z.square().sum(1)
    squared = (norms[:, None] + norms - 2 * z @ z.T).clamp_min(0)
    squared = squared * (1 - torch.eye(len(z), device=z.device))
    mean = (2 * z.detach().square().sum() / max(len(z) - 1, 1)).clamp_min(torch.finfo(z.dtype).tiny)
    K = torch.stack([torch.exp(-squared / (2.0**u * mean)) for u in EXPONENTS]).mean(0)
    return K[:n, :n].mean() + K[n:, n:].mean() - 2 * K[:n, n:].mean()


@dataclass(frozen=True)
class Method(DeepMethod):
    """DAN.

    Attributes:
        weight: of the loss.
    """

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The squared MMD of the features."""
        loss = multi_kernel_mmd2(seen.source_features, seen.target_features)
        return loss, {"mmd2": loss.detach()}
