"""Compatible: backward-compatible training; what is embedded after a task can be searched among vectors of before it.

Shen et al. 2020, Towards backward-compatible representation learning, CVPR (BCT). The classifier of before the task,
held as it was, is asked about the features of now: L = CE(task) + w L_influence, with L_influence the cross-entropy of
the old classifier's logits on the new features. As it stands where it stood, so do the features that it reads, and an
index of old vectors stays of use without embedding its images anew.

What differs: an image of a class that the old classifier does not know has no label there. The paper makes a row for it
from the old features' mean; here the old classifier is to say of the new features what it said of the old ones of the
same view, sum_k q_k (log q_k - log p_k), as in `lwf` at temperature 1.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ...learning.trainable import START, Log, Moment
from ..moving.contract import Keeping, Seen


def influence(said: Tensor, labels: Tensor, before: Tensor) -> Tensor:
    """Mean over images of -log p[label] where the label is known, else of KL(q || p); p, q the softmax of the logits.

    Args:
        said: (n, K_old) the old classifier's logits on the features of now.
        labels: (n,) places; those from K_old on are not known to it.
        before: (n, K_old) its logits on the old network's features.

    >>> from torch import tensor
    >>> same = tensor([[1.0, 2.0]])
    >>> float(influence(same, tensor([5]), same))  # nothing has moved, and the label is not its own
    0.0
    """
    p, q = nn.functional.log_softmax(said, 1), nn.functional.log_softmax(before, 1)
    known = labels < said.shape[1]
    right = -p.gather(1, labels.clamp(max=said.shape[1] - 1)[:, None])[:, 0]
    return right.where(known, (q.exp() * (q - p)).sum(1)).mean()


@dataclass(frozen=True)
class Method(Keeping):
    """Backward-compatible training.

    Attributes:
        weight: of the influence of the old classifier; 0 learns as `finetune` does, to the bit.
    """

    needs_old = True

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """W times the old classifier's loss on the features of now."""
        if seen.by_old is None or seen.old_logits is None:
            return super().loss(seen, at)
        loss = influence(seen.by_old, seen.labels, seen.old_logits)
        return self.weight * loss, {"influence": loss.detach()}
