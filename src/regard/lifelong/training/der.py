"""DER and DER++: the memory keeps what the network said of an image, and the network is to say it still.

Buzzega et al. 2020, Dark experience for general continual learning: a strong, simple baseline, NeurIPS. With z the
kept logits and h those of now, over the C classes that were known when z was kept:
L = CE(task) + w mean_c (h_c - z_c)^2 + b CE(memory); b = 0 is DER, above it DER++.

What differs: logits are kept when a task is over, as the network then is, not along the way; classes that came later
have no kept logit and no part in the square; one batch of the memory serves both terms.
"""

from dataclasses import dataclass

from torch import Tensor

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment
from ..moving.contract import Replaying, Seen, cross_entropy


def kept_distance(logits: Tensor, kept: Tensor) -> Tensor:
    """Mean over images of the mean square over the classes that are kept; NaN marks those that are not.

    >>> from torch import nan, tensor
    >>> float(kept_distance(tensor([[1.0, 5.0]]), tensor([[3.0, nan]])))
    4.0
    """
    known = ~kept.isnan()
    squares = (logits - kept.nan_to_num()).square() * known  # a NaN of the network stays one
    return (squares.sum(1) / known.sum(1).clamp_min(1)).mean()


@dataclass(frozen=True)
class Method(Replaying):
    """DER++, or DER.

    Attributes:
        weight: w, of the squares; 0 learns as `finetune` does, to the bit, whatever `labels` says.
        budget: bytes of the memory, of the kept logits too.
        labels: b, of the memory's cross-entropy; 0 is DER.
    """

    weight: float = 0.3
    labels: float = 0.5

    keeps_logits = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set labels", self.labels, 0)

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """W times the squares plus b times the cross-entropy of the memory; 0 where nothing is kept."""
        memory = seen.memory
        if memory is None or memory.kept is None:
            return super().loss(seen, at)
        apart = kept_distance(memory.logits, memory.kept)
        loss = self.weight * apart
        if self.labels:
            loss = loss + self.labels * cross_entropy(memory.logits, memory.labels)
        return loss, {"apart": apart.detach()}
