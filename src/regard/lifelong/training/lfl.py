"""LFL: less-forgetting learning; of the new images the features are to stay where they were.

Jung, Ju, Jung and Kim 2016, Less-forgetting learning in deep neural networks, arXiv 1607.00122. With z the features of
now and z0 those of the network of before the task, of the same views: L = CE + w mean |z - z0|^2 / mean |z0|^2.

What differs: the distance is a share of the old features' length, so that one weight suits networks of any scale; the
old classifier goes on learning. As nothing but features is asked, tasks of any kind are learned so (mixed streams).
"""

from dataclasses import dataclass

from torch import Tensor

from ...learning.trainable import START, Log, Moment
from ..moving.contract import Keeping, Seen


def moved(features: Tensor, old_features: Tensor) -> Tensor:
    """Mean |z - z0|^2 / mean |z0|^2 of (n, D) each.

    >>> from torch import tensor
    >>> float(moved(tensor([[3.0, 5.0]]), tensor([[3.0, 4.0]])))  # 1 / 25
    0.03999999910593033
    """
    far = (features - old_features).square().sum(1).mean()
    return far / old_features.square().sum(1).mean().clamp_min(1e-12)


@dataclass(frozen=True)
class Method(Keeping):
    """LFL.

    Attributes:
        weight: of how far features move; 0 learns as `finetune` does, to the bit.
    """

    needs_old = True
    any_kind = True

    def held(self, features: Tensor, old_features: Tensor) -> Tensor:
        """W times how far they moved."""
        return self.weight * moved(features, old_features)

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """The same, of the task's images."""
        if seen.old_features is None:
            return super().loss(seen, at)
        loss = self.held(seen.features, seen.old_features)
        return loss, {"moved": loss.detach()}
