"""BYOL: foresee what a slower copy of oneself says of another view (Grill et al. 2020).

"Bootstrap your own latent: a new approach to self-supervised learning", NeurIPS, arXiv 2006.07733.

A network looks at one view of an image and predicts the vector that its teacher gives to the other view; the teacher is
the running average of the network itself. There are no negatives: that all vectors become one is prevented by the
predictor, which the teacher lacks, and by the teacher's slowness (batch normalisation helps). In the paper's names the
network is `online`, the teacher `target`. Against the paper: an average that starts at 0.99 in place of 0.996 (it rises
to 1 as there), as runs are short; a smaller head; both views pass through in one batch, which they share the
normalisation of; AdamW in place of LARS; both views from one recipe.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.divergence import spread
from ...learning.trainable import START, Log, Moment
from ._twins import TwoViews, follow, mlp, rising, teacher_of


def foresight_loss(predicted_ND: Tensor, target_ND: Tensor) -> Tensor:
    """Squared distance of unit vectors, 2 - 2 cos, mean over images (eq. 2), in float32.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> [float(foresight_loss(x, torch.tensor([t]))) for t in ([3.0, 0.0], [0.0, 1.0], [-1.0, 0.0])]
    [0.0, 2.0, 4.0]
    """
    with torch.autocast(predicted_ND.device.type, enabled=False):
        return (2 - 2 * nn.functional.cosine_similarity(predicted_ND.float(), target_ND.float(), dim=1)).mean()


@dataclass(frozen=True)
class Method(TwoViews):
    """BYOL.

    Attributes:
        recipe: the views: photo (crop, mirror, colour, blur) | digit (move, turn, scale, shear) | auto by the images.
        candidates: images in one held-out contest, so that a guess is right one time in 2·candidates - 1.
        width: length of the vectors that are predicted.
        hidden: width of the hidden layer of projector and predictor.
        momentum: share of itself that the teacher keeps in the first step, rising to 1 in the last; 0.996 or more for
            runs of many thousand steps.
    """

    width: int = 64
    hidden: int = 256
    momentum: float = 0.99

    copies = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set width", self.width, 2, whole=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set momentum", self.momentum, 0, 1)

    def head(self, encoder: Encoder) -> nn.Module:
        """`projector` and `predictor`, two layers each (section 3.3), and `teacher`: encoder and projector averaged."""
        projector = mlp(encoder.num_features, self.hidden, self.width)
        teacher = teacher_of(nn.Sequential(encoder, projector))
        parts = {"projector": projector, "predictor": mlp(self.width, self.hidden, self.width), "teacher": teacher}
        return nn.ModuleDict(parts)

    def vectors(self, encoder: Encoder, head: Any, x_NCHW: Tensor) -> Tensor:
        """The network's own projections."""
        return head["projector"](encoder(x_NCHW))

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: None, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """View 1 foresees the teacher's view 2, and the other way round, added up; logs the projections' spread."""
        z = self.vectors(encoder, head, inputs)
        pa, pb = head["predictor"](z).chunk(2)
        with torch.no_grad():
            ta, tb = head["teacher"](inputs).chunk(2)
        return foresight_loss(pa, tb) + foresight_loss(pb, ta), {"spread": spread(z)}

    def embedder(self, head: Any) -> nn.Module:
        """The projector."""
        return head["projector"]

    def foretold(self, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """Squared distance of unit vectors."""
        return foresight_loss(predicted_ND, given_ND)

    def after_step(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """The teacher follows."""
        follow(head["teacher"], nn.Sequential(encoder, head["projector"]), rising(self.momentum, at.progress))
