"""Labels: cross-entropy on the labels, the way that first made features useful (Krizhevsky et al. 2012, NIPS).

A linear layer on the pooled features says which class an image is of. Against the paper: any backbone, AdamW with a
schedule, and label smoothing (Szegedy et al. 2016, section 7), views of several strengths, mixup (Zhang et al. 2018)
and CutMix (Yun et al. 2019) as options. It is the ceiling that learning without labels is measured against.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.auxiliary import loss_of, with_auxiliaries
from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import view
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment
from ._views import Level, RecipeName, check_views, trained_on


def smoothed_cross_entropy(logits_NC: Tensor, targets_N: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean over images of -sum_c q_c log p_c, with q = 1 - s + s/C for the right class and s/C for the others.

    In float32 whatever the logits are in. Targets (N, C), shares of each class as mixing gives them, make
    q = (1 - s) targets + s/C.

    >>> round(float(smoothed_cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]), 0.1)), 4)  # log 4
    1.3863
    """
    return nn.functional.cross_entropy(logits_NC.float(), targets_N, label_smoothing=smoothing)


@dataclass(frozen=True)
class Method(Objective):
    """Cross-entropy on labels.

    Attributes:
        smoothing: share of the target that is spread over all classes.
        recipe: views of the training images: photo | digit | none | auto by the images.
        augment: strength of the views: none | light | standard | strong.
        mixup: alpha of mixup, such as 0.2; 0: images are not blended.
        cutmix: alpha of CutMix, such as 1; 0: nothing is pasted. With mixup each has half of the batches.
        classes: the labels, in the order of the outputs; filled in from the data.
        chance: share of the commonest class among the held-out images; filled in from the data.
    """

    smoothing: float = 0.0
    recipe: RecipeName = "auto"
    augment: Level = "standard"
    mixup: float = 0.0
    cutmix: float = 0.0
    classes: tuple[str, ...] = field(default=(), metadata=FROM_DATA)
    chance: float = field(default=0.0, metadata=FROM_DATA)

    needs_labels = True

    def __post_init__(self) -> None:
        check_number("--set smoothing", self.smoothing, 0, 0.9)
        check_views(self.recipe, self.augment, self.mixup, self.cutmix)

    def configure(self, known: Split) -> Self:
        """The classes, and what guessing the commonest gives; raises InputError where there are no labels."""
        known.train.need_labels("IMAGES")
        shares = np.unique(known.held_out.need_labels("IMAGES", 1), return_counts=True)[1] / len(known.held_out)
        return replace(
            self,
            recipe=pick_recipe(self.recipe, known),
            classes=tuple(sorted({*known.train.classes, *known.held_out.classes})),
            chance=float(shares.max()),
        )

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) images, in training a random view of each, and the place of each label among the classes.

        Of mixed images the targets are shares of the classes, (N, C).
        """
        if batch.held_out:
            return batch.images, batch.labels
        targets = batch.labels
        if self.mixup or self.cutmix:
            targets = nn.functional.one_hot(targets, len(self.classes)).float()
        return trained_on(batch, targets, self.recipe, self.augment, self.mixup, self.cutmix, generator)

    def head(self, encoder: Encoder) -> nn.Module:
        """Pooled features to one logit a class, with the auxiliary heads that a network asks for."""
        return with_auxiliaries(nn.Linear(encoder.num_features, len(self.classes)), encoder, len(self.classes))

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy with smoothing; logs the share that is right in training (of mixed images, the larger part)."""
        loss, logits = loss_of(
            encoder, head, inputs, lambda given: smoothed_cross_entropy(given, targets, self.smoothing)
        )
        right = (logits.argmax(1) == (targets.argmax(1) if targets.ndim == 2 else targets)).float().mean()
        return loss, {"train_accuracy": right.detach()}

    def logits(self, encoder: Encoder, head: nn.Module, inputs: Tensor) -> Tensor:
        """(N, C), softmax of which are the probabilities."""
        return head(encoder(inputs)).float()

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 1): is the label found?"""
        return (head(encoder(inputs)).argmax(1) == targets).float()[:, None]

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image with the view that the network may get; with a network the label that it gives the image."""
        views = view(images_NCHW, recipe_of(self.recipe, images_NCHW, self.augment), generator)
        said = ["image"] * len(views)
        if encoder is not None:
            said = [self.classes[int(place)] for place in head(encoder(images_NCHW)).argmax(1)]
        pairs = zip(zip(said, images_NCHW), (("view", x) for x in views))
        return [(name, picture(x)) for pair in pairs for name, x in pair]
