"""SHOT: the source's classifier stays, and features move until the target is told with certainty and in all classes.

Liang et al. 2020, Do we really need to access the source data?, ICML. No source image is seen: the network that the
source has taught goes on from target images alone. The loss is the mean entropy of the predictions, minus the entropy
of their mean, plus `pseudo` times the cross-entropy of pseudo-labels: of the nearest of the classes' centroids by
cosine, weighted by the predictions first and then found once more from the labels, anew in each epoch.

Against the paper: no bottleneck with weight normalisation, and the run's optimiser.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen


def information_loss(logits_MK: Tensor) -> tuple[Tensor, Tensor]:
    """Mean entropy of the predictions, and the entropy of their mean, in nats.

    >>> certain, diverse = information_loss(100 * torch.eye(2))
    >>> round(float(certain), 4), round(float(diverse), 4)
    (0.0, 0.6931)
    """
    logs = torch.log_softmax(logits_MK, dim=1)
    P = logs.exp()
    mean = P.mean(0)
    return -(P * logs).sum(1).mean(), -(mean * mean.clamp_min(1e-12).log()).sum()


def centroid_labels(features_ND: Tensor, P_NK: Tensor) -> Tensor:
    """(N,) the class whose centroid is nearest by cosine; a class that nobody is told to be of is nobody's.

    Centroids are first means of the features, with a 1 beside them and of length 1, weighted by the predictions; then
    means over the labels that these gave.
    """
    z = normalize(torch.cat([features_ND, torch.ones(len(features_ND), 1).to(features_ND)], dim=1))
    own = P_NK.argmax(1)
    labels, weights = own, P_NK
    there = torch.bincount(own, minlength=P_NK.shape[1]) > 0
    for _ in range(2):
        centres = normalize(weights.T @ z / weights.sum(0)[:, None].clamp_min(1e-8))
        near = (z @ centres.T).masked_fill(~there, -2.0)
        labels = near.argmax(1)
        weights = torch.nn.functional.one_hot(labels, P_NK.shape[1]).to(z)
        there = there & (weights.sum(0) > 0)
    return labels


class PseudoLabels(nn.Module):
    """What each target image is held to be, -1 before that is known; a buffer, so that it is in the checkpoint."""

    labels: Tensor

    def __init__(self, images: int) -> None:
        super().__init__()
        self.register_buffer("labels", torch.full((images,), -1))


@dataclass(frozen=True)
class Method(DeepMethod):
    """SHOT.

    Attributes:
        weight: of the whole loss.
        pseudo: weight of the pseudo-labels; the paper's .3, for digits .1.
        diversity: weight of the entropy of the mean prediction.
    """

    pseudo: float = 0.3
    diversity: float = 1.0

    needs_source: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set pseudo", self.pseudo, 0)
        check_number("--set diversity", self.diversity, 0)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """The pseudo-labels; nothing that learns."""
        return PseudoLabels(images)

    def every_epoch(self, features_ND: Tensor, logits_NK: Tensor, parts: nn.Module | None) -> None:
        """Pseudo-labels anew."""
        assert isinstance(parts, PseudoLabels)
        parts.labels.copy_(centroid_labels(features_ND.float(), torch.softmax(logits_NK.float(), 1)))

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Certainty, diversity, pseudo-labels."""
        assert isinstance(parts, PseudoLabels)
        certain, diverse = information_loss(seen.target_logits)
        loss = certain - self.diversity * diverse
        told = {"entropy": certain.detach(), "diversity": diverse.detach()}
        labels = torch.where(seen.rows >= 0, parts.labels[seen.rows.clamp_min(0)], -1)
        if self.pseudo and bool((labels >= 0).any()):
            taught = cross_entropy(seen.target_logits, labels, ignore_index=-1)
            loss, told = loss + self.pseudo * taught, told | {"pseudo": taught.detach()}
        return loss, told
