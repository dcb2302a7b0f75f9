"""DAN: the means of both domains agree in the feature spaces of several Gaussian kernels at once.

Long et al. 2015, Learning transferable features with deep adaptation networks, ICML. The loss is the squared maximum
mean discrepancy with the kernel mean_u exp(-r^2 / (2^u m)), u = -3 ... 1, m the mean squared distance of pooled pairs:
the `multi` of `adapt.shift.mmd`. Against the paper: one layer, the pooled features; kernels that count the same; the
estimate over all pairs, not over pairs of neighbours, so that batches of any two sizes do; no gradient through m.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ._kernels import multi_kernel_mmd2


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
