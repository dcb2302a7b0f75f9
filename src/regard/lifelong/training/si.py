"""SI: synaptic intelligence; weights are held by how much each did for the loss along the way.

Zenke, Poole and Ganguli 2017, Continual learning through synaptic intelligence, ICML. While a task is learned,
s_i = -sum_steps g_i dw_i, with g the gradient of the task's own loss; after it O_i <- O_i + max(s_i, 0) / (D_i^2 + xi),
with D how far the weight came. L = CE(task) + w sum_i O_i (w_i - w*_i)^2.

What differs: a negative s_i counts as 0, as it would push weights away. dw is what the optimiser did, weight decay and
moments among it.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass

from torch import Tensor

from ...core.checks import check_number
from ..moving.contract import Finished, Keeping, Tensors
from ..moving.fisher import anchored


@dataclass(frozen=True)
class Method(Keeping):
    """SI.

    Attributes:
        weight: of the penalty; 0 learns as `finetune` does, to the bit.
        damping: xi, above 0.
    """

    damping: float = 1e-3

    weighs = True
    notes_steps = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set damping", self.damping, 0, open_low=True)

    def penalty(self, weights: Tensors, kept: Tensors) -> Tensor:
        """W sum_i O_i (w_i - w*_i)^2."""
        centre = {name.removeprefix("centre."): one for name, one in kept.items() if name.startswith("centre.")}
        return self.weight * anchored(weights, centre, lambda name: kept[f"omega.{name}"])

    def start(self, weights: Tensors) -> dict[str, Tensor]:
        """The path of each weight, 0, and where it starts."""
        path = {f"path.{name}": one.new_zeros(one.shape) for name, one in weights.items()}
        return path | {f"start.{name}": one for name, one in weights.items()}

    def step(self, notes: MutableMapping[str, Tensor], name: str, gradient: Tensor, moved: Tensor) -> None:
        """s_i <- s_i - g_i dw_i."""
        notes[f"path.{name}"].addcmul_(gradient, moved, value=-1)

    def after_task(self, task: Finished) -> dict[str, Tensor]:
        """The weights, and O."""
        kept = {f"centre.{name}": one.clone() for name, one in task.weights.items()}
        for name, one in task.weights.items():
            path = task.notes.get(f"path.{name}")
            omega = one.new_zeros(one.shape)
            if path is not None:
                far = (one - task.notes[f"start.{name}"]).square() + self.damping
                omega += path.clamp_min(0) / far
            before = task.kept.get(f"omega.{name}")
            if before is not None:
                omega[: len(before)] += before
            kept[f"omega.{name}"] = omega
        return kept
