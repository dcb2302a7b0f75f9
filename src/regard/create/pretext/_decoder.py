"""Decoders: from an encoder's last map, or from a vector, to an image; shared by the tasks that paint images.

Up-convolutions with batch normalisation, halving the channels and doubling the side each time (Radford, Metz and
Chintala 2016, arXiv 1511.06434), a sigmoid at the end, so that images are in [0, 1] as the encoder expects them.
"""

from dataclasses import replace
from math import ceil, isqrt, log2

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder, evaluating
from ...core.checks import bad
from ...data.decode import DecodeError, decode
from ...data.imageset import ImageSet
from ...data.views import view
from ...learning.recipes import recipe_of

GREY = (0.5, 0.5, 0.5)
WIDEST = 256


def moved(x_NCHW: Tensor, recipe: str, generator: torch.Generator) -> Tensor:
    """A random view of each image that only moves pixels (crop, mirror, turn): colours and sharpness stay."""
    kept = recipe_of(recipe, x_NCHW)
    return view(x_NCHW, replace(kept, jitter=0, gray=0, blurred=0, noise=0, erase=0), generator)


def mean_colour(images: ImageSet, most: int = 256) -> tuple[float, float, float]:
    """Mean of red, green and blue in [0, 1], over at most `most` images, evenly spaced through the set.

    >>> red = np.zeros((4, 4, 3), np.uint8) + np.array([255, 0, 51], np.uint8)
    >>> mean_colour(ImageSet([red, red], np.array(["a", "b"])))
    (1.0, 0.0, 0.2)
    """
    found = []
    for row in np.unique(np.linspace(0, len(images) - 1, most).astype(int)):
        try:
            found.append(decode(images.items[row], 32).double().mean((1, 2)) / 255)
        except DecodeError:  # reported by the feed
            continue
    if not found:
        return GREY
    red, green, blue = (round(float(value), 4) for value in torch.stack(found).mean(0))
    return red, green, blue


def last_map(encoder: Encoder, x_NCHW: Tensor) -> Tensor:
    """The encoder's last features as a map (N, D, h, w), for convolutional networks and transformers alike."""
    tokens = encoder.tokens(x_NCHW)
    side = isqrt(tokens.shape[1])
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def map_shape(encoder: Encoder) -> tuple[int, int]:
    """Channels and side of `last_map` at the encoder's own input size."""
    device = next(encoder.parameters()).device
    with evaluating(encoder), torch.no_grad():
        tokens = encoder.tokens(torch.zeros(1, 3, encoder.input_size, encoder.input_size, device=device))
    return tokens.shape[2], isqrt(tokens.shape[1])


def need_square_map(encoder: Encoder) -> None:
    """Raise InputError where an encoder's last features are no square map."""
    device = next(encoder.parameters()).device
    with evaluating(encoder), torch.no_grad():
        count = encoder.tokens(torch.zeros(1, 3, encoder.input_size, encoder.input_size, device=device)).shape[1]
    if isqrt(count) ** 2 != count:
        raise bad("--backbone", f"{encoder.name} with {count} tokens", "a network whose last features are a square map")


class MapDecoder(nn.Module):
    """A map (N, channels, h, h) to images (N, 3, size, size) in [0, 1].

    As many doublings as bring `side` to `size` or above it; where they end above, the image is scaled down.

    Args:
        channels: of the map.
        side: its height and width; other sides work too.
        size: of the images.
        colour: of the images at the start of training, in [0, 1].
    """

    def __init__(self, channels: int, side: int, size: int, colour: tuple[float, float, float] = GREY) -> None:
        super().__init__()
        self.size = size
        ups = max(0, ceil(log2(size / side)))
        # half as many channels at each doubling, 32 before the last
        widths = [channels, *[min(WIDEST, 32 << i) for i in reversed(range(ups - 1))]]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:]):
            layers += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        last = nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1) if ups else nn.Conv2d(widths[-1], 3, 3, 1, 1)
        assert last.bias is not None
        with torch.no_grad():
            last.bias.copy_(torch.logit(torch.tensor(colour), eps=0.02))
        self.layers = nn.Sequential(*layers, last)

    def forward(self, map_NDHW: Tensor) -> Tensor:
        """Logits of each colour, brought to the size, through a sigmoid in float32."""
        logits = self.layers(map_NDHW).float()
        if logits.shape[-1] != self.size:
            logits = nn.functional.interpolate(logits, size=(self.size, self.size), mode="bilinear")
        return logits.sigmoid()


class VectorDecoder(nn.Module):
    """A vector (N, width) to images (N, 3, size, size) in [0, 1]: a linear layer to a small map, then `MapDecoder`."""

    def __init__(self, width: int, size: int, colour: tuple[float, float, float] = GREY) -> None:
        super().__init__()
        ups = max(0, int(log2(size / 4)))
        side, channels = ceil(size / 2**ups), min(WIDEST, 16 << ups)
        self.enter = nn.Sequential(
            nn.Linear(width, channels * side * side, bias=False),
            nn.Unflatten(1, (channels, side, side)),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )
        self.paint = MapDecoder(channels, side, size, colour)

    def forward(self, z_ND: Tensor) -> Tensor:
        """One image for each vector."""
        return self.paint(self.enter(z_ND))
