"""DINO: sort a view into the same soft classes as a slower copy of oneself sorts another (Caron et al. 2021).

"Emerging properties in self-supervised vision transformers", ICCV, arXiv 2104.14294.

Teacher and network give each view a distribution over K prototypes, which nobody named; the network must give to one
view what the teacher gives to the other. The teacher is the network's running average. Two collapses threaten: one
prototype for all, which centring the teacher's logits forbids, and all prototypes equally, which the teacher's low
temperature forbids. As in the paper the prototypes stay as drawn for the first epoch, and the weight decay rises
tenfold along a cosine, from 0.04 to 0.4; the average rises to 1. Against the paper: K = 256 in place of 65,536, for
small data; an average that starts at 0.99 in place of 0.996, and a constant teacher temperature; local crops only if
asked for, and enlarged to the full side, so that any backbone takes them; both views from one recipe; with several
processes the first one's batch moves the centre.
"""

from dataclasses import dataclass, replace
from itertools import product
from math import cos, pi
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import two_views, view
from ...learning.batch import Batch
from ...learning.divergence import spread
from ...learning.recipes import recipe_of
from ...learning.trainable import START, Log, Moment
from ._twins import TwoViews, follow, rising, teacher_of

CENTRE_MOMENTUM = 0.9
DECAY, RISE = 0.04, 10.0  # weight decay at the start, and how many times that at the end: 0.4
GLOBAL, LOCAL = (0.4, 1.0), (0.05, 0.4)  # share of the area that a crop keeps where there are local crops


def teacher_shares(logits_NK: Tensor, centre_K: Tensor, temperature: float = 0.04) -> Tensor:
    """Softmax of (logits - centre) / temperature, in float32."""
    return ((logits_NK.float() - centre_K.float()) / temperature).softmax(1)


def cross_entropy(teacher_NK: Tensor, logits_NK: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean over images of -sum_k teacher_k · log softmax(logits / temperature)_k (eq. 2), in float32."""
    return -(teacher_NK * (logits_NK.float() / temperature).log_softmax(1)).sum(1).mean()


def entropy(shares_NK: Tensor) -> Tensor:
    """Of each row, in nats: 0 for one prototype, log K for all alike.

    >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [0.0, 0.693147]
    """
    return torch.special.entr(shares_NK).sum(1)


class Prototypes(nn.Module):
    """Features to logits: layers to a unit vector, and its cosine with each of K prototypes (section 3.1)."""

    def __init__(self, width_in: int, hidden: int, width: int, k: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width_in, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, width)
        )
        self.prototypes = nn.Parameter(torch.empty(k, width))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self.prototypes)

    def vectors(self, features_ND: Tensor) -> Tensor:
        """Unit vectors (N, width), in float32."""
        return nn.functional.normalize(self.layers(features_ND).float(), dim=1)

    def logits(self, vectors_ND: Tensor) -> Tensor:
        """Cosines with the prototypes (N, K), in float32."""
        with torch.autocast(vectors_ND.device.type, enabled=False):
            return vectors_ND.float() @ nn.functional.normalize(self.prototypes.float(), dim=1).T

    def forward(self, features_ND: Tensor) -> Tensor:
        """Features to logits."""
        return self.logits(self.vectors(features_ND))


class Head(nn.Module):
    """The network's `own` prototypes, the `teacher` (encoder and prototypes averaged) and the teacher's `centre`."""

    def __init__(self, encoder: nn.Module, own: Prototypes) -> None:
        super().__init__()
        self.own, self.teacher = own, teacher_of(nn.Sequential(encoder, own))
        self.register_buffer("centre", torch.zeros(len(own.prototypes)))


@dataclass(frozen=True)
class Method(TwoViews):
    """DINO.

    Attributes:
        recipe: the views: photo (crop, mirror, colour, blur) | digit (move, turn, scale, shear) | auto by the images.
        candidates: images in one held-out contest, so that a guess is right one time in 2·candidates - 1.
        prototypes: their number K; thousands for large data.
        width: length of the unit vectors that are compared with the prototypes.
        hidden: width of the head's hidden layers.
        crops: small crops of each image that only the network sees, beside the two views; the paper has 8.
        temperature: of the network's softmax.
        teacher_temperature: of the teacher's; lower is more decided.
        momentum: share of itself that the teacher keeps in the first step, rising to 1 in the last; 0.996 or more for
            runs of many thousand steps.
        frozen: epochs at the start in which the prototypes stay as they were drawn.
    """

    prototypes: int = 256
    width: int = 64
    hidden: int = 256
    crops: int = 0
    temperature: float = 0.1
    teacher_temperature: float = 0.04
    momentum: float = 0.99
    frozen: int = 1

    weight_decay: ClassVar[float] = DECAY

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("prototypes", 2), ("width", 2), ("hidden", 1), ("crops", 0), ("frozen", 0)):
            check_number(f"--set {name}", getattr(self, name), low, whole=True)
        for name in ("temperature", "teacher_temperature"):
            check_number(f"--set {name}", getattr(self, name), 0, open_low=True)
        check_number("--set momentum", self.momentum, 0, 1)

    @property
    def copies(self) -> int:
        """Two views and the crops."""
        return 2 + self.crops

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, None]:
        """((2 + crops)·N, 3, S, S): two views of each image, then in training the small crops."""
        x, recipe = batch.images, recipe_of(self.recipe, batch.images)
        if batch.held_out or not self.crops:
            return torch.cat(two_views(x, recipe, generator)), None
        low = replace(recipe, crop=(max(recipe.crop[0], GLOBAL[0]), GLOBAL[1]))
        local = [view(x, replace(recipe, crop=LOCAL), generator) for _ in range(self.crops)]
        return torch.cat([*two_views(x, low, generator), *local]), None

    def head(self, encoder: Encoder) -> nn.Module:
        """Three layers, K prototypes, and the teacher."""
        return Head(encoder, Prototypes(encoder.num_features, self.hidden, self.width, self.prototypes))

    def vectors(self, encoder: Encoder, head: Any, x_NCHW: Tensor) -> Tensor:
        """The network's own unit vectors."""
        return head.own.vectors(encoder(x_NCHW))

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: None, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Mean cross-entropy over all pairs of a teacher's view and another view of the network.

        Logs the vectors' spread, the teacher's entropy (low: decided) and how many prototypes it uses in a batch:
        exp of the entropy of its mean, 1 in a collapse.
        """
        own = self.vectors(encoder, head, inputs)
        logits = head.own.logits(own).chunk(self.copies)
        with torch.no_grad():
            said = head.teacher(inputs[: 2 * len(logits[0])])
            shares = teacher_shares(said, head.centre, self.teacher_temperature)
            log = {
                "spread": spread(own[: len(said)]),
                "teacher_entropy": entropy(shares).mean(),
                "prototypes_used": entropy(shares.mean(0, keepdim=True)).exp().mean(),
            }
            if head.training:
                # the centre of this step was used above; the next step's takes this batch in (eq. 4)
                head.centre.lerp_(said.mean(0), 1 - CENTRE_MOMENTUM)
        with torch.autocast(inputs.device.type, enabled=False):
            pairs = [
                cross_entropy(shares_of, logits[k], self.temperature)
                for (t, shares_of), k in product(enumerate(shares.chunk(2)), range(self.copies))
                if k != t
            ]
            return torch.stack(pairs).mean(), log

    def decay_factor(self, progress: float) -> float:
        """From 1 to 10 along half a cosine.

        >>> [round(Method().decay_factor(progress), 2) for progress in (0, 0.5, 1)]
        [1.0, 5.5, 10.0]
        """
        return RISE + (1 - RISE) * (1 + cos(pi * progress)) / 2

    def before_update(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """In the first epochs the prototypes have no gradient, so that they stay as they are."""
        if at.epoch < self.frozen:
            head.own.prototypes.grad = None

    def after_step(self, encoder: Encoder, head: Any, at: Moment) -> None:
        """The teacher follows."""
        follow(head.teacher, nn.Sequential(encoder, head.own), rising(self.momentum, at.progress))
