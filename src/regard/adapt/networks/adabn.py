"""AdaBN: the weights stay, and every batch normalisation takes the target's statistics in place of the source's.

Li et al. 2018, Adaptive batch normalization for practical domain adaptation, Pattern Recognition 80. Nothing is
trained. `exact` goes over the target once for each layer, in the order of the layers, so that a layer's statistics are
those of inputs that are normalised as they will be; what an affine change of a layer's channels did is undone exactly.
`streaming` takes one pass. A weight between 0 and 1 mixes both domains' statistics.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from ...core.checks import bad, check_choice
from ..deep.contract import DeepMethod, Images
from ..deep.statistics import in_order, layers_with_statistics, streaming


@dataclass(frozen=True)
class Method(DeepMethod):
    """AdaBN.

    Attributes:
        weight: share of the target's statistics, in [0, 1].
        form: exact, or streaming in one pass.
    """

    form: Literal["exact", "streaming"] = "exact"

    learns: ClassVar[bool] = False
    even: ClassVar[bool] = False
    most: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("--set form", self.form, ["exact", "streaming"])

    def admits(self, network: nn.Module) -> None:
        """Raise InputError where there is no batch normalisation."""
        if not layers_with_statistics(network):
            raise bad("--with", "a network without batch normalisation", "one that adabn can adapt, such as resnet18")

    def settle(self, network: nn.Module, images: Images) -> None:
        """Take the target's statistics; at weight 0 nothing is looked at."""
        if self.weight == 0:
            return
        if self.form == "exact":
            in_order(network, images, self.weight)
        else:
            streaming(network, images(), self.weight)
