"""Replay: images of earlier tasks, kept in a memory, are learned again beside those of the task.

ER: Chaudhry et al. 2019, On tiny episodic memories in continual learning, arXiv 1902.10486:
L = CE(task) + w CE(memory).
ER-ACE: Caccia et al. 2022, New insights on reducing abrupt representation change in online continual learning, ICLR:
the cross-entropy of the task's images is over the task's own classes alone, so that new classes do not push the logits
of old ones down; that of the memory is over all. There the classes are those of a batch, here those of the task, and
the memory is filled when a task is over, not while it goes on.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ...core.checks import check_choice
from ...learning.trainable import START, Log, Moment
from ..memory import Rule
from ..moving.contract import Replaying, Seen, cross_entropy


@dataclass(frozen=True)
class Method(Replaying):
    """Replay.

    Attributes:
        weight: of the memory's cross-entropy; 0 learns as `finetune` does, to the bit.
        budget: bytes of the memory.
        kind: er | er_ace.
        keep: by which the memory chooses: reservoir | balanced | herding.
    """

    kind: Literal["er", "er_ace"] = "er"
    keep: Literal["reservoir", "balanced", "herding"] = "reservoir"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("--set kind", self.kind, ["er", "er_ace"])
        check_choice("--set keep", self.keep, ["reservoir", "balanced", "herding"])

    @property
    def rule(self) -> Rule:
        """The one that is set."""
        return self.keep

    def taught(self, seen: Seen) -> Tensor:
        """Cross-entropy over all classes; of ER-ACE over those of the task, where a memory speaks for the others."""
        among = seen.here if self.kind == "er_ace" and seen.memory is not None else None
        return cross_entropy(seen.logits, seen.labels, among)

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Tensor, Log]:
        """W CE(memory); 0 where nothing is kept."""
        if seen.memory is None:
            return super().loss(seen, at)
        loss = cross_entropy(seen.memory.logits, seen.memory.labels)
        return self.weight * loss, {"replayed": loss.detach()}
