"""Several labels an image: a sigmoid for each label, as for photographs that show a cat and a sofa.

Each label is a question of its own, answered yes or no on the pooled features: binary cross-entropy, as Wei et al. 2016
(HCP, IEEE TPAMI) and all later work on PASCAL VOC's classification task compare with. What is scored is mAP.

Labels come from a table (`cat|sofa` in the column `label`) or from annotations: VOC, COCO, YOLO, masks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.auxiliary import loss_of, with_auxiliaries
from ...backbones.encoder import Encoder
from ...core.checks import bad, check_number
from ...data.imageset import ImageSet
from ...data.tags import BETWEEN, need_tags, tag_matrix, tags_of
from ...data.views import view
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment
from ...metrics.multilabel import mean_label_precision
from ._views import Level, RecipeName, check_views, trained_on


def smoothed_binary_cross_entropy(logits_NC: Tensor, targets_NC: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean over images and labels of -q log p - (1 - q) log(1 - p), with q = (1 - s) target + s/2; in float32.

    >>> round(float(smoothed_binary_cross_entropy(torch.zeros(2, 3), torch.ones(2, 3))), 4)  # log 2
    0.6931
    """
    wanted = (1 - smoothing) * targets_NC.float() + smoothing / 2
    return nn.functional.binary_cross_entropy_with_logits(logits_NC.float(), wanted)


@dataclass(frozen=True)
class Method(Objective):
    """A sigmoid for each label.

    Attributes:
        smoothing: share of each target that is brought towards 1/2.
        recipe: views of the training images: photo | digit | none | auto by the images.
        augment: strength of the views: none | light | standard | strong.
        mixup: alpha of mixup, such as 0.2; 0: images are not blended.
        cutmix: alpha of CutMix, such as 1; 0: nothing is pasted. With mixup each has half of the batches.
        classes: the labels, in the order of the outputs; filled in from the data.
        chance: mAP of a random order, the mean share of held-out images that have a label; filled in from the data.
    """

    smoothing: float = 0.0
    recipe: RecipeName = "auto"
    augment: Level = "standard"
    mixup: float = 0.0
    cutmix: float = 0.0
    classes: tuple[str, ...] = field(default=(), metadata=FROM_DATA)
    chance: float = field(default=0.0, metadata=FROM_DATA)

    needs_labels = True
    main: ClassVar[str] = "map"

    def __post_init__(self) -> None:
        check_number("--set smoothing", self.smoothing, 0, 0.9)
        check_views(self.recipe, self.augment, self.mixup, self.cutmix)

    def check_images(self, images: ImageSet) -> None:
        """Labels in a table, or annotations, are needed."""
        need_tags(images)

    def labelled(self, images: ImageSet) -> ImageSet:
        """The images with their labels in one text, sorted, | between them; annotations are read once for it."""
        texts = [BETWEEN.join(tags) or BETWEEN for tags in tags_of(images)]
        return replace(images, labels=np.array(texts, np.str_), annotations=None)

    def marks(self, images: ImageSet) -> np.ndarray:
        """(n, classes) float32: 1 for each label that an image has."""
        return tag_matrix(tags_of(images), self.classes).astype(np.float32)

    def configure(self, known: Split) -> Self:
        """The labels, and what a random order gives; raises InputError where no image has a label."""
        learned, held = tags_of(known.train), tags_of(known.held_out)
        classes = tuple(sorted({tag for tags in (*learned, *held) for tag in tags}))
        if not classes:
            raise bad("IMAGES", f"{known.train.name}, in which no image has a label", "images with labels")
        given = tag_matrix(held, classes)
        shares = given.mean(axis=0)[given.any(axis=0)]
        return replace(
            self,
            recipe=pick_recipe(self.recipe, known),
            classes=classes,
            chance=float(shares.mean()) if len(shares) else 0.0,
        )

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) images, in training a random view of each, and 1 for each label that it has, (N, C)."""
        targets = batch.labels
        if targets.ndim == 1:  # one label each, by its place
            targets = nn.functional.one_hot(targets, len(self.classes)).float()
        if batch.held_out:
            return batch.images, targets
        return trained_on(batch, targets, self.recipe, self.augment, self.mixup, self.cutmix, generator)

    def head(self, encoder: Encoder) -> nn.Module:
        """Pooled features to one logit a label, with the auxiliary heads that a network asks for."""
        return with_auxiliaries(nn.Linear(encoder.num_features, len(self.classes)), encoder, len(self.classes))

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Binary cross-entropy; logs the share of the single answers that is right in training."""
        loss, logits = loss_of(
            encoder, head, inputs, lambda given: smoothed_binary_cross_entropy(given, targets, self.smoothing)
        )
        right = ((logits > 0) == (targets > 0.5)).float().mean()
        return loss, {"train_accuracy": right.detach()}

    def logits(self, encoder: Encoder, head: nn.Module, inputs: Tensor) -> Tensor:
        """(N, C), the sigmoid of each is the probability of its label."""
        return head(encoder(inputs)).float()

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, C): is each label rightly given, or not given, at a probability of 1/2?"""
        return ((head(encoder(inputs)) > 0) == (targets > 0.5)).float()

    def measure(self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """For each image the logits and the truth, (N, C), of which `summary` makes mAP."""
        return {"logits": self.logits(encoder, head, inputs), "truth": targets}

    def summary(self, columns: Mapping[str, Tensor]) -> dict[str, float]:
        """`map`, and `accuracy`: the share of single answers that is right."""
        logits, truth = columns["logits"].numpy(), columns["truth"].numpy() > 0.5
        return {"map": mean_label_precision(truth, logits), "accuracy": float(np.mean((logits > 0) == truth))}

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image with the view that the network may get; with a network the likeliest label of the image."""
        views = view(images_NCHW, recipe_of(self.recipe, images_NCHW, self.augment), generator)
        said = ["image"] * len(views)
        if encoder is not None:
            said = [self.classes[int(place)] for place in head(encoder(images_NCHW)).argmax(1)]
        pairs = zip(zip(said, images_NCHW), (("view", x) for x in views))
        return [(name, picture(x)) for pair in pairs for name, x in pair]
