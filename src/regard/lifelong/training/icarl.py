"""iCaRL: exemplars near each class's mean, distillation, and the nearest mean of exemplars as the classifier.

Rebuffi et al. 2017, iCaRL: incremental classifier and representation learning, CVPR. Each class has a sigmoid of its
own. On the task's images and the exemplars, classes of the task learn from labels, the others from what the network of
before the task says: sum_c BCE(h_c, y_c) and w sum_c BCE(h_c, sigmoid(h_c before)). An image is put into the class
whose exemplars' mean of unit features is nearest.

What differs: batches of the task and of the memory lie side by side, where the paper draws from both together; the mean
of a batch in place of its sum. A class that comes back learns from its labels. Where the memory holds nothing of any
class, the largest logit counts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...learning.trainable import START, Log, Moment
from ..memory import Rule
from ..moving.contract import Finished, Replaying, Seen, Tensors
from ..moving.learned import said_of


def binary(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over images of sum_c BCE(sigmoid(h_c), y_c); 0 of no classes."""
    return nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1).mean()


@dataclass(frozen=True)
class Method(Replaying):
    """iCaRL.

    Attributes:
        weight: of what the exemplars and the old network say; 0 learns as `finetune` does, to the bit, and only the
            classifier is that of exemplars.
        budget: bytes of the memory: exemplars with the unit feature that they were chosen by.
    """

    needs_old = True

    @property
    def rule(self) -> Rule:
        """Exemplars of each class, nearest to its mean, an equal share of bytes."""
        return "herding"

    def taught(self, seen: Seen) -> Tensor:
        """sum_c BCE over the classes that labels speak of, on the task's images."""
        return _labelled(seen.logits, seen.labels, _learned(seen))

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """The same on exemplars, and on both what the network said before of the other classes."""
        learned, (logits, before) = _learned(seen), (seen.logits, seen.old_logits)
        loss = logits.new_zeros(())
        if seen.memory is not None:
            loss = loss + _labelled(seen.memory.logits, seen.memory.labels, learned)
            logits = torch.cat([logits, seen.memory.logits])
            if before is not None and seen.memory.old_logits is not None:
                before = torch.cat([before, seen.memory.old_logits])
        if before is not None:
            told = binary(logits[:, ~learned], before[:, ~learned[: before.shape[1]]].sigmoid())
            loss = loss + told
        return self.weight * loss, {"exemplars": loss.detach()}

    def after_task(self, task: Finished) -> dict[str, Tensor]:
        """`means` (K, D) at length 1, of each class's exemplars as the network sees them now; NaN of none."""
        found = [(said_of(task.network, task.classifier, x)[0], y) for x, y in task.memory()]
        K, D = task.classifier.out_features, task.classifier.in_features
        sums = torch.zeros(K, D, device=task.classifier.weight.device)
        for z, y in found:
            sums.index_add_(0, y, nn.functional.normalize(z, dim=1))
        counts = torch.zeros_like(sums[:, 0])
        for _, y in found:
            counts += torch.bincount(y, minlength=K)
        means = nn.functional.normalize(sums / counts.clamp_min(1)[:, None], dim=1)
        return {"means": means.masked_fill(counts[:, None] == 0, torch.nan)}

    def scores(self, features: Tensor, logits: Tensor, kept: Tensors) -> Tensor:
        """Minus the squared distance of the unit feature to each mean."""
        means = kept["means"].to(features)
        if bool(means.isnan().all()):
            return logits
        far = torch.cdist(nn.functional.normalize(features, dim=1), means.nan_to_num()).square()
        return -far.masked_fill(means.isnan().any(1), torch.inf)


def _learned(seen: Seen) -> Tensor:
    """Classes (K,) that labels speak of: the new ones, and those that came back."""
    return ~seen.old | seen.here


def _labelled(logits: Tensor, labels: Tensor, among: Tensor) -> Tensor:
    wanted = nn.functional.one_hot(labels, logits.shape[1]).to(logits)
    return binary(logits[:, among], wanted[:, among])
