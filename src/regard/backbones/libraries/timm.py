"""timm's networks, and our own that timm knows: by name, or from a folder whose config.json is in timm's form.

Both are built by timm itself, so that its own reading of a configuration decides (`model_args`, the pooling, the size
of the input); what regard cannot honour of it is refused by the key's name.
"""

import inspect
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from ...core.checks import InputError, bad
from ...core.discover import load
from ...core.discover import names as discovered
from ..contract import Built, Library
from ..published import weights_of

# what timm reads at the top of config.json beside `pretrained_cfg`, or writes there for people to read
_TOP = ("architecture", "num_classes", "num_features", "global_pool", "label_names", "label_descriptions", "regard")
# where weights are, which is no part of what a network computes
_SOURCE = ("file", "source", "url", "hf_hub_id", "hf_hub_filename")


def names() -> list[str]:
    """List our own networks and timm's."""
    import timm

    return list(dict.fromkeys([*discovered("backbone"), *timm.list_models()]))  # ours are timm's too once loaded


def has(name: str) -> bool:
    """Whether there is such a network, with the tag of its weights or without."""
    import timm

    return name in discovered("backbone") or timm.is_model(name.partition(".")[0])


def build(name: str, pretrained: bool, size: int | None) -> Built:
    """Build one network without its classifier; returns what `Encoder` takes."""
    import timm

    _know(name)
    default = timm.get_pretrained_cfg(name, allow_unregistered=True)
    shape = tuple(default.input_size if default is not None else (3, 224, 224))
    fixed = bool(default is not None and default.fixed_input_size)
    own = (int(shape[1]), int(shape[2]))
    sides = (size, size) if size else own
    options: dict[str, Any] = {"img_size": size} if size and sides != own and fixed else {}
    if pretrained:
        if default is None or not default.has_weights:
            raise bad(f"timm:{name}", "a network without published weights", "one that has them", f"Try random:{name}.")
        with weights_of(f"timm:{name}", default):
            network = timm.create_model(name, pretrained=True, num_classes=0, **options)
        return Built(f"timm:{name}", network, _config(network, f"backbone {name}"), sides)
    try:
        network = timm.create_model(name, pretrained=False, num_classes=0, **options)
    except Exception as error:
        raise InputError(f"backbone: timm cannot build {name!r} at size {size or own[1]}: {error}") from error
    return Built(f"timm:{name}", network, _config(network, f"backbone {name}"), sides)


def read(folder: Path, config: Mapping[str, Any], size: int | tuple[int, int] | None) -> Built:
    """Build the network that a folder's config.json describes, as timm's `local-dir:` does, without its weights.

    Args:
        folder: holds config.json in timm's form, its old one without `pretrained_cfg` too.
        config: what that file says.
        size: side of the input in pixels that the network was built for, where that is kept beside timm's keys.

    Raises:
        InputError: keys that timm or regard cannot honour, by name and value.
    """
    import timm

    where, name = f"{folder}/config.json", config.get("architecture")
    if not isinstance(name, str) or not (name in discovered("backbone") or timm.is_model(name)):
        raise bad(f"{where}: architecture", repr(name), "the name of a network of timm")
    arguments = dict(config.get("model_args") or {})
    _colour(where, "model_args in_chans", arguments.get("in_chans"))
    if arguments.get("features_only"):
        raise bad(f"{where}: model_args features_only", "true", "a network that gives a vector", "Save it without.")
    _know(name)
    try:
        network = timm.create_model(f"local-dir:{folder}", pretrained=False, num_classes=0)
    except Exception as error:  # a keyword that the network does not take, a key that timm does not know ...
        given = f" with model_args {arguments}" if arguments else ""
        raise InputError(f"{where}: timm cannot build {name!r}{given}: {error}") from error
    found = _config(network, where)
    if arguments := {key: value for key, value in arguments.items() if key != "num_classes"}:
        found["model_args"] = arguments
    _check_top(where, config, network)
    size = size if size is None or isinstance(size, int) else (size[0], size[1])
    if size is None:
        size = (int(found["input_size"][1]), int(found["input_size"][2]))
    return Built(f"timm:{name}", network, found, (size, size) if isinstance(size, int) else (size[0], size[1]))


def _check_top(where: str, config: Mapping[str, Any], network: nn.Module) -> None:
    """Refuse keys at the top that say what the network or its pictures are, where timm does not read them there."""
    from timm.models import PretrainedCfg

    if "pretrained_cfg" not in config:  # the old form, in which all of it is that
        return
    inner = {**config["pretrained_cfg"], **(config.get("model_args") or {})}
    takes = set(inspect.signature(type(network).__init__).parameters) | {"img_size", "class_token", "in_chans"}
    takes |= {field.name for field in fields(PretrainedCfg)}
    for key in sorted((set(config) & takes) - set(_TOP)):
        if inner.get(key) != config[key]:
            raise bad(
                f"{where}: {key}",
                f"{config[key]!r} at the top, where timm passes over it",
                "it in pretrained_cfg or model_args",
            )
    said, pools = config.get("global_pool"), pooling_of(network)
    if isinstance(said, str) and pools is not None and said != pools:
        raise bad(
            f"{where}: global_pool",
            f"{said!r} at the top, where timm passes over it and pools by {pools!r}",
            "it in model_args",
            f"Write {said!r} or {pools!r} there.",
        )


def pooling_of(network: nn.Module) -> str | None:
    """How a network of timm pools, in timm's words (`avg`, `token`, `` ...); None where it does not say."""
    head = getattr(network, "head", None)
    for one in (getattr(head, "global_pool", None), getattr(head, "pool_type", None), network):
        one = getattr(one, "global_pool", None) if one is network else one
        one = getattr(one, "pool_type", one)
        if isinstance(one, str):
            return one
    return None


def _config(network: nn.Module, where: str) -> dict[str, Any]:
    """The network's configuration with every key that pictures are prepared by, as timm resolves it."""
    from timm.data import resolve_data_config

    given = {key: value for key, value in dict(network.pretrained_cfg).items() if key not in _SOURCE}
    try:
        found = given | resolve_data_config({}, pretrained_cfg=given)
    except (TypeError, ValueError, LookupError, AssertionError, AttributeError) as error:
        raise bad(where, f"keys that timm cannot use ({error})", "a configuration as timm writes it") from None
    _colour(where, "input_size", found["input_size"][0], found["input_size"])
    for key in ("mean", "std"):
        if len(found[key]) not in (1, 3):
            raise bad(f"{where}: {key}", found[key], "three numbers, one for each colour")
        found[key] = tuple(float(value) for value in (found[key] if len(found[key]) == 3 else [*found[key]] * 3))
    return found


def _colour(where: str, key: str, channels: int | None, said: object = None) -> None:
    if channels not in (None, 3):
        raise bad(f"{where}: {key}", said or channels, "3 channels", "regard prepares colour pictures.")


def _know(name: str) -> None:
    if name in discovered("backbone"):
        load("backbone", name)


_SEE = "`timm.list_models()` in Python, and `regard methods backbone` for our own"
Method = Library(names, has, build, read, _SEE)
