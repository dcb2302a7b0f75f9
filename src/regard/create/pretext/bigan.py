"""BiGAN: learn to tell codes from images by fooling one who sees both (Donahue, Krähenbühl and Darrell 2017).

"Adversarial feature learning", ICLR, arXiv 1605.09782.

A generator G makes images of random codes; an encoder E makes codes of real images. A discriminator gets pairs and
must tell (x, E(x)) from (G(z), z). E and G, who play together against it, can only win if each undoes the other: where
they do, E has learned what the images vary in without ever comparing pixels. As in the paper: codes uniform in
[-1, 1], no saturation, Adam's first beta 0.5; a code of 50 numbers (200 there on ImageNet); features are taken before
the layer that gives the code. Against the paper: codes of real images are normalised over the batch, to begin with the
prior's mean and deviation, without which the discriminator goes by the codes' size and nothing is learned in some
hundred steps; the discriminator has no normalisation; the generator ends in a sigmoid; AdamW with the run's schedule
at a share `rate` of its learning rate, 0.5 of 2e-3, for short runs (0.1 is the paper's 2e-4, for long ones). It takes
longer than tasks that compare images.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ._adversarial import Inference


@dataclass(frozen=True)
class Method(Inference):
    """BiGAN.

    Attributes:
        width: length of the code.
        rate: both players' learning rate, as a share of the run's.
        dropout: in the discriminator.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
    """

    width: int = 50
    rate: float = 0.5
    dropout: float = 0.0
    recipe: Literal["auto", "photo", "digit", "none"] = "none"
    candidates: int = 16

    def draws(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Codes (n, width), uniform in [-1, 1]."""
        return (2 * torch.rand(n, self.width, generator=generator, device=generator.device) - 1,)

    def coded(self, features_ND: Tensor, head: Any, *noise: Tensor) -> Tensor:
        """A linear layer on the features, normalised; nothing is drawn."""
        return head.code(features_ND)

    def start(self) -> tuple[Tensor, Tensor]:
        """Mean 0 and variance 1/3, as the prior has."""
        return torch.full((self.width,), 3**-0.5), torch.zeros(self.width)
