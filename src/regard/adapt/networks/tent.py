"""Tent: at test time the scales and shifts of normalisation learn to make the predictions certain, and nothing else.

Wang et al. 2021, Tent: fully test-time adaptation by entropy minimization, ICLR. No source image is seen: what the
source has taught goes on from target images alone, in their own order and without views. Normalisation takes the
statistics of each batch, and its weights and biases follow the gradient of the mean entropy of the predictions,
-sum_k p_k log p_k in nats, once over the target; they are not put back in between.

Against the paper: what is kept is the network after its last step, with the statistics of the whole target, and all
predictions are its; the paper's are of each batch as it comes. Layers of any normalisation learn, not batch
normalisation alone. `lr` is .5 of the run's rate, the paper's 1e-3 where that is the usual one, and follows its
schedule. AdamW's steps do not grow with the loss, so that `weight` counts only beside known labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.checks import bad, check_number
from ...learning.trainable import START, Log, Moment, Player
from ..deep.contract import DeepMethod, Images, Seen
from ..deep.statistics import in_order, layers_with_statistics


def mean_entropy(logits_MK: Tensor) -> Tensor:
    """Mean entropy of softmax(logits), in nats.

    >>> round(float(mean_entropy(torch.zeros(3, 4))), 4)  # log 4
    1.3863
    """
    logs = torch.log_softmax(logits_MK, dim=1)
    return -(logs.exp() * logs).sum(1).mean()


def scales_and_shifts(network: nn.Module) -> list[nn.Parameter]:
    """Weights and biases of all layers that normalise, in the network's order.

    Such a layer stores statistics, or has "norm" in its class's name, as all of torch's and timm's have.
    """
    stored = {id(one) for one in layers_with_statistics(network).values()}
    return [
        parameter
        for one in network.modules()
        if id(one) in stored or "norm" in type(one).__name__.lower()
        for parameter in one.parameters(recurse=False)
        if parameter.ndim == 1
    ]


@dataclass(frozen=True)
class Method(DeepMethod):
    """Tent.

    Attributes:
        weight: of the entropy.
        passes: how often it goes over the target; 1 is the paper's.
        lr: times the run's learning rate.
    """

    passes: int = 1
    lr: float = 0.5

    needs_source: ClassVar[bool] = False
    as_is: ClassVar[bool] = True
    even: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set passes", self.passes, 1, whole=True)
        check_number("--set lr", self.lr, 0, open_low=True)

    def steps(self, one_pass: int) -> int:
        """Of all passes."""
        return self.passes * one_pass

    def admits(self, network: nn.Module) -> None:
        """Raise InputError where nothing normalises with a weight or a bias."""
        if not scales_and_shifts(network):
            raise bad("--with", "a network without weights of normalisation", "one that has some, such as resnet18")

    def players(self, everyone: Player, network: nn.Module, parts: nn.Module | None) -> Sequence[Player]:
        """One, with what normalises."""
        own = {id(one) for one in scales_and_shifts(network)}
        learning = [one for one in everyone.parameters if id(one) in own]
        if not learning:
            raise bad("--layers", "layers without weights of normalisation", "all, or more of the last ones")
        return [Player("all", learning, lr=self.lr)]

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Mean entropy of the target's predictions."""
        loss = mean_entropy(seen.target_logits)
        return loss, {"entropy": loss.detach()}

    def settle(self, network: nn.Module, images: Images) -> None:
        """Batch normalisation takes the statistics of the whole target; at weight 0 nothing is looked at."""
        if self.weight > 0 and layers_with_statistics(network):
            in_order(network, images)
