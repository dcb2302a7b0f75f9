"""MCC: minimum class confusion; predictions on the target are to fall on one class, not on two that are alike.

Jin et al. 2020, Minimum class confusion for versatile domain adaptation, ECCV. With probabilities Y (m, K) of the
target at a temperature of 2.5 and a weight for each image that rises with its certainty, C = Y' W Y says how much two
classes are confused; its rows are divided by their sums, and what is off the diagonal is the loss. The source keeps the
classes apart from one another. As in the paper's own code, no gradient goes through the weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen


def class_confusion(logits_MK: Tensor, temperature: float = 2.5) -> Tensor:
    """The share of confusion off the diagonal, in [0, (K - 1) / K]: sum_{j != k} C_jk / sum_k C_jk, divided by K.

    C = Y' diag(w) Y with Y = softmax(logits / T), w_i = m (1 + exp(-H_i)) / sum_i (1 + exp(-H_i)) and H_i the entropy
    of row i.

    >>> round(float(class_confusion(torch.zeros(5, 4))), 4)  # it knows nothing: 3 of 4 parts lie off the diagonal
    0.75
    >>> float(class_confusion(1000 * torch.eye(3))) < 1e-6
    True
    """
    logs = torch.log_softmax(logits_MK / temperature, dim=1)
    Y = logs.exp()
    certainty = 1 + torch.exp((Y * logs).sum(1)).detach()
    w = len(Y) * certainty / certainty.sum()
    C = Y.T @ (w[:, None] * Y)
    rows = C.sum(1, keepdim=True).clamp_min(torch.finfo(C.dtype).tiny)  # a class that nothing is near to
    C = C / rows
    return (C.sum() - C.trace()) / len(C)


@dataclass(frozen=True)
class Method(DeepMethod):
    """MCC.

    Attributes:
        weight: of the loss.
        temperature: what logits are divided by, above 0.
    """

    temperature: float = 2.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set temperature", self.temperature, 0, open_low=True)

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The confusion of the target's classes."""
        loss = class_confusion(seen.target_logits, self.temperature)
        return loss, {"confusion": loss.detach()}
