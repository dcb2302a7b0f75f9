"""Noise as targets: learn which random point of the sphere each image belongs at (Bojanowski and Joulin 2017).

"Unsupervised learning by predicting noise", ICML, arXiv 1704.05310.

One random unit vector is drawn for each image and stays as it is; which image it belongs to is changed as it suits the
network best: in each batch the images exchange targets so that the sum of z·c is largest (Hungarian method). Vectors
cannot collapse, as their targets fill the sphere, and similar images end up beside each other, as that fits best.
Against the paper: 64 numbers in place of 2048 for small data; any network's pooled features; edges are an option for a
share of the views (the paper: all), since the network is used on pictures later; AdamW and one cycle. Slow: expect
little of a few hundred steps. With several processes exchanges of the first one only are kept.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.divergence import spread
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.trainable import START, Log, Moment
from ._clusters import dealt, pick_views, shown_twins, training_view, twin_views, twins_matched


def best_exchange(z_ND: Tensor, c_ND: Tensor) -> Tensor:
    """Which target each image should have, (N,): the order of c in which the sum of z_i·c_order(i) is largest.

    >>> best_exchange(torch.eye(3), torch.eye(3).roll(1, 0)).tolist()
    [1, 2, 0]
    """
    with torch.autocast(z_ND.device.type, enabled=False):
        gain = z_ND.float() @ c_ND.float().T
    return torch.from_numpy(linear_sum_assignment(gain.cpu().numpy(), maximize=True)[1]).to(z_ND.device)


class Targets(nn.Module):
    """The projection, with a target for every training image.

    Attributes:
        targets: (n, d) of length 1; row i is image i's.
        exchanging: whether batches exchange targets in this epoch.
    """

    def __init__(self, features: int, n: int, width: int) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(features, affine=False)
        self.linear = nn.Linear(features, width)
        self.register_buffer("targets", nn.functional.normalize(torch.randn(n, width), dim=1))
        self.register_buffer("exchanging", torch.tensor(True))

    def forward(self, features_ND: Tensor) -> Tensor:
        """Vectors (N, d) of length 1, in float32."""
        return nn.functional.normalize(self.linear(self.scale(features_ND)).float(), dim=1)

    @torch.no_grad()
    def exchange(self, z_ND: Tensor, rows: Tensor) -> None:
        """Give the images of a batch each other's targets, as it suits them best."""
        # an image that stands in for another one may be there twice: it has one target
        different, first = np.unique(rows.cpu().numpy(), return_index=True)
        here = torch.from_numpy(different).to(rows.device)
        c = self.targets[here]
        self.targets[here] = c[best_exchange(z_ND[torch.from_numpy(first).to(rows.device)], c)]


@dataclass(frozen=True)
class Method(Objective):
    """Noise as targets.

    Attributes:
        width: length d of targets and projected vectors; more for larger sets (the paper: 2048 for a million images).
        every: targets are exchanged in each epoch that this divides.
        recipe: the views: crop (and mirror) | photo (colours too) | digit | none | auto: digit for small grey
            symbols, crop else.
        sobel: share of the views that are shown as edges, so that colour alone does not decide.
        candidates: images in one held-out contest: a first view must find its own second view among so many.
        n: number of training images.
    """

    width: int = 64
    every: int = 3
    recipe: Literal["auto", "crop", "photo", "digit", "none"] = "auto"
    sobel: float = 0.0
    candidates: int = 16
    n: int = field(default=0, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set width", self.width, 2, whole=True)
        check_number("--set every", self.every, 1, whole=True)
        check_number("--set sobel", self.sobel, 0, 0.9)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """A target for each training image, views that suit them, contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_views(self.recipe, known), candidates=candidates, n=len(known.train))

    @property
    def chance(self) -> float:
        """One of the candidates."""
        return 1 / self.candidates

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """A view of each image, and the images' rows. Held out: two views of each, and None."""
        if batch.held_out:
            return twin_views(batch.images, self.recipe, generator), None
        return training_view(batch.images, self.recipe, generator, self.sobel), batch.rows

    def head(self, encoder: Encoder) -> nn.Module:
        """The projection, and each image's target."""
        return Targets(encoder.num_features, self.n, self.width)

    def every_epoch(self, encoder: Encoder, head: Any, feed: Any, at: Moment, generator: torch.Generator) -> tuple[()]:
        """Say whether this is an epoch in which targets are exchanged."""
        head.exchanging.fill_(at.epoch % self.every == 0)
        return ()

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Mean squared distance to the targets, 2 for vectors that know nothing, after the batch's exchange.

        Logs the spread of the vectors.
        """
        z = head(encoder(inputs))
        if head.training and bool(head.exchanging):
            head.exchange(z.detach(), targets)
        return (z - head.targets[targets]).square().sum(1).mean(), {"spread": spread(z)}

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: None) -> Tensor:
        """(N', 1): does the first view of an unseen image land nearer to its second view than to other images'?"""
        return twins_matched(head(encoder(inputs)), self.candidates)

    def shuffled(self, inputs: Tensor, targets: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Any]:
        """The second views in another order."""
        return dealt(inputs, targets, generator)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and two views; with a network what lands nearest to the first."""
        return shown_twins(images_NCHW, twin_views(images_NCHW, self.recipe, generator), encoder, head)
