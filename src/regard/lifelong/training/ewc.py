"""EWC: elastic weight consolidation; weights that old tasks are sure of are held where they were.

Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks, PNAS. L = CE(task) + w/2 sum_i F_i
(w_i - w*_i)^2, with F the diagonal of the Fisher information, of each image by itself (see `moving.fisher`).

What differs: one centre w*, the weights after the last task, and one sum F <- g F + F_new, in place of a centre a task
(Huszar 2018, PNAS 115; Schwarz et al. 2018, Progress and compress, ICML): what is kept does not grow with tasks.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ...core.checks import check_choice, check_number
from ..moving.contract import Finished, Keeping, Tensors
from ..moving.fisher import anchored, fisher


@dataclass(frozen=True)
class Method(Keeping):
    """EWC.

    Attributes:
        weight: of the penalty; 0 learns as `finetune` does, to the bit.
        labels: of the Fisher information: sample (drawn from what the network says) | all | true.
        decay: g, what the Fisher information of earlier tasks is multiplied by after each task.
        images: of how many images of a task the Fisher information is taken, drawn; 0: of all.
    """

    weight: float = 100.0
    labels: Literal["sample", "all", "true"] = "sample"
    decay: float = 1.0
    images: int = 500

    weighs = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("--set labels", self.labels, ["sample", "all", "true"])
        check_number("--set decay", self.decay, 0, 1)
        check_number("--set images", self.images, 0, whole=True)

    def penalty(self, weights: Tensors, kept: Tensors) -> Tensor:
        """w/2 sum_i F_i (w_i - w*_i)^2."""
        centre = {name.removeprefix("centre."): one for name, one in kept.items() if name.startswith("centre.")}
        return self.weight / 2 * anchored(weights, centre, lambda name: kept[f"fisher.{name}"])

    def after_task(self, task: Finished) -> dict[str, Tensor]:
        """The weights, and the sum of the Fisher information."""
        most = self.images or None
        found = fisher(task.network, task.classifier, task.weights, task.images, self.labels, seed=task.seed, most=most)
        for name, value in found.items():
            before = task.kept.get(f"fisher.{name}")
            if before is not None:  # classes that are new had none
                value[: len(before)] += self.decay * before
        centre = {f"centre.{name}": one.clone() for name, one in task.weights.items()}
        return centre | {f"fisher.{name}": value for name, value in found.items()}
