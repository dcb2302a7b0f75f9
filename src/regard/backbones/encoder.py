"""Encoders by name: a network of our own, of timm, of torchvision, or of a library that another package adds.

`LIBRARY:NETWORK` names one; the libraries are the files of `libraries/` and the entry points `regard.library`.
"""

import copy
import time
from pathlib import Path

from torch import nn

from ..core.checks import InputError, bad, check_choice, check_number
from ..core.discover import load, names
from ..core.records import read_record
from ..core.runtime import seeded_init
from .contract import FeatureInfo, Library, NotSquare
from .modes import evaluating
from .network_encoder import NetworkEncoder
from .norms import parse_norm, swap_norm

Encoder = NetworkEncoder  # what is trained and saved; `contract.Encoder` is what reading pictures needs of it
__all__ = ["Encoder", "FeatureInfo", "NotSquare", "evaluating", "make_encoder", "read_encoder", "with_norm"]

TRIALS = 5.0  # seconds in which sizes are tried, to say which ones a network takes
_SIDES = (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 384)
_PLAIN = ("timm", "torchvision")  # whose networks need no prefix; `timm` has our own, too


def make_encoder(
    name: str, *, pretrained: bool = False, seed: int = 0, size: int | None = None, norm: str | None = None
) -> NetworkEncoder:
    """Build an encoder by name.

    Args:
        name: one of ours (`convnet4`), any timm or torchvision network: `resnet18`, `timm:vit_tiny_patch16_224`,
            `torchvision:vgg16`. Without a prefix ours come first, then timm's, then torchvision's; networks of other
            packages need theirs (`mylib:NAME`).
        pretrained: fetch the weights that the library publishes. Only this needs the network.
        seed: what the first weights are drawn from where `pretrained` is False.
        size: side of the input in pixels, where it is not the network's own.
        norm: the normalisation in place of the network's own, as `backbones.norms.swap_norm` takes it: `gn:32` ...

    Raises:
        InputError: unknown name (with the nearest one), a size that the network refuses, weights out of reach, a
            normalisation that it cannot have.
    """
    prefix, _, network = name.rpartition(":")
    if prefix:
        check_choice("backbone", prefix, names("library"))
    if size is not None:
        check_number("size", size, 8, 4096, whole=True)
    asked: list[Library] = [load("library", one) for one in ([prefix] if prefix else _PLAIN)]
    library = next((one for one in asked if one.has(network)), None)
    if library is None:
        known = {known for one in asked for known in one.names()}
        check_choice("backbone", network, sorted(known), see=asked[0].see)
        raise InputError(f"backbone: {name!r} cannot be built")
    with seeded_init(seed):
        try:
            built = library.build(network, pretrained, size)
            encoder = NetworkEncoder(*built)
        except InputError as error:
            if size is None or pretrained:
                raise
            raise _wrong_size(network, size, library, error) from error
        return encoder if norm is None else with_norm(encoder, norm)


def with_norm(encoder: NetworkEncoder, norm: str) -> NetworkEncoder:
    """A copy of an encoder with another normalisation, which its configuration names.

    Args:
        encoder: any; it is not changed.
        norm: as `backbones.norms.swap_norm` takes it: `bn`, `ln`, `in`, `gn:G`.

    Raises:
        InputError: a network without normalisation, or with this one already; groups that do not divide its channels; a
            map of its size with nothing to average over.
    """
    if encoder.ends:
        raise bad(
            "--norm", f"{norm} for {encoder.name} up to {encoder.ends}", "a whole network", "Name it without @LAYER."
        )
    network, spec = copy.deepcopy(encoder.network), str(parse_norm(norm))
    if not swap_norm(network, spec):
        raise bad(
            "--norm", spec, f"another than {encoder.name} has", "All of its normalisation is of this kind already."
        )
    return _normed(encoder, network, spec)


def _normed(encoder: NetworkEncoder, network: nn.Module, spec: str) -> NetworkEncoder:
    """The encoder around another form of its network; built anew, since that may refuse the size of its maps."""
    made = NetworkEncoder(encoder.name, network, {**encoder.config, "norm": spec}, encoder.input_shape)
    made.mean.copy_(encoder.mean)
    made.std.copy_(encoder.std)
    return made.train(encoder.training).to(encoder.mean.device)


def read_encoder(folder: str | Path) -> NetworkEncoder:
    """Build the network that a folder's config.json describes, in timm's form or in ours; its weights are not read.

    Args:
        folder: holds config.json, with whatever `model_args` timm was given.

    Raises:
        InputError: an unknown network, and keys that cannot be honoured, by name and value.
    """
    config = read_record(Path(folder) / "config.json", {})
    ours = config.get("regard") or {}
    library = ours.get("library", "timm")
    check_choice(f"{folder}/config.json library", library, names("library"))
    with seeded_init(0):
        encoder = NetworkEncoder(*load("library", library).read(Path(folder), config, ours.get("input_size")))
        if ours.get("norm") is None:
            return encoder
        swap_norm(encoder.network, ours["norm"])  # what was exchanged twice may be as the network was at first
        return _normed(encoder, encoder.network, ours["norm"])


def _wrong_size(name: str, size: int, library: Library, error: InputError) -> InputError:
    """The error for a size that a network does not take: the least that it takes, as far as a few trials tell."""
    # where this fails, the size was not the reason
    own = NetworkEncoder(*library.build(name, False, None))
    made_for, told = max(own.input_shape), own.config.get("min_input_size")
    begin = f"--size: expected a size that {name} takes, got {size} pixels. It is made for {made_for}, and takes"
    because = f"({' '.join(str(error).split())[:200]})"
    if told and size < max(told[1:]):
        return InputError(f"{begin} {max(told[1:])} and more: give --size {max(told[1:])}. {because}")
    until = time.monotonic() + TRIALS

    def takes(side: int) -> bool:
        try:
            NetworkEncoder(*library.build(name, False, side))
        except InputError:
            return False
        return True

    refused, taken = size, [made_for]
    for side in (side for side in _SIDES if side > size and side not in own.input_shape):
        if len(taken) == 3 or time.monotonic() > until:
            break
        if takes(side):
            taken.append(side)
        elif len(taken) == 1:
            refused = side
    least = min(taken)
    while least - refused > 1 and time.monotonic() < until:  # what refuses all below a side is found exactly
        middle = (refused + least) // 2
        refused, least = (refused, middle) if takes(middle) else (middle, least)
    sides = ", ".join(map(str, sorted({least, *taken})))
    return InputError(f"{begin} {sides}: give --size {least}. {because}")
