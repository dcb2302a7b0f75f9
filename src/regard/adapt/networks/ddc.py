"""DDC: the mean features of both domains are brought together while the network learns.

Tzeng et al. 2014, Deep domain confusion: maximizing for domain invariance, arXiv:1412.3474, eq. 1 and 2. The loss is
the squared maximum mean discrepancy with the linear kernel, ||mean zs - mean zt||^2, at one layer, and the weight is
fixed at .25: enough to confuse the domains, while the classes still count most.

Against the paper: the layer is the last before the classifier, as it is. The paper puts one of 256 units there, and
takes place and width by the smallest discrepancy before training.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen


def linear_mmd2(source_ND: Tensor, target_MD: Tensor) -> Tensor:
    """||mean of source - mean of target||^2.

    >>> import torch
    >>> float(linear_mmd2(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([[4.0, 4.0]])))  # 3^2 + 4^2
    25.0
    """
    return (source_ND.mean(0) - target_MD.mean(0)).square().sum()


@dataclass(frozen=True)
class Method(DeepMethod):
    """DDC.

    Attributes:
        weight: of the loss.
    """

    weight: float = 0.25

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The squared distance of the mean features."""
        loss = linear_mmd2(seen.source_features, seen.target_features)
        return loss, {"mmd2": loss.detach()}
