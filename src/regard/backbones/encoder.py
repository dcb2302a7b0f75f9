"""One interface over every network: pixels → maps → tokens → one vector.

Any timm or torchvision network, and our own, behind `Encoder`: images in [0, 1] go in, the network's own mean and
standard deviation are taken off inside, channels-last networks and vision transformers give maps like the others.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..core.checks import InputError, check_choice, check_number
from ..core.discover import load, names
from ..core.runtime import seeded_init


@dataclass(frozen=True)
class FeatureInfo:
    """One map: its channels, how many pixels of the input one cell spans, and the module that makes it."""

    channels: int
    reduction: int
    module: str


class Encoder(nn.Module):
    """A network without its classifier.

    Attributes:
        name: canonical name, `timm:NAME` or `torchvision:NAME`.
        num_features: length D of the pooled vector.
        input_size: side in pixels that the network was made for.
        feature_info: one `FeatureInfo` a map, from shallow to deep.
        config: timm's pretrained configuration (crop, interpolation, mean, std ...).
    """

    def __init__(self, name: str, network: nn.Module, config: dict[str, Any], input_size: int) -> None:
        super().__init__()
        self.name, self.network, self.config, self.input_size = name, network, config, input_size
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, -1, 1, 1), persistent=False)
        with evaluating(self), torch.no_grad():
            blank = torch.zeros(1, 3, input_size, input_size)
            probe = self.maps(blank)
            self.num_features = int(self.pooled(blank).shape[1])
        modules = [info["module"] for info in network.feature_info]
        modules = modules if len(modules) == len(probe) else [f"map{i}" for i in range(len(probe))]
        self.feature_info = [
            FeatureInfo(m.shape[1], round(input_size / m.shape[-1]), module) for m, module in zip(probe, modules)
        ]

    def normalise(self, x_NCHW: Tensor) -> Tensor:
        """Take the network's mean off and divide by its standard deviation."""
        return (x_NCHW - self.mean) / self.std

    def maps(self, x_NCHW: Tensor) -> list[Tensor]:
        """All maps (N, C, h, w), from shallow to deep, of images in [0, 1]."""
        x = self.normalise(x_NCHW)
        return list(self.network.forward_intermediates(x, intermediates_only=True, output_fmt="NCHW"))

    def last_map(self, x_NCHW: Tensor) -> Tensor:
        """The last features as a map (N, D, h, w): what `pooled` averages; class and register tokens left out."""
        if not hasattr(self.network, "forward_features"):
            return self.maps(x_NCHW)[-1]
        features = self.network.forward_features(self.normalise(x_NCHW))
        if features.ndim == 4:
            nhwc = getattr(self.network, "output_fmt", "NCHW") == "NHWC"
            return features.permute(0, 3, 1, 2) if nhwc else features
        cells = features[:, getattr(self.network, "num_prefix_tokens", 0) :].transpose(1, 2)
        height = round((cells.shape[2] * x_NCHW.shape[2] / x_NCHW.shape[3]) ** 0.5)
        return cells.unflatten(2, (height, cells.shape[2] // height))

    def tokens(self, x_NCHW: Tensor) -> Tensor:
        """The last features as (N, T, D): a token for each cell, in rows."""
        return self.last_map(x_NCHW).flatten(2).transpose(1, 2)

    def pooled(self, x_NCHW: Tensor) -> Tensor:
        """One vector (N, D) an image: what the network gives its own classifier."""
        x = self.normalise(x_NCHW)
        if not hasattr(self.network, "forward_head"):
            return self.network(x)
        return self.network.forward_head(self.network.forward_features(x), pre_logits=True)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """The pooled vector (N, D)."""
        return self.pooled(x_NCHW)


def make_encoder(name: str, *, pretrained: bool = False, seed: int = 0, size: int | None = None) -> Encoder:
    """Build an encoder by name.

    Args:
        name: one of ours (`convnet4`), any timm or torchvision network: `resnet18`, `timm:vit_tiny_patch16_224`,
            `torchvision:vgg16`. Without a prefix ours come first, then timm's, then torchvision's.
        pretrained: fetch the weights that timm or torchvision publish. Only this needs the network.
        seed: what the first weights are drawn from where `pretrained` is False.
        size: side of the input in pixels, where it is not the network's own.

    Raises:
        InputError: unknown name (with the nearest one), a size that the network refuses, weights out of reach.
    """
    library, _, network = name.rpartition(":")
    if library:
        check_choice("backbone", library, ["timm", "torchvision"])
    if size is not None:
        check_number("size", size, 8, 4096, whole=True)
    with seeded_init(seed):
        if library != "torchvision" and (network in names("backbone") or _timm_has(network)):
            return _timm(network, pretrained, size)
        from . import torchvision_networks

        if network in torchvision_networks.names() and library != "timm":
            return Encoder(*torchvision_networks.build(network, pretrained, size))
    check_choice("backbone", network, _known(library))
    raise InputError(f"backbone: {name!r} cannot be built")


def _timm(name: str, pretrained: bool, size: int | None) -> Encoder:
    import timm

    if name in names("backbone"):
        load("backbone", name)
    default = timm.get_pretrained_cfg(name, allow_unregistered=True)
    own = (default.input_size if default is not None else (3, 224, 224))[-1]
    fixed = bool(default is not None and default.fixed_input_size)
    options = {"img_size": size} if size and size != own and fixed else {}
    try:
        network = timm.create_model(name, pretrained=pretrained, num_classes=0, **options)
    except Exception as error:
        if pretrained:
            raise InputError(
                f"timm:{name}: its weights could not be fetched ({type(error).__name__}: {error}). "
                f"Without a connection use `imagenet`, a saved folder, or `random:{name}`."
            ) from error
        raise InputError(f"backbone: timm cannot build {name!r} at size {size or own}: {error}") from error
    if not hasattr(network, "forward_intermediates"):
        raise InputError(f"backbone: timm's {name!r} gives no maps (no forward_intermediates); use another network")
    return Encoder(f"timm:{name}", network, dict(network.pretrained_cfg), size or own)


def _timm_has(name: str) -> bool:
    import timm

    return timm.is_model(name.partition(".")[0])


def _known(library: str) -> list[str]:
    import timm

    from . import torchvision_networks

    of_timm = [] if library == "torchvision" else [*names("backbone"), *timm.list_models()]
    return sorted({*of_timm, *([] if library == "timm" else torchvision_networks.names())})


class evaluating:
    """Put a module in evaluation mode for a block, and give it back as it was."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        self.modes = [(m, m.training) for m in self.module.modules()]
        self.module.eval()

    def __exit__(self, *_: object) -> None:
        for module, mode in self.modes:
            module.training = mode
