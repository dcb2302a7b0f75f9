"""What several layers give in one run of a network, each as a map, with autograd's graph where it is asked for."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...backbones.layers import Layer
from ...core.checks import InputError, bad
from .graph import See


def with_maps(layers: Sequence[Layer], see: See, x_NCHW: Tensor) -> tuple[list[Tensor], Tensor]:
    """Run a network once and keep what the layers give on the way.

    Args:
        layers: of the network that `see` runs.
        see: images to an output.
        x_NCHW: images (N, 3, H, W) in [0, 1].

    Returns:
        What each layer gives as `as_map` takes it, on the way to the output; and the output.

    Raises:
        InputError: a layer that has no part in the output.
    """
    kept: dict[int, Tensor] = {}

    def keep(place: int):  # type: ignore[no-untyped-def]
        def hook(_module: nn.Module, _given: object, output: object) -> object:
            if not isinstance(output, Tensor):
                return output
            kept[place] = output
            return output.clone()  # the module that follows may work in place

        return hook

    hooks = [one.network.get_submodule(one.module).register_forward_hook(keep(at)) for at, one in enumerate(layers)]
    try:
        output = see(x_NCHW)
    finally:
        for hook in hooks:
            hook.remove()
    missing = [one.name for at, one in enumerate(layers) if at not in kept]
    if missing:
        raise InputError(f"layer: {missing[0]!r} gives no tensor of its own, or has no part in the network's vector")
    return [kept[at] for at in range(len(layers))], output


def as_map(layer: Layer, output: Tensor, shape: Sequence[int]) -> Tensor:
    """A layer's output as a map (N, C, h, w): tokens as the grid of their cells, a vector as one cell.

    Args:
        layer: which gave it.
        output: as `with_maps` keeps it.
        shape: height and width of the images.

    Raises:
        InputError: tokens that are no grid.
    """
    if layer.layout == "NTC":
        cells = output[:, layer.prefix :].transpose(1, 2)
        many = cells.shape[2]
        rows = max(1, round((many * shape[0] / shape[1]) ** 0.5))
        if many % rows:
            raise bad("layer", f"{layer.name!r}, which gives {many} tokens", "a layer whose tokens are a grid of cells")
        return cells.unflatten(2, (rows, many // rows))
    if output.ndim == 2:
        return output[:, :, None, None]
    return output.permute(0, 3, 1, 2) if layer.channels_last else output


class LayerMap:
    """A layer as a function of images: its map (N, C, h, w), for `deconvnet`.

    Attributes:
        layer: of a network.
        network: which has it.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer, self.network = layer, layer.network

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """The map of images (N, 3, H, W) in [0, 1]."""
        (kept,), _ = with_maps([self.layer], lambda x: self.network(self.layer.normalise(x)), x_NCHW)
        return as_map(self.layer, kept, tuple(x_NCHW.shape[2:]))


def blank(layer: Layer, shape: Sequence[int]) -> Tensor:
    """One grey image of a height and width, where the network's weights are."""
    device = next((value.device for value in layer.network.parameters()), None)
    return torch.full((1, 3, *shape), 0.5, device=device)
