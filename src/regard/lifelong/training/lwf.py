"""LwF: learning without forgetting; on the new images the network is to say of old classes what it said before.

Li and Hoiem 2016, Learning without forgetting, ECCV. With p_T = softmax(logits / T) over the old classes, of the
network before the task (q) and of now (p): L = CE(task, its own classes) + w KL(q_T || p_T). The paper's cross-entropy
differs from this by the entropy of q, which no weight moves; like it there is no factor T^2.

What differs: one classifier that grows, not a head a task, so classes are told apart over tasks at test time.
`over=all` has the cross-entropy over all classes that are known, as many later codes do.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from ...core.checks import check_choice, check_number
from ...learning.trainable import START, Log, Moment
from ..moving.contract import Keeping, Seen, cross_entropy


def distilled(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Mean over images of KL(softmax(targets / T) || softmax(logits / T)).

    >>> from torch import tensor
    >>> float(distilled(tensor([[1.0, 2.0]]), tensor([[3.0, 4.0]]), 2.0))  # a shift of all logits says nothing
    0.0
    """
    p, q = nn.functional.log_softmax(logits / temperature, 1), nn.functional.log_softmax(targets / temperature, 1)
    return (q.exp() * (q - p)).sum(1).mean()


@dataclass(frozen=True)
class Method(Keeping):
    """LwF.

    Attributes:
        weight: of the distance to what the old network says; 0 learns as `finetune` does, to the bit.
        temperature: T, above 0.
        over: which classes the task's cross-entropy is over: new (those of the task) | all.
    """

    temperature: float = 2.0
    over: Literal["new", "all"] = "new"

    needs_old = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set temperature", self.temperature, 0, open_low=True)
        check_choice("--set over", self.over, ["new", "all"])

    def taught(self, seen: Seen) -> Tensor:
        """Cross-entropy over the classes of the task, or over all."""
        return cross_entropy(seen.logits, seen.labels, seen.here if self.over == "new" else None)

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """W KL to the network of before the task, on the task's images."""
        if seen.old_logits is None:
            return super().loss(seen, at)
        loss = distilled(seen.logits[:, seen.old], seen.old_logits, self.temperature)
        return self.weight * loss, {"distilled": loss.detach()}
