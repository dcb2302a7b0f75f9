"""Two players: one who tells real images from made ones, one who makes them; shared by the adversarial tasks.

The losses are those of Goodfellow et al. 2014 (arXiv 1406.2661) on logits, the second player's not saturating:
softplus(-real) + softplus(made) for the discriminator, and the same with the roles exchanged for its opponent. At the
discriminator's optimum its logit is log p/q, p being the density of the real and q that of the made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil, log2
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.divergence import spread
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe
from ...learning.trainable import START, Log, Moment, Player
from ._decoder import GREY, VectorDecoder, mean_colour, moved
from ._matching import own_is_nearest

BETAS = (0.5, 0.999)


def telling_loss(real_N: Tensor, made_N: Tensor) -> Tensor:
    """The discriminator's: -log D(real) - log(1 - D(made)) with D the sigmoid of the logits, in float32.

    >>> round(float(telling_loss(torch.zeros(2), torch.zeros(2))), 4)  # 2 log 2: it knows nothing
    1.3863
    """
    with torch.autocast(real_N.device.type, enabled=False):
        softplus = nn.functional.softplus
        return softplus(-real_N.float()).mean() + softplus(made_N.float()).mean()


def fooling_loss(made_N: Tensor, real_N: Tensor | None = None) -> Tensor:
    """The opponent's: -log D(made), and where it also moves the real pairs -log(1 - D(real)), in float32."""
    with torch.autocast(made_N.device.type, enabled=False):
        fooled = nn.functional.softplus(-made_N.float()).mean()
        return fooled if real_N is None else fooled + nn.functional.softplus(real_N.float()).mean()


@contextmanager
def statistics_kept(network: nn.Module) -> Iterator[None]:
    """Batch normalisation uses the batch's own statistics inside the block, but does not remember them.

    For made images: a network that is used on real ones afterwards should remember these alone.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, before):
            layer.momentum = momentum


def down_convolutions(size: int) -> tuple[nn.Sequential, int]:
    """Images (N, 3, size, size) to vectors, and their length: strides of 2 down to 4 pixels.

    Without batch normalisation, by which one image of a batch would say something of the others.
    """
    downs = max(1, ceil(log2(size / 4)))
    widths = [3, *[min(256, 16 << i) for i in range(downs)]]
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    if size != 4 << downs:
        layers.append(nn.AdaptiveAvgPool2d(4))
    return nn.Sequential(*layers, nn.Flatten()), 16 * widths[-1]


class ImageDiscriminator(nn.Module):
    """Images (N, 3, size, size) in [0, 1] to one logit each, (N,)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.see, width = down_convolutions(size)
        self.judge = nn.Linear(width, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """High for real ones."""
        return self.judge(self.see(2 * x_NCHW - 1))[:, 0]


class PairDiscriminator(nn.Module):
    """Images and codes (N, width) to one logit for each pair, (N,)."""

    def __init__(self, size: int, width: int, dropout: float, hidden: int = 256) -> None:
        super().__init__()
        self.see, seen = down_convolutions(size)
        self.read = nn.Sequential(nn.Linear(width, hidden), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(dropout))
        self.judge = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(seen + hidden, hidden),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
        )

    def forward(self, x_NCHW: Tensor, z_ND: Tensor) -> Tensor:
        """High for (x, E(x)), low for (G(z), z)."""
        return self.judge(torch.cat([self.see(2 * x_NCHW - 1), self.read(z_ND)], 1))[:, 0]


class TwoWays(nn.Module):
    """All that BiGAN and ALI have beside the encoder: features to a code, a code to an image, and who judges pairs.

    The codes' numbers start with the deviations and means of `start`, by batch normalisation.
    """

    def __init__(
        self, width_in: int, start: tuple[Tensor, Tensor], width: int, size: int, colour: Any, dropout: float
    ) -> None:
        super().__init__()
        norm = nn.BatchNorm1d(len(start[0]))
        with torch.no_grad():
            norm.weight.copy_(start[0])
            norm.bias.copy_(start[1])
        self.code = nn.Sequential(nn.Linear(width_in, len(start[0]), bias=False), norm)
        self.generator = VectorDecoder(width, size, colour)
        self.discriminator = PairDiscriminator(size, width, dropout)


@dataclass(frozen=True)
class Inference(Objective):
    """Codes and images both ways: what BiGAN and ALI have in common.

    Attributes:
        width: length of the code.
        rate: both players' learning rate, as a share of the run's.
        dropout: in the discriminator.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
        colour: mean of the training images.
    """

    width: int = 50
    rate: float = 0.5
    dropout: float = 0.0
    recipe: Literal["auto", "photo", "digit", "none"] = "none"
    candidates: int = 16
    colour: tuple[float, float, float] = field(default=GREY, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set width", self.width, 1, whole=True)
        check_number("--set rate", self.rate, 0, open_low=True)
        check_number("--set dropout", self.dropout, 0, 0.95)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def draws(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Codes (n, width) from the prior, and whatever else of noise is needed."""
        raise NotImplementedError

    def coded(self, features_ND: Tensor, head: Any, *noise: Tensor) -> Tensor:
        """The codes (N, width) of images whose features these are; without noise the most likely ones."""
        raise NotImplementedError

    def start(self) -> tuple[Tensor, Tensor]:
        """Deviations and means, over images, of the numbers that the encoder gives for a code, before training.

        With those of the prior no code is found out by its size alone, and what tells pairs apart is whether image and
        code belong together, from the first step on.
        """
        raise NotImplementedError

    def configure(self, known: Split) -> Self:
        """Views that suit the images, their mean colour, and contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        colour = mean_colour(known.train)
        return replace(self, recipe=pick_recipe(self.recipe, known), candidates=candidates, colour=colour)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[tuple[Tensor, ...], Tensor]:
        """(Images, codes from the prior, further noise); and the images that are to be found again."""
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        return (x, *(part.to(x.device) for part in self.draws(len(x), generator))), x

    def head(self, encoder: Encoder) -> nn.Module:
        """Features to code, generator and discriminator."""
        size = encoder.input_size
        return TwoWays(encoder.num_features, self.start(), self.width, size, self.colour, self.dropout)

    def players(self, encoder: Encoder, head: Any) -> list[Player]:
        """The discriminator; then encoder and generator, who move together."""
        pair = [*encoder.parameters(), *head.code.parameters(), *head.generator.parameters()]
        return [
            Player("discriminator", list(head.discriminator.parameters()), lr=self.rate, betas=BETAS),
            Player("coder", pair, lr=self.rate, betas=BETAS),
        ]

    def loss(
        self, encoder: Encoder, head: Any, inputs: tuple[Tensor, ...], targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """The player's loss; logs mean logits of both kinds of pairs, and the spread of the codes."""
        x, z, *noise = inputs
        with torch.set_grad_enabled(at.player != "discriminator" and torch.is_grad_enabled()):
            code, made = self.coded(encoder(x), head, *noise), head.generator(z)
        real, fake = head.discriminator(torch.cat([x, made.to(x.dtype)]), torch.cat([code.to(z.dtype), z])).chunk(2)
        log = {"real": real.detach().float().mean(), "made": fake.detach().float().mean(), "spread": spread(code)}
        return telling_loss(real, fake) if at.player == "discriminator" else fooling_loss(fake, real), log

    def reconstructed(self, encoder: Encoder, head: Any, x_NCHW: Tensor) -> Tensor:
        """G(E(x)) in [0, 1]."""
        return head.generator(self.coded(encoder(x_NCHW), head))

    def correct(self, encoder: Encoder, head: Any, inputs: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        """(N, 1): is G(E(x)) nearer to its own image than to the others in its contest?"""
        return own_is_nearest(self.reconstructed(encoder, head, inputs[0]), targets, self.candidates)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and a code from the prior; with a network what is made of the code, and of the image's own."""
        (x, z, *_), _ = self.prepare(Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True), generator)
        names, groups = ["image", "a code"], [x, shown_codes(z, x.shape[-1])]
        if encoder is not None:
            names = [*names, "made of the code", "G(E(image))"]
            groups = [*groups, head.generator(z), self.reconstructed(encoder, head, x)]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]


def shown_codes(z_ND: Tensor, size: int) -> Tensor:
    """Codes as grey chequerboards (N, 3, size, size): dark is low, light is high."""
    n, width = z_ND.shape
    side = ceil(width**0.5)
    board = nn.functional.pad(z_ND, (0, side * side - width)).reshape(n, 1, side, side)
    return nn.functional.interpolate(board / 4 + 0.5, size=(size, size)).clamp(0, 1).expand(-1, 3, -1, -1)
