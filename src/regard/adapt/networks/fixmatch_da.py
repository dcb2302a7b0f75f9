"""FixMatch for adaptation: what the network tells with certainty of a target image teaches it a changed view of that.

Sohn et al. 2020, FixMatch: simplifying semi-supervised learning with consistency and confidence, NeurIPS. The class
that is told of an image is its pseudo-label where its probability reaches a threshold, and the loss is

    mean_i 1[max_k p_ik >= c] CE(view of i, argmax_k p_ik)

over target images without a label: those below the threshold count 0. The probabilities p are of the image without
views and have no gradient; what is taught is the run's view of it (`recipe`), in place of the paper's weak and strong
one. With `recipe=none` it is thresholded self-training on the image itself.

By default c = threshold * the mean over the source of max_k p_ik, as in AdaMatch (Berthelot et al. 2022, ICLR): a fixed
threshold lets everything pass for a network that is sure of all, and nothing for one that is not. A network that knows
nothing yet passes such a bar everywhere, so the weight rises as AdaMatch's does, (1 - cos(min(pi, 2 pi p))) / 2: from 0
to all of it at half of the run. `relative=false` is FixMatch's own c = threshold, with the weight from the start.

By default p is also multiplied by the source's mean prediction over the target's, class by class, and divided by its
sum (`aligned`, AdaMatch's alignment of the classes' shares, with the means of the batch): without it all of a target
went to one class within 100 steps. It takes both domains to have the same classes. AdaMatch's interpolation of logits
is not there.
"""

from dataclasses import dataclass
from math import cos, pi
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen

LEAST = 1e-6  # of a class's mean probability


def pseudo_labels(
    logits_MK: Tensor, threshold: Tensor | float, source_NK: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(m,) the most probable class, and (m,) bool whether its probability is not below the threshold.

    NaN is not below it, so that it comes through to the loss. With logits of the source, probabilities p are first
    p_k a_k / sum_j p_j a_j, with a the source's mean probabilities over the target's.

    >>> labels, sure = pseudo_labels(torch.tensor([[0.0, 3.0], [0.0, 0.1]]), 0.9)
    >>> labels.tolist(), sure.tolist()
    ([1, 1], [True, False])
    """
    P = torch.softmax(logits_MK.detach(), 1)
    if source_NK is not None and len(P) and len(source_NK):
        P = P * (torch.softmax(source_NK.detach(), 1).mean(0) / P.mean(0).clamp_min(LEAST))
        P = P / P.sum(1, keepdim=True)
    largest, labels = P.max(1)
    return labels, ~(largest < threshold)


@dataclass(frozen=True)
class Method(DeepMethod):
    """FixMatch for adaptation.

    Attributes:
        weight: of the loss.
        threshold: of the probability, in [0, 1].
        relative: whether the threshold is a share of the source's mean certainty, and the weight rises.
        aligned: whether pseudo-labels are brought to the classes' shares in the source.
    """

    threshold: float = 0.9
    relative: bool = True
    aligned: bool = True

    plain: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set threshold", self.threshold, 0, 1)

    def schedule(self, progress: float) -> float:
        """From 0 to 1 at half of the run where the threshold is relative; else 1."""
        return (1 - cos(min(pi, 2 * pi * progress))) / 2 if self.relative else 1.0

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Cross-entropy of the pseudo-labels; where there are no images without views, of the same ones."""
        asked = seen.target_logits if seen.plain_logits is None else seen.plain_logits
        certainty = torch.softmax(seen.source_logits.detach(), 1).amax(1).mean() if self.relative else 1.0
        source = seen.source_logits if self.aligned else None
        labels, sure = pseudo_labels(asked, self.threshold * certainty, source)
        taught = (sure & ~seen.known).float()
        losses = cross_entropy(seen.target_logits, labels, reduction="none")
        unknown = (~seen.known).sum().clamp_min(1)
        loss = (taught * losses).sum() / unknown
        return loss, {"pseudo": loss.detach(), "pseudo_share": taught.sum() / unknown}
