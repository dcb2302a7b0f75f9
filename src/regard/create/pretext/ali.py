"""ALI: as BiGAN, with codes that are drawn from a Gaussian for each image (Dumoulin et al. 2017).

"Adversarially learned inference", ICLR, arXiv 1606.00704.

A discriminator must tell pairs of a real image and a code drawn for it from pairs of a code drawn from the prior and
the image that a generator makes of it; encoder and generator play together against it. The encoder gives mean and
variance of a Gaussian, from which the code is drawn as mean + deviation · noise, so that gradients pass. As in the
paper: a normal prior, dropout 0.2 in the discriminator, Adam's first beta 0.5, the generator's last bias at the log
odds of the images' mean. Against the paper: a small network, a code of 64 numbers (256 there on faces), no
normalisation in the discriminator; means and log variances are normalised over the batch, to begin with half of the
prior's variance between images and half within each; AdamW with the run's schedule at a share `rate` of its learning
rate (1e-3 for short runs, 1e-4 in the paper); held-out images are made again from the mean code. It takes longer than
tasks that compare images.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ._adversarial import Inference

LARGEST = 5.0  # of the log variance's size, so that its exponential stays finite


def drawn_code(mean_ND: Tensor, log_variance_ND: Tensor, noise_ND: Tensor) -> Tensor:
    """Draw: mean + deviation · noise.

    >>> drawn_code(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([-2.0]))
    tensor([-1.])
    """
    return mean_ND + (log_variance_ND.clamp(-LARGEST, LARGEST) / 2).exp() * noise_ND


@dataclass(frozen=True)
class Method(Inference):
    """ALI.

    Attributes:
        width: length of the code.
        rate: both players' learning rate, as a share of the run's.
        dropout: in the discriminator.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
    """

    width: int = 64
    rate: float = 0.5
    dropout: float = 0.2
    recipe: Literal["auto", "photo", "digit", "none"] = "none"
    candidates: int = 16

    def draws(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Codes (n, width) from the normal distribution, and as much noise for the images' own codes."""
        both = torch.randn(2, n, self.width, generator=generator, device=generator.device)
        return both[0], both[1]

    def start(self) -> tuple[Tensor, Tensor]:
        """Half of the prior's variance is that of the means, the other half is drawn; log variances differ little."""
        half = torch.ones(self.width)
        return torch.cat([0.5**0.5 * half, 0.1 * half]), torch.cat([0 * half, math.log(0.5) * half])

    def coded(self, features_ND: Tensor, head: Any, *noise: Tensor) -> Tensor:
        """A code drawn for each image with this noise, or the mean where there is none."""
        with torch.autocast(features_ND.device.type, enabled=False):
            mean, log_variance = head.code(features_ND.float()).chunk(2, 1)
            return drawn_code(mean, log_variance, noise[0]) if noise else mean
