"""One network for two domains: layers and weights that are others for the source than for the target.

Before training a method puts modules below `ByDomain` into the network (`DeepMethod.equip`). They are told how many
images of a batch, the first ones, are the source's; whenever nothing is told, all are the target's. So a network that
is looked at or scored is the target's, and in the end (`DeepMethod.settle`) its weights become those of a plain
network: by `fold` where weights were parametrized.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized, remove_parametrizations

from ...core.checks import bad


class ByDomain(nn.Module):
    """What is another for each domain.

    Attributes:
        sources: how many images of the batch, the first ones, are the source's. A weight, which cannot be two at once,
            is the source's where there are any.
    """

    sources: int = 0

    def fresh(self) -> Iterable[nn.Parameter]:
        """What of it was not learned before, so that it learns at the rate of a new head, not of the network."""
        return ()


Kind = TypeVar("Kind", bound=ByDomain)


class told:
    """Say for a block how many images, the first ones of the batch, are the source's."""

    def __init__(self, network: nn.Module, sources: int) -> None:
        self.found = [one for one in network.modules() if isinstance(one, ByDomain)]
        self.sources = sources

    def __enter__(self) -> None:
        for one in self.found:
            one.sources = self.sources

    def __exit__(self, *_: object) -> None:
        for one in self.found:
            one.sources = 0


class still:
    """Keep the running statistics of batch normalisation for a block: the source passes, and leaves no trace."""

    def __init__(self, network: nn.Module) -> None:
        self.layers: list[Any] = [one for one in network.modules() if isinstance(one, _BatchNorm) and one.training]

    def __enter__(self) -> None:
        self.momenta = [one.momentum for one in self.layers]
        self.counts = [None if (n := one.num_batches_tracked) is None else n.clone() for one in self.layers]
        for one in self.layers:
            one.momentum = 0.0

    def __exit__(self, *_: object) -> None:
        for one, momentum, count in zip(self.layers, self.momenta, self.counts):
            one.momentum = momentum
            if count is not None:
                one.num_batches_tracked.copy_(count)


class without_batch:
    """Let batch normalisation use its running statistics for a block: one image has none of its own."""

    def __init__(self, network: nn.Module) -> None:
        self.layers = [one for one in network.modules() if isinstance(one, _BatchNorm) and one.training]

    def __enter__(self) -> None:
        for one in self.layers:
            one.training = False

    def __exit__(self, *_: object) -> None:
        for one in self.layers:
            one.training = True


def in_turn(encoder: nn.Module, source: Tensor, target: Tensor) -> Tensor:
    """Features (n + m, D) of both domains, each through its own stream; the running statistics are the target's."""
    found = []
    for images, sources in ((source, len(source)), (target, 0)):
        if not len(images):
            continue
        with told(encoder, sources):
            if len(images) == 1:
                with without_batch(encoder):
                    found.append(encoder(images))
            elif sources:
                with still(encoder):
                    found.append(encoder(images))
            else:
                found.append(encoder(images))
    return torch.cat(found)


def weights_of(network: nn.Module, kind: type[Kind]) -> Iterator[tuple[str, Tensor, Kind]]:
    """Names, target's weights and modules, of all weights that are parametrized by this kind.

    The weight is that which stands in the network: what `kind` makes the domain's weights of.
    """
    for name, one in network.named_modules():
        if isinstance(one, ParametrizationList) and isinstance(one[-1], kind):
            yield name.replace(".parametrizations.", "."), one.original, one[-1]


def fold(network: nn.Module, kind: type[ByDomain]) -> list[str]:
    """Make the target's weights the network's own, plain ones; returns the names of their layers."""
    folded = []
    for name, one in list(network.named_modules()):
        if not is_parametrized(one):
            continue
        for weight in list(one.parametrizations):
            if isinstance(one.parametrizations[weight][-1], kind):
                remove_parametrizations(one, weight, leave_parametrized=True)
                folded.append(name)
    return folded


def chosen_layers(network: nn.Module, patterns: str, kinds: tuple[type[nn.Module], ...], setting: str) -> list[str]:
    """Names of the layers of some kinds that have weights and one of these names, in the network's order.

    Args:
        network: a network, or an encoder around one, whose `network.` is not part of the names.
        patterns: names as in `named_modules`, with `*` for anything, apart by commas.
        kinds: of the layers.
        setting: what chose the names, for the message.

    Raises:
        InputError: no such layer.

    >>> from regard.backbones.encoder import make_encoder
    >>> chosen_layers(make_encoder("convnet4"), "blocks.0*, blocks.3.1", (nn.Module,), "related")
    ['blocks.0.0', 'blocks.0.1', 'blocks.3.1']
    """
    inside = getattr(network, "network", network)
    there = [
        name
        for name, one in inside.named_modules()
        if isinstance(one, kinds) and next(one.parameters(recurse=False), None) is not None
    ]
    asked = [one.strip() for one in patterns.split(",")]
    found = [name for name in there if any(fnmatchcase(name, one) for one in asked)]
    if not found:
        some = f"Such as {', '.join(there[:5])}." if there else "Take another network with --with."
        raise bad(f"--set {setting}", repr(patterns), "names of layers of the network", some)
    return found
