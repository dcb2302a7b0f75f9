"""The statistics of batch normalisation over a set of images: of every layer, any dimension, exact or in one pass."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Moments:
    """Mean and population variance of each channel over batches (N, C, ...), joined without loss (Chan et al. 1979).

    >>> moments = Moments()
    >>> for part in ([[0.0], [2.0]], [[4.0]]):
    ...     moments.add(torch.tensor(part))
    >>> moments.mean.item(), round(moments.variance.item(), 4)
    (2.0, 2.6667)
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Tensor = torch.zeros(())
        self.squares: Tensor = torch.zeros(())

    def add(self, x: Tensor) -> None:
        """Take in a batch, in float64."""
        values = x.detach().movedim(1, -1).reshape(-1, x.shape[1])
        values = values.to(torch.float32 if x.device.type == "mps" else torch.float64)
        n, mean = len(values), values.mean(0)
        squares = (values - mean).square().sum(0)
        if self.count == 0:
            self.count, self.mean, self.squares = n, mean, squares
            return
        total, apart = self.count + n, mean - self.mean
        self.mean = self.mean + apart * (n / total)
        self.squares = self.squares + squares + apart.square() * (self.count * n / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        """(C,) with n below: the whole set then has variance 1 after the layer."""
        return self.squares / self.count


def layers_with_statistics(network: nn.Module) -> dict[str, nn.Module]:
    """Every layer that normalises by a stored mean and variance of each channel, by name: BatchNorm1d to 3d and kin."""
    return {
        name: module
        for name, module in network.named_modules()
        if torch.is_tensor(getattr(module, "running_mean", None))
        and torch.is_tensor(getattr(module, "running_var", None))
        and not isinstance(module, nn.modules.instancenorm._InstanceNorm)
    }


class _Enough(Exception):
    """What is asked for has been seen."""


@torch.no_grad()
def in_order(network: nn.Module, images: Any, share: float = 1.0) -> None:
    """Replace the statistics of one layer after the other by those of its inputs over the whole set.

    A layer's inputs come from layers whose statistics are replaced already. One pass over the images for each layer,
    up to that layer.

    Args:
        network: changed in place; in evaluation mode.
        images: each call goes over all images once, in batches.
        share: how much of the new statistics is taken, in [0, 1]; the rest is what the layer had.
    """
    for layer, calls in _called(network, next(iter(images()))):
        moments, left = Moments(), [0]

        def look(_: nn.Module, given: tuple[Tensor, ...], moments: Moments = moments, left: list[int] = left) -> None:
            moments.add(given[0])
            left[0] -= 1
            if left[0] == 0:
                raise _Enough

        hook = layer.register_forward_pre_hook(look)
        try:
            for batch in images():
                left[0] = calls
                try:
                    network(batch)
                except _Enough:
                    pass
        finally:
            hook.remove()
        _put(layer, moments, share, layer.running_mean.clone(), layer.running_var.clone())


@torch.no_grad()
def streaming(network: nn.Module, batches: Iterable[Tensor], share: float = 1.0) -> None:
    """The same in one pass over a stream: each layer normalises by what it has seen until now.

    Layers deep in the network see inputs that were normalised by statistics still on their way, so the end is near to
    `in_order`, not equal to it. Batches of one image do.
    """
    hooks = []
    for layer in layers_with_statistics(network).values():
        before = layer.running_mean.clone(), layer.running_var.clone()

        def look(
            layer: nn.Module,
            given: tuple[Tensor, ...],
            moments: Moments = Moments(),  # noqa: B008  (one for each layer: the function is made anew)
            before: tuple[Tensor, Tensor] = before,
        ) -> None:
            moments.add(given[0])
            _put(layer, moments, share, *before)

        hooks.append(layer.register_forward_pre_hook(look))
    try:
        for batch in batches:
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()


def _put(layer: Any, moments: Moments, share: float, mean: Tensor, variance: Tensor) -> None:
    layer.running_mean.copy_((1 - share) * mean + share * moments.mean)
    layer.running_var.copy_((1 - share) * variance + share * moments.variance)


def _called(network: nn.Module, batch: Tensor) -> list[tuple[nn.Module, int]]:
    """The layers in the order in which the network calls them first, and how often each is called."""
    calls: dict[int, int] = {}
    found = layers_with_statistics(network)

    def note(layer: nn.Module, _: object) -> None:
        calls[id(layer)] = calls.get(id(layer), 0) + 1

    hooks = [layer.register_forward_pre_hook(note) for layer in found.values()]
    try:
        network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    by_id = {id(layer): layer for layer in found.values()}
    return [(by_id[one], count) for one, count in calls.items()]
