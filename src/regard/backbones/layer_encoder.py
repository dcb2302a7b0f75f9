"""A network that ends at one of its layers: what comes after has no part in its maps and vectors.

Early layers are the general ones (Yosinski et al. 2014, How transferable are features in deep neural networks, NIPS),
and what is learned without labels often transfers best from the middle (Zhang, Isola and Efros 2017, CVPR). So papers
compare `conv1` ... `conv5` and `fc7` as descriptors, and put new classifiers on them.
"""

import re

import torch
from torch import Tensor, nn

from ..core.checks import InputError, bad
from .contract import FeatureInfo
from .modes import evaluating
from .network_encoder import NetworkEncoder


class LayerEncoder(NetworkEncoder):
    """The encoder of another network's layers up to one; the network is the same object, not a copy.

    The pooled vector is the layer's average over cells, without class and register tokens, or the vector itself. The
    maps are those of the network's stages that are done when the layer is, and the layer's own, which comes last; a
    layer that gives a vector has none.

    Args:
        whole: an encoder that ends where its network does.
        layer: as `Encoder.layer` takes it, or the place of a map (`2`, `-1`).

    Raises:
        InputError: no such layer (with those that are near), one that gives no tensor for each picture, or an encoder
            that ends at a layer already.

    >>> from regard.backbones.encoder import make_encoder
    >>> short = LayerEncoder(make_encoder("convnet4"), "blocks.1")
    >>> short.num_features, [info.module for info in short.feature_info]
    (64, ['blocks.0', 'blocks.1'])
    """

    def __init__(self, whole: NetworkEncoder, layer: str | int) -> None:
        nn.Module.__init__(self)
        if whole.ends:
            got = f"{layer!r} of {whole.name}, which ends at {whole.ends!r} already"
            raise bad("layer", got, "a layer of a whole network")
        self.name, self.network, self.config = whole.name, whole.network, whole.config
        self.input_shape, self._last_cells = whole.input_shape, whole._last_cells
        if self.input_shape[0] == self.input_shape[1]:
            self.input_size = self.input_shape[0]
        self.register_buffer("mean", whole.mean, persistent=False)
        self.register_buffer("std", whole.std, persistent=False)
        self.tokens_are_cells = False  # of the whole network's last map
        self.ends = _by_place(whole, str(layer))
        self.end = self.layer(self.ends)
        self.num_features = self.end.channels
        self._stages = self._done(whole)
        blank = torch.zeros(1, 3, *self.input_shape, device=self.mean.device)
        with evaluating(self), torch.no_grad():
            found = self.end(blank)
            own = self._as_map(found, blank)
        self.no_cells = "" if own is not None else self._without_cells(found)
        self.feature_info = [whole.feature_info[place] for place in self._stages]
        if own is not None:
            stride = round(self.input_shape[1] / own.shape[-1])
            module = self.end.module.removeprefix("body.") if whole.name.startswith("torchvision:") else self.end.module
            self.feature_info.append(FeatureInfo(self.num_features, stride, module))
        self.no_maps = "" if self.feature_info else self.no_cells

    def _done(self, whole: NetworkEncoder) -> list[int]:
        """The places of the stages that have run when the layer has, but for the layer's own."""
        order: list[str] = []
        hooks = [
            module.register_forward_hook(lambda _m, _i, _o, name=name: order.append(name))
            for name, module in self.network.named_modules()
        ]
        try:
            with evaluating(self), torch.no_grad():
                self.network(self.normalise(torch.zeros(1, 3, *self.input_shape, device=self.mean.device)))
        finally:
            for hook in hooks:
                hook.remove()
        end = len(order) - 1 - order[::-1].index(self.end.module)
        done = set(order[:end])
        names = [info.module for info in whole.feature_info]
        return [place for place, name in enumerate(names) if name in done or f"body.{name}" in done]

    def maps(self, x_NCHW: Tensor) -> list[Tensor]:
        """All maps (N, C, h, w), from shallow to deep, the layer's own last, of images in [0, 1]."""
        if self.no_maps:
            raise InputError(self.no_maps)
        below = super().maps(x_NCHW) if self._stages else []
        return [below[place] for place in self._stages] + ([] if self.no_cells else [self.last_map(x_NCHW)])

    def last_map(self, x_NCHW: Tensor) -> Tensor:
        """The layer's map (N, D, h, w); raises InputError where it gives a vector, or tokens that are no cells."""
        found = None if self.no_cells else self._as_map(self.end(x_NCHW), x_NCHW)
        if found is None:
            raise InputError(self.no_cells)
        return found

    def pooled(self, x_NCHW: Tensor) -> Tensor:
        """One vector (N, D) an image: the layer's average over cells, or the vector that it gives."""
        return self.end.mean(x_NCHW)

    def beyond(self) -> list[nn.Parameter]:
        """The parameters that the vector does not depend on: those behind the layer."""
        asked = [one for one in self.network.parameters() if one.requires_grad]
        if not asked:
            return []
        blank = torch.zeros(2, 3, *self.input_shape, device=self.mean.device)
        with evaluating(self), torch.enable_grad():
            slopes = torch.autograd.grad(self.pooled(blank).sum(), asked, allow_unused=True)
        return [one for one, slope in zip(asked, slopes) if slope is None]

    def _as_map(self, found: Tensor, x_NCHW: Tensor) -> Tensor | None:
        """The layer's output as a map; None where its rows are no cells of a grid."""
        if self.end.layout == "NCHW":
            return found
        cells = self._last_cells if x_NCHW.shape[2:] == self.input_shape else found.shape[1] - self.end.prefix
        if self.end.layout == "NC" or not cells or found.shape[1] != cells + self.end.prefix:
            return None
        height = round((cells * x_NCHW.shape[2] / x_NCHW.shape[3]) ** 0.5)
        return found[:, self.end.prefix :].transpose(1, 2).unflatten(2, (height, cells // height))

    def _without_cells(self, found: Tensor) -> str:
        what = "a vector" if self.end.layout == "NC" else f"{found.shape[1]} tokens that are no cells of a grid"
        return (
            f"layer: {self.ends!r} of {self.name} gives {what}; it can embed images whole, index and search, and for "
            "maps and regions a layer before it is needed"
        )


def _by_place(whole: NetworkEncoder, layer: str) -> str:
    """The name of a layer that is given by its place among the maps; any other as it is."""
    if not re.fullmatch(r"-?\d+", layer) or layer in dict(whole.network.named_modules()):
        return layer
    count = len(whole.feature_info)
    if whole.no_maps:
        raise InputError(whole.no_maps)
    if not -count <= int(layer) < count:
        raise bad("--layer", layer, f"a whole number from 0 to {count - 1} (or from the end, -{count} to -1)")
    return whole.feature_info[int(layer)].module
