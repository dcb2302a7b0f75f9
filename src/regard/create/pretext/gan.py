"""GAN: tell real images from those that an opponent makes (Goodfellow et al. 2014).

"Generative adversarial nets", NIPS, arXiv 1406.2661; networks after "Unsupervised representation learning with deep
convolutional generative adversarial networks" (Radford, Metz and Chintala, ICLR 2016, arXiv 1511.06434).

The encoder, with one linear layer on it, is the discriminator: it learns what real images look like by looking for
mistakes, which become finer as the generator learns. Its features are then used. As in these papers: noise of 100
numbers uniform in [-1, 1], up-convolutions with batch normalisation, no saturation, Adam's first beta 0.5. Against
them: the encoder may be any network; the linear layer is on the pooled vector; AdamW with the run's schedule at a share
`rate` of its learning rate (0.1 of 2e-3 is 2e-4). Real and made images go through the encoder in batches of their own:
in one batch its normalisation gave the generator nothing to go by, and digits collapsed to one image. Only the real
ones' statistics are remembered. The held-out score says who is ahead: 1/2 is a generator whose images cannot be told
from real ones.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe
from ...learning.trainable import START, Log, Moment, Player
from ._adversarial import BETAS, fooling_loss, shown_codes, statistics_kept, telling_loss
from ._decoder import GREY, VectorDecoder, mean_colour, moved


class Opponents(nn.Module):
    """The generator, and the discriminator's last layer."""

    def __init__(self, features: int, width: int, size: int, colour: tuple[float, float, float]) -> None:
        super().__init__()
        self.generator = VectorDecoder(width, size, colour)
        self.judge = nn.Linear(features, 1)


@dataclass(frozen=True)
class Method(Objective):
    """GAN with the encoder as discriminator.

    Attributes:
        width: length of the noise.
        rate: both players' learning rate, as a share of the run's.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        colour: mean of the training images, with which the generator begins.
    """

    width: int = 100
    rate: float = 0.1
    recipe: Literal["auto", "photo", "digit", "none"] = "none"
    colour: tuple[float, float, float] = field(default=GREY, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set width", self.width, 1, whole=True)
        check_number("--set rate", self.rate, 0, open_low=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, and their mean colour."""
        return replace(self, recipe=pick_recipe(self.recipe, known), colour=mean_colour(known.train))

    @property
    def chance(self) -> float:
        """One of two."""
        return 0.5

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """(Images, noise); and 1 for each pair: the first is the real one."""
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        z = 2 * torch.rand(len(x), self.width, generator=generator, device=generator.device) - 1
        return (x, z.to(x.device)), torch.ones(len(x), device=x.device)

    def head(self, encoder: Encoder) -> nn.Module:
        """Generator, and a linear layer on the pooled vector."""
        return Opponents(encoder.num_features, self.width, encoder.input_size, self.colour)

    def players(self, encoder: Encoder, head: Any) -> list[Player]:
        """The discriminator, which is the encoder with its linear layer; and the generator."""
        judge = [*encoder.parameters(), *head.judge.parameters()]
        return [
            Player("discriminator", judge, lr=self.rate, betas=BETAS),
            Player("generator", list(head.generator.parameters()), lr=self.rate, betas=BETAS),
        ]

    def judged(self, encoder: Encoder, head: Any, x_NCHW: Tensor, made_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of real and of made images, (N,) each, in a batch of their own each."""
        real = head.judge(encoder(x_NCHW)).float()[:, 0]
        return real, self.judged_made(encoder, head, made_NCHW)

    def judged_made(self, encoder: Encoder, head: Any, made_NCHW: Tensor) -> Tensor:
        """Logits of made images, (N,); of their statistics the encoder remembers nothing."""
        with statistics_kept(encoder):
            return head.judge(encoder(made_NCHW)).float()[:, 0]

    def loss(
        self, encoder: Encoder, head: Any, inputs: tuple[Tensor, Tensor], targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """The player's loss; logs mean logits, and how much made images vary among each other by how much real ones do.

        A generator that makes one image whatever the noise has a `variety` near 0.
        """
        x, z = inputs
        if at.player == "discriminator":
            with torch.no_grad():
                made = head.generator(z)
            real, fake = self.judged(encoder, head, x, made)
            return telling_loss(real, fake), {"real": real.detach().mean(), "made": fake.detach().mean()}
        made = head.generator(z)
        variety = made.detach().std(0).mean() / x.std(0).mean().clamp(min=1e-6)
        return fooling_loss(self.judged_made(encoder, head, made)), {"variety": variety}

    def correct(self, encoder: Encoder, head: Any, inputs: tuple[Tensor, Tensor], targets: Tensor) -> Tensor:
        """(N, 1): is the one that `targets` says is real, 1 the image and -1 the made one, thought the likelier?"""
        x, z = inputs
        real, made = self.judged(encoder, head, x, head.generator(z))
        return ((real - made) * targets > 0).float()[:, None]

    def shuffled(
        self, inputs: tuple[Tensor, Tensor], targets: Tensor, generator: torch.Generator
    ) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Which of the two is called real is a coin's choice."""
        coins = torch.rand(len(targets), generator=generator, device=generator.device).to(targets.device)
        return inputs, torch.where(coins < 0.5, 1.0, -1.0)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and the noise for its opponent; with a network what is made of it, and who is thought real."""
        rows = torch.arange(len(images_NCHW))
        (x, z), _ = self.prepare(Batch(images_NCHW, rows, held_out=True), generator)
        names, groups = [["image", "noise"]] * len(x), [x, shown_codes(z, x.shape[-1])]
        if encoder is not None:
            fakes = head.generator(z)
            said = torch.stack(self.judged(encoder, head, x, fakes), 1).sigmoid()
            names = [[f"image: {a:.0%} real", "noise", f"made: {b:.0%} real"] for a, b in said.tolist()]
            groups = [*groups, fakes]
        return [(name, picture(x)) for labels, *group in zip(names, *groups) for name, x in zip(labels, group)]
