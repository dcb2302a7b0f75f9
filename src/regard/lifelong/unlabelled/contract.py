"""The contract of methods that learn task after task without labels: what is foretold, and how far off it is.

A method is one file in `lifelong/unlabelled/methods/` whose `Method` is a frozen dataclass below `UnlabelledMethod`:
its fields are its settings. Beside the task's own loss a network of two layers, new in each task, foretells from what
the network says now what the network of before the task says of the same views; that network learns nothing.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from ...core.checks import check_number
from ...learning.objective import Objective


@dataclass(frozen=True)
class UnlabelledMethod:
    """A way of learning one task after another from images alone.

    Attributes:
        of: what is foretold: the encoder's `features`, or the `embeddings` that the task's loss compares.
    """

    of: ClassVar[Literal["features", "embeddings"]] = "features"

    @property
    def remembers(self) -> bool:
        """Whether anything is done against forgetting; if not, training is that of `finetune`, to the bit."""
        return False

    def predictor(self, width: int) -> nn.Module:
        """From vectors (N, width) of now to those of before; needed where something is remembered."""
        raise TypeError(f"{type(self).__module__} foretells nothing")

    def loss(self, objective: Objective, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """How far off the predictions are, already weighted; float32 in, a number out."""
        return predicted_ND.new_zeros(())


@dataclass(frozen=True)
class Foretelling(UnlabelledMethod):
    """A method that foretells.

    Attributes:
        weight: of what is foretold; 0 learns as `finetune` does, to the bit.
        hidden: width of the predictor's hidden layer.
    """

    weight: float = 1.0
    hidden: int = 2048

    def __post_init__(self) -> None:
        check_number("--set weight", self.weight, 0)
        check_number("--set hidden", self.hidden, 1, whole=True)

    @property
    def remembers(self) -> bool:
        """Whether the weight is above 0."""
        return self.weight > 0

    def predictor(self, width: int) -> nn.Sequential:
        """Linear, batch normalisation, ReLU, linear."""
        return nn.Sequential(
            nn.Linear(width, self.hidden), nn.BatchNorm1d(self.hidden), nn.ReLU(), nn.Linear(self.hidden, width)
        )
