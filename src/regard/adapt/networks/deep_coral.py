"""Deep CORAL: the covariances of both domains are made equal while the network learns.

Sun & Saenko 2016, Deep CORAL, ECCV workshops. The loss is ||Cs - Ct||^2 / (4 d^2) of the covariances (d, d), with
n - 1 below. As in the paper it is taken of the classifier's outputs; `of=features` takes the vectors before them.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from ...core.checks import check_choice
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen


def covariance(x_ND: Tensor) -> Tensor:
    """(D, D), with n - 1 below; of one sample it is 0."""
    centred = x_ND - x_ND.mean(0)
    return centred.T @ centred / max(len(x_ND) - 1, 1)


def coral_loss(source_ND: Tensor, target_MD: Tensor) -> Tensor:
    """||Cs - Ct||_F^2 / (4 D^2).

    >>> import torch
    >>> float(coral_loss(torch.tensor([[-1.0], [1.0]]), torch.tensor([[-2.0], [2.0]])))  # variances 2 and 8
    9.0
    """
    between = covariance(source_ND) - covariance(target_MD)
    return between.square().sum() / (4 * source_ND.shape[1] ** 2)


@dataclass(frozen=True)
class Method(DeepMethod):
    """Deep CORAL.

    Attributes:
        weight: of the loss; the paper takes one at which it ends as large as the cross-entropy.
        of: logits or features.
    """

    of: Literal["logits", "features"] = "logits"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("--set of", self.of, ["logits", "features"])

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The distance of the covariances."""
        logits = seen.source_logits, seen.target_logits
        features = seen.source_features, seen.target_features
        loss = coral_loss(*(logits if self.of == "logits" else features))
        return loss, {"coral": loss.detach()}
