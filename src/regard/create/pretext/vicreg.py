"""VICReg: views agree, while every dimension varies and none repeats another (Bardes et al. 2022).

"VICReg: variance-invariance-covariance regularization for self-supervised learning", ICLR, arXiv 2105.04906.

Three terms, each of which can be read off: twins are near each other (invariance), the standard deviation of each
dimension over the batch is at least 1 (variance, which forbids collapse), and dimensions are uncorrelated
(covariance, which forbids that all say the same). No negatives, no teacher, no normalised vectors. Against the paper:
a smaller expander, AdamW in place of LARS, both views in one batch of the batch normalisation.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.divergence import spread
from ...learning.trainable import START, Log, Moment
from ._twins import TwoViews


def invariance(za_ND: Tensor, zb_ND: Tensor) -> Tensor:
    """Mean squared difference over images and dimensions, as in algorithm 1 (eq. 5 sums over dimensions)."""
    return (za_ND - zb_ND).square().mean()


def variance(z_ND: Tensor, floor: float = 1.0, epsilon: float = 1e-4) -> Tensor:
    """Mean over dimensions of max(0, floor - sqrt(Var + epsilon)) (eq. 1 and 2), with n - 1 in the variance."""
    return (floor - (z_ND.var(0) + epsilon).sqrt()).clamp(min=0).mean()


def covariance(z_ND: Tensor) -> Tensor:
    """Sum of the squared covariances of different dimensions, by the number of dimensions (eq. 3 and 4)."""
    n, d = z_ND.shape
    z = z_ND - z_ND.mean(0)
    c = z.T @ z / (n - 1)
    return (c.square().sum() - c.diagonal().square().sum()) / d


@dataclass(frozen=True)
class Method(TwoViews):
    """VICReg.

    Attributes:
        recipe: the views: photo (crop, mirror, colour, blur) | digit (move, turn, scale, shear) | auto by the images.
        candidates: images in one held-out contest, so that a guess is right one time in 2·candidates - 1.
        invariance: weight of the agreement of twins.
        variance: weight of the spread of each dimension; summed over the two views.
        covariance: weight of the dimensions' independence; summed over the two views.
        width: length of the vectors, and width of the expander's two hidden layers.
    """

    invariance: float = 25.0
    variance: float = 25.0
    covariance: float = 1.0
    width: int = 256

    copies = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("invariance", "variance", "covariance"):
            check_number(f"--set {name}", getattr(self, name), 0)
        check_number("--set width", self.width, 2, whole=True)

    def head(self, encoder: Encoder) -> nn.Module:
        """The expander: three layers, with batch normalisation and ReLU after the first two (section 4.2)."""
        d = self.width
        hidden = [[nn.Linear(k, d, bias=False), nn.BatchNorm1d(d), nn.ReLU()] for k in (encoder.num_features, d)]
        return nn.Sequential(*hidden[0], *hidden[1], nn.Linear(d, d, bias=False))

    def vectors(self, encoder: Encoder, head: Any, x_NCHW: Tensor) -> Tensor:
        """The expanded vectors."""
        return head(encoder(x_NCHW))

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: None, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """The weighted sum of the three terms (eq. 6); logs each, and the vectors' spread."""
        za, zb = self.vectors(encoder, head, inputs).float().chunk(2)
        with torch.autocast(inputs.device.type, enabled=False):
            terms = {
                "invariance": invariance(za, zb),
                "variance": variance(za) + variance(zb),
                "covariance": covariance(za) + covariance(zb),
            }
            loss = torch.stack([getattr(self, name) * term for name, term in terms.items()]).sum()
        return loss, {name: t.detach() for name, t in terms.items()} | {"spread": spread(za)}

    def embedder(self, head: nn.Module) -> nn.Module:
        """The expander."""
        return head

    def foretold(self, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """The weighted invariance alone: the other network's vectors have their spread already."""
        with torch.autocast(predicted_ND.device.type, enabled=False):
            return self.invariance * invariance(predicted_ND.float(), given_ND.float())
