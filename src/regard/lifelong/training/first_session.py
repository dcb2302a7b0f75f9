"""First-session adaptation: the network learns the first task and no other; classes are told apart in closed form.

Panos et al. 2023, First session adaptation: a strong replay-free baseline for class-incremental learning, ICCV; Zhou et
al. 2024, Revisiting class-incremental learning with pre-trained models, IJCV (APER). The first task is learned with
matrices of low rank beside the weights (LoRA, see `learning.lora`) or with all of them; then each task's vectors go to
a learner on frozen vectors, whose statistics hang on no order. The papers' adapters are FiLM layers and others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.checks import check_choice, check_number
from ...core.discover import load, names
from ..moving.contract import Finished, LearnMethod, Tensors
from ..moving.learned import said_of


@dataclass(frozen=True)
class Method(LearnMethod):
    """First-session adaptation.

    Attributes:
        rank: of the matrices; 0: what --layers says learns in the first task.
        learner: on the frozen vectors, of the kind `frozen`: ncm, slda, ridge, ranpac ...
    """

    rank: int = 4
    learner: str = "slda"

    def __post_init__(self) -> None:
        check_number("--set rank", self.rank, 0, whole=True)
        check_choice("--set learner", self.learner, names("frozen"))

    def layers(self, number: int, asked: str) -> str:
        """LoRA of this rank, or what was asked for."""
        return f"lora:{self.rank}" if self.rank else asked

    def trains(self, number: int) -> bool:
        """The first task alone."""
        return number == 0

    def after_task(self, task: Finished) -> dict[str, Tensor]:
        """The learner's statistics, with this task's vectors."""
        model = _learner(self.learner, task.kept)
        for x, y in task.images():
            model.partial_fit(said_of(task.network, task.classifier, x)[0].cpu().numpy(), y.cpu().numpy())
        return {name: torch.from_numpy(np.ascontiguousarray(one)) for name, one in model.state().items()}

    def scores(self, features: Tensor, logits: Tensor, kept: Tensors) -> Tensor:
        """The learner's; with one class there is nothing to tell apart."""
        model = _learner(self.learner, kept)
        scores = torch.full((len(features), logits.shape[1]), -torch.inf, dtype=torch.float64)
        if len(model.classes_) < 2:
            scores[:, model.classes_] = 0.0
        else:
            scores[:, model.classes_] = torch.from_numpy(model.decision_function(features.cpu().numpy()))
        return scores


def _learner(name: str, kept: Tensors) -> Any:
    method = load("frozen", name)
    return method.from_state({key: value.cpu().numpy() for key, value in kept.items()})
