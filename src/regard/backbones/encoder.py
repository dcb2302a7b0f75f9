"""Encoders by name: a network of our own, of timm, of torchvision, or of a library that another package adds.

`LIBRARY:NETWORK` names one; the libraries are the files of `libraries/` and the entry points `regard.library`.
"""

import time
from pathlib import Path

from ..core.checks import InputError, check_choice, check_number
from ..core.discover import load, names
from ..core.records import read_record
from ..core.runtime import seeded_init
from .contract import FeatureInfo, Library, NotSquare
from .modes import evaluating
from .network_encoder import NetworkEncoder

Encoder = NetworkEncoder  # what is trained and saved; `contract.Encoder` is what reading pictures needs of it
__all__ = ["Encoder", "FeatureInfo", "NotSquare", "evaluating", "make_encoder", "read_encoder"]

TRIALS = 5.0  # seconds in which sizes are tried, to say which ones a network takes
_SIDES = (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 384)
_PLAIN = ("timm", "torchvision")  # whose networks need no prefix; `timm` has our own, too


def make_encoder(name: str, *, pretrained: bool = False, seed: int = 0, size: int | None = None) -> NetworkEncoder:
    """Build an encoder by name.

    Args:
        name: one of ours (`convnet4`), any timm or torchvision network: `resnet18`, `timm:vit_tiny_patch16_224`,
            `torchvision:vgg16`. Without a prefix ours come first, then timm's, then torchvision's; networks of other
            packages need theirs (`mylib:NAME`).
        pretrained: fetch the weights that the library publishes. Only this needs the network.
        seed: what the first weights are drawn from where `pretrained` is False.
        size: side of the input in pixels, where it is not the network's own.

    Raises:
        InputError: unknown name (with the nearest one), a size that the network refuses, weights out of reach.
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
            return NetworkEncoder(*library.build(network, pretrained, size))
        except InputError as error:
            if size is None or pretrained:
                raise
            raise _wrong_size(network, size, library, error) from error


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
        return NetworkEncoder(*load("library", library).read(Path(folder), config, ours.get("input_size")))


def _wrong_size(name: str, size: int, library: Library, error: InputError) -> InputError:
    """The error for a size that a network does not take: which ones it takes, as far as a few trials tell."""
    # where this fails, the size was not the reason
    own = NetworkEncoder(*library.build(name, False, None)).input_shape
    taken, until = {max(own)}, time.monotonic() + TRIALS
    for side in (side for side in _SIDES if side > size and side not in own):
        if len(taken) == 3 or time.monotonic() > until:
            break
        try:
            NetworkEncoder(*library.build(name, False, side))
        except InputError:
            continue
        taken.add(side)
    sides = ", ".join(map(str, sorted(taken)))
    return InputError(
        f"--size: expected a size that {name} takes, got {size} pixels. It is made for {max(own)}, and takes {sides}: "
        f"give --size {min(taken)}. ({' '.join(str(error).split())[:200]})"
    )
