"""torchvision's classification networks: by name, or from a folder whose config.json names one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.checks import InputError, bad, check_choice
from ..contract import Built, Library
from ..published import weights_of
from ._torchvision_maps import Wrapped


def names() -> list[str]:
    """List torchvision's classification networks."""
    import torchvision

    return list(torchvision.models.list_models(module=torchvision.models))


def has(name: str) -> bool:
    """Whether there is such a network."""
    return name in names()


def build(name: str, pretrained: bool, size: int | None, arguments: Mapping[str, Any] | None = None) -> Built:
    """Build one network without its classifier; returns what `Encoder` takes.

    `arguments` are what a network with published weights was built with beside its own (`model_args` in its
    configuration), to build the same again without them.
    """
    import torchvision

    side = size or {"inception_v3": 299}.get(name, 224)
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        # the auxiliary classifiers serve training from labels only; pretrained weights insist on building them
        options = {} if pretrained else {"aux_logits": False, "init_weights": False}
    if name.startswith("vit") and size:
        options["image_size"] = size
    options |= arguments or {}
    if pretrained:
        weights = torchvision.models.get_model_weights(name).DEFAULT
        with weights_of(f"torchvision:{name}", url=weights.url):
            network = torchvision.models.get_model(name, weights=weights, **options)
    else:
        try:
            network = torchvision.models.get_model(name, weights=None, **options)
        except Exception as error:
            raise InputError(f"backbone: torchvision cannot build {name!r} at size {side}: {error}") from error
    config: dict[str, Any] = {
        "architecture": f"torchvision:{name}",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "crop_pct": 0.875,
        "interpolation": "bilinear",
    }
    if pretrained:
        # each set of weights has transforms of its own
        preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        side, resize = size or preset.crop_size[0], preset.resize_size[0]
        config |= {
            "mean": tuple(preset.mean),
            "std": tuple(preset.std),
            "crop_pct": preset.crop_size[0] / resize,
            "interpolation": preset.interpolation.value,
        }
    if pretrained and getattr(network, "transform_input", False):
        # these weights want the colours scaled anew inside the network, which only they turn on
        arguments = {"transform_input": True}
    if arguments:
        config["model_args"] = dict(arguments)
    config["input_size"] = (3, side, side)
    try:
        wrapped = Wrapped(network, side, channels_last="swin" in name)
    except InputError:
        raise
    except (RuntimeError, ValueError) as error:  # each network fails in its own way at a size that it does not take
        raise InputError(f"backbone: torchvision:{name} takes no picture of {side} pixels: {error}") from error
    return Built(f"torchvision:{name}", wrapped, config, side)


def read(folder: Path, config: Mapping[str, Any], size: int | tuple[int, int] | None) -> Built:
    """Build the network that a folder's config.json describes, without its weights.

    Raises:
        InputError: no network of torchvision, and arguments that it does not take.
    """
    where, arguments = f"{folder}/config.json", config.get("model_args")
    check_choice(f"{where}: architecture", str(config.get("architecture")), names())
    try:
        return build(config["architecture"], False, size if isinstance(size, int) else None, arguments)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError, LookupError, AttributeError, MemoryError) as error:
        given = f"model_args {arguments!r:.80}"
        raise bad(f"{where}: {given}", str(error)[:200], "what the network takes") from None


Method = Library(names, has, build, read, "`torchvision.models.list_models()` in Python")
