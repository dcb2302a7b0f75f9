"""Labels: cross-entropy on the labels, the way that first made features useful (Krizhevsky et al. 2012, NIPS).

A linear layer on the pooled features says which class an image is of. Against the paper: any backbone, AdamW with a
schedule, and label smoothing (Szegedy et al. 2016, section 7) as an option. It is the ceiling that learning without
labels is measured against.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.auxiliary import logits_of, with_auxiliaries
from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import view
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment


def smoothed_cross_entropy(logits_NC: Tensor, targets_N: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean over images of -sum_c q_c log p_c, with q = 1 - s + s/C for the right class and s/C for the others.

    In float32 whatever the logits are in.

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
        classes: the labels, in the order of the outputs; filled in from the data.
        chance: share of the commonest class among the held-out images; filled in from the data.
    """

    smoothing: float = 0.0
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    classes: tuple[str, ...] = field(default=(), metadata=FROM_DATA)
    chance: float = field(default=0.0, metadata=FROM_DATA)

    needs_labels = True

    def __post_init__(self) -> None:
        check_number("--set smoothing", self.smoothing, 0, 0.9)

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
        """(N, 3, S, S) images, in training a random view of each, and the place of each label among the classes."""
        x = batch.images if batch.held_out else view(batch.images, recipe_of(self.recipe, batch.images), generator)
        return x, batch.labels

    def head(self, encoder: Encoder) -> nn.Module:
        """Pooled features to one logit a class, with the auxiliary heads that a network asks for."""
        return with_auxiliaries(nn.Linear(encoder.num_features, len(self.classes)), encoder, len(self.classes))

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy with smoothing; logs the share that is right in training."""
        logits, beside = logits_of(encoder, head, inputs)
        right = (logits.argmax(1) == targets).float().mean()
        loss = smoothed_cross_entropy(logits, targets, self.smoothing)
        for weight, more in beside:
            loss = loss + weight * smoothed_cross_entropy(more, targets, self.smoothing)
        return loss, {"train_accuracy": right.detach()}

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 1): is the label found?"""
        return (head(encoder(inputs)).argmax(1) == targets).float()[:, None]

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image with the view that the network may get; with a network the label that it gives the image."""
        views = view(images_NCHW, recipe_of(self.recipe, images_NCHW), generator)
        said = ["image"] * len(views)
        if encoder is not None:
            said = [self.classes[int(place)] for place in head(encoder(images_NCHW)).argmax(1)]
        pairs = zip(zip(said, images_NCHW), (("view", x) for x in views))
        return [(name, picture(x)) for pair in pairs for name, x in pair]
