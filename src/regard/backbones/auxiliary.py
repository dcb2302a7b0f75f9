"""Heads in the middle of a deep network, which train its early layers with the labels and are thrown away after.

Szegedy et al. 2015 (Going deeper with convolutions, CVPR, arXiv 1409.4842, section 5): the loss is that of the last
head and 0.3 times that of each auxiliary one. A network says which ones it has by its attribute `auxiliary`; whoever
trains with labels calls `with_auxiliaries` and `loss_of`, which add nothing for other networks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

Head = TypeVar("Head", bound=nn.Module)


@dataclass(frozen=True)
class Auxiliary:
    """One head.

    Attributes:
        module: of the network, whose output (N, C, h, w) it stands on.
        build: the head, from the number of classes: a map to logits (N, classes).
        weight: how much its loss counts.
    """

    module: str
    build: Callable[[int], nn.Module]
    weight: float = 0.3


def auxiliaries_of(encoder: Any) -> tuple[Auxiliary, ...]:
    """The auxiliary heads that a network has; none for most."""
    return getattr(getattr(encoder, "network", None), "auxiliary", ())


def with_auxiliaries(head: Head, encoder: Any, classes: int) -> Head:
    """Give a head on the last features those of the network's middle, as its part `auxiliary`; returns the head."""
    if wanted := auxiliaries_of(encoder):
        head.auxiliary = nn.ModuleList(one.build(classes) for one in wanted)
    return head


def logits_of(encoder: Any, head: nn.Module, inputs: Tensor) -> tuple[Tensor, list[tuple[float, Tensor]]]:
    """Logits (N, classes) of the last head and, in training, the weight and logits of each auxiliary one.

    The network runs once.
    """
    wanted = auxiliaries_of(encoder)
    if not wanted or not head.training or not hasattr(head, "auxiliary"):
        return head(encoder(inputs)), []
    kept: dict[str, Tensor] = {}
    hooks = [
        encoder.network.get_submodule(one.module).register_forward_hook(
            lambda _module, _inputs, output, name=one.module: kept.__setitem__(name, output)
        )
        for one in wanted
    ]
    try:
        logits = head(encoder(inputs))
    finally:
        for hook in hooks:
            hook.remove()
    return logits, [(one.weight, part(kept[one.module])) for one, part in zip(wanted, head.auxiliary)]


def loss_of(encoder: Any, head: nn.Module, inputs: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """The loss of the last head's logits and, in training, of each auxiliary one's by its weight; and these logits."""
    logits, beside = logits_of(encoder, head, inputs)
    return loss(logits) + sum(weight * loss(more) for weight, more in beside), logits
