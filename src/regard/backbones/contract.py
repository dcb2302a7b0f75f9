"""What an encoder and a library of networks are: the contracts that everything above this folder stands on.

`NetworkEncoder` keeps the first for whatever network of timm, of torchvision or of our own; `libraries/timm.py` and
`libraries/torchvision.py` are the second.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from ..core.checks import InputError
from .layers import Layer


@dataclass(frozen=True)
class FeatureInfo:
    """One map: its channels, how many pixels of the input one cell spans, and the module that makes it."""

    channels: int
    reduction: int
    module: str


class NotSquare(InputError, AttributeError):
    """A square was needed; an AttributeError too, as tracing asks for every attribute and passes over those."""


class Encoder(Protocol):
    """Images (N, 3, H, W) in [0, 1] to maps, tokens or one vector; their normalisation is the encoder's own affair.

    Attributes:
        name: canonical name, `LIBRARY:NETWORK`.
        num_features: length D of the pooled vector.
        input_shape: height and width in pixels that it was made for.
        feature_info: one `FeatureInfo` a map, from shallow to deep; empty where there are no plain maps.
        config: how its pictures are prepared, in timm's keys: `mean`, `std`, `crop_pct`, `interpolation` ...
    """

    name: str
    num_features: int
    input_shape: tuple[int, int]
    feature_info: Sequence[FeatureInfo]
    config: dict[str, Any]

    def maps(self, x_NCHW: Tensor) -> list[Tensor]:
        """All maps (N, C, h, w), from shallow to deep; InputError where there are no plain ones."""
        ...

    def last_map(self, x_NCHW: Tensor) -> Tensor:
        """The last features as a map (N, D, h, w): what `pooled` averages."""
        ...

    def tokens(self, x_NCHW: Tensor) -> Tensor:
        """The last features as (N, T, D): a token for each cell, in rows."""
        ...

    def pooled(self, x_NCHW: Tensor) -> Tensor:
        """One vector (N, D) an image."""
        ...

    def layer(self, name: str) -> Layer:
        """What one module gives, by its name in the network or in the literature; a function of images."""
        ...


class Built(NamedTuple):
    """A network without its classifier, as a library gives it: the arguments of `NetworkEncoder`.

    Attributes:
        name: `LIBRARY:NETWORK`.
        network: has `forward_intermediates`, and `forward_features` with `forward_head` or a `forward` that pools.
        config: timm's pretrained configuration (`mean`, `std`, `input_size` ...), and `model_args` where the network
            was built with others than its own.
        input_size: side of the input, or height and width.
    """

    name: str
    network: nn.Module
    config: dict[str, Any]
    input_size: int | tuple[int, int]


@dataclass(frozen=True)
class Library:
    """Networks by name under one prefix, `LIBRARY:NETWORK`.

    Attributes:
        names: lists the networks.
        has: whether there is a network of this name; quicker than the list.
        build: a network by name, with published weights or without, for a side in pixels or its own.
        read: the network that the config.json of a folder describes, without its weights: the folder, what the file
            says, and the height and width that are kept beside timm's keys.
        see: where a reader finds all names, for messages.
    """

    names: Callable[[], list[str]]
    has: Callable[[str], bool]
    build: Callable[[str, bool, int | None], Built]
    read: Callable[[Path, Mapping[str, Any], int | tuple[int, int] | None], Built]
    see: str = ""
