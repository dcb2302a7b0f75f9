"""One interface over every network: pixels → maps → tokens → one vector.

Any timm or torchvision network, and our own, behind `Encoder`: images in [0, 1] go in, the network's own mean and
standard deviation are taken off inside, channels-last networks and vision transformers give maps like the others.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ..core.checks import InputError, bad
from .contract import FeatureInfo, NotSquare
from .layers import Layer, find_layer
from .modes import evaluating


class NetworkEncoder(nn.Module):
    """A network without its classifier: the contract `Encoder` for any network in timm's interface.

    Attributes:
        name: canonical name, `timm:NAME` or `torchvision:NAME`.
        num_features: length D of the pooled vector.
        input_shape: height and width in pixels that the network was made for.
        input_size: side of that square; InputError where it is none.
        feature_info: one `FeatureInfo` a map, from shallow to deep; none where the network has no plain maps, and
            `maps` then says so.
        config: timm's pretrained configuration (crop, interpolation, mean, std ...), with the `model_args` that the
            network was built with where these are not its own.
        ends: the layer that it ends at (see `LayerEncoder`); empty where it ends where its network does.
    """

    input_size: int
    ends: str = ""

    def __init__(
        self, name: str, network: nn.Module, config: dict[str, Any], input_size: int | tuple[int, int]
    ) -> None:
        super().__init__()
        self.name, self.network, self.config = name, network, config
        self.input_shape = input_size if isinstance(input_size, tuple) else (input_size, input_size)
        if self.input_shape[0] == self.input_shape[1]:
            self.input_size = self.input_shape[0]
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, -1, 1, 1), persistent=False)
        self.no_maps = ""
        with evaluating(self), torch.no_grad():
            blank = torch.zeros(1, 3, *self.input_shape)
            try:
                vector = self.pooled(blank)
            except InputError:
                raise
            except Exception as error:  # a network fails in its own way at a size that it does not take
                pixels = " x ".join(map(str, self.input_shape))
                raise InputError(f"backbone: {name} takes no picture of {pixels} pixels: {error}") from error
            if not isinstance(vector, Tensor) or vector.ndim != 2:
                raise bad(
                    f"{name}: global_pool",
                    f"{_pooling(network)!r}, which gives {_shape(vector)}",
                    "a pooling that gives one vector an image",
                    "Build it with avg, max, token ... as the network takes them.",
                )
            probe = self._probe(blank)
            self._last_cells = probe[-1].shape[2] * probe[-1].shape[3] if probe else 0
            self.tokens_are_cells = bool(probe) and self._cells(blank) == self._last_cells
        self.num_features = int(vector.shape[1])
        modules = [info["module"] for info in getattr(network, "feature_info", [])]
        modules = modules if len(modules) == len(probe) else [f"map{i}" for i in range(len(probe))]
        self.feature_info = [
            FeatureInfo(m.shape[1], round(self.input_shape[1] / m.shape[-1]), module)
            for m, module in zip(probe, modules)
        ]

    def __getattr__(self, name: str) -> Any:
        """Say why there is no `input_size` where the network's pictures are no squares."""
        if name == "input_size":
            raise NotSquare(
                f"{self.name}: expected a network for square pictures here, got one for "
                f"{self.input_shape[0]} x {self.input_shape[1]} pixels. It can embed, index and probe."
            )
        return super().__getattr__(name)

    def _probe(self, blank: Tensor) -> list[Tensor]:
        """The maps of a blank picture; none, and `no_maps` says why, where the network has no plain ones."""
        try:
            found = self.maps(blank)
            plain = bool(found) and all(isinstance(one, Tensor) and one.ndim == 4 for one in found)
            why = "its features are no grid of cells" if not plain else ""
        except Exception as error:  # each network without plain maps fails in its own way
            found, why = [], f"{type(error).__name__}: {error}"
        if why:
            self.no_maps = (
                f"backbone: {self.name} gives no plain maps ({why}); it can embed images whole, index and search, "
                "and for maps, layers and regions another network is needed"
            )
        return [] if why else found

    def normalise(self, x_NCHW: Tensor) -> Tensor:
        """Take the network's mean off and divide by its standard deviation."""
        return (x_NCHW - self.mean) / self.std

    def maps(self, x_NCHW: Tensor) -> list[Tensor]:
        """All maps (N, C, h, w), from shallow to deep, of images in [0, 1]."""
        if self.no_maps:
            raise InputError(self.no_maps)
        x = self.normalise(x_NCHW)
        return list(self.network.forward_intermediates(x, intermediates_only=True, output_fmt="NCHW"))

    def last_map(self, x_NCHW: Tensor) -> Tensor:
        """The last features as a map (N, D, h, w): what `pooled` averages; class and register tokens left out.

        Of a network that ends in several branches, or in tokens that are not the cells of a grid: the last of `maps`.
        """
        if not hasattr(self.network, "forward_features"):
            return self.maps(x_NCHW)[-1]
        features = self.network.forward_features(self.normalise(x_NCHW))
        if isinstance(features, Tensor) and features.ndim == 4:
            nhwc = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if nhwc else features
        if not self.tokens_are_cells:
            return self.maps(x_NCHW)[-1]
        cells = features[:, getattr(self.network, "num_prefix_tokens", 0) :].transpose(1, 2)
        height = round((cells.shape[2] * x_NCHW.shape[2] / x_NCHW.shape[3]) ** 0.5)
        return cells.unflatten(2, (height, cells.shape[2] // height))

    def _cells(self, x_NCHW: Tensor) -> int:
        """How many tokens the last features hold beside class and register tokens; 0 where they are no tokens."""
        if not hasattr(self.network, "forward_features"):
            return 0
        features = self.network.forward_features(self.normalise(x_NCHW))
        if not isinstance(features, Tensor) or features.ndim != 3:
            return 0
        return features.shape[1] - getattr(self.network, "num_prefix_tokens", 0)

    def tokens(self, x_NCHW: Tensor) -> Tensor:
        """The last features as (N, T, D): a token for each cell, in rows."""
        return self.last_map(x_NCHW).flatten(2).transpose(1, 2)

    def layer(self, name: str) -> Layer:
        """What one module of the network gives for images in [0, 1], as a map, tokens or a vector.

        Args:
            name: the module's own (`blocks.11`, `layer3.1`), or that of the papers for AlexNet and VGG (`conv5`).

        Raises:
            InputError: an unknown name, with those that are near; a module that gives no tensor for each picture.
        """
        return find_layer(name, self.network, self.normalise, self.input_shape, self._last_cells)

    def pooled(self, x_NCHW: Tensor) -> Tensor:
        """One vector (N, D) an image: what the network gives its own classifier."""
        x = self.normalise(x_NCHW)
        if not hasattr(self.network, "forward_head"):
            return self.network(x)
        return self.network.forward_head(self.network.forward_features(x), pre_logits=True)

    def beyond(self) -> list[nn.Parameter]:
        """The parameters that the vector does not depend on; none where it ends where its network does."""
        return []

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The pooled vector (N, D)."""
        return self.pooled(x_NCHW)


def _pooling(network: nn.Module) -> str | None:
    from .libraries.timm import pooling_of

    return pooling_of(network)


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
