"""DeepCluster: group the features, learn to tell the groups, group again (Caron et al. 2018).

"Deep clustering for unsupervised learning of visual features", ECCV, arXiv 1807.05520.

Every few epochs k-means groups the features of all training images, and until the next time the network classifies
random views of the images into these groups, with a new classifier, since groups have new names; what the optimiser
knew of the old one is forgotten. Small groups weigh as much as large ones, or all images would end in one. Against the
paper: pooled features of any network in place of AlexNet's last convolutions; new groups after so many steps, not each
epoch, as small sets have short epochs; weights in the loss in place of sampling; against groups by colour alone colours
are changed at random, edges are an option for a share of the views (the paper: all), since the network is used on
pictures later; AdamW and one cycle.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.module import features_of
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.recipes import pick_recipe
from ...learning.trainable import START, Log, Moment
from ._clusters import (
    dealt,
    epochs_between,
    kmeans,
    shown_twins,
    training_view,
    twin_views,
    twins_matched,
    whitened,
)


def cluster_weights(cluster_N: Tensor, k: int) -> Tensor:
    """Weight of each cluster (k,): n / (k·size), so that all have the same total; 0 for an empty one.

    >>> cluster_weights(torch.tensor([0, 0, 0, 1]), 3).tolist()
    [0.444444, 1.333333, 0.0]
    """
    size = torch.bincount(cluster_N, minlength=k)
    return torch.where(size > 0, len(cluster_N) / (k * size.clamp(min=1)), 0.0).float()


class Classifier(nn.Module):
    """A linear classifier with the cluster of every training image.

    Attributes:
        cluster: (n,) of each image.
        weight: (k,) of each cluster in the loss.
        kept: normalised mutual information of the clusters with the ones before: 1 where they no longer change.
    """

    def __init__(self, features: int, n: int, k: int) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(features, affine=False)
        self.linear = nn.Linear(features, k)
        # until the first clustering: by turns
        self.register_buffer("cluster", torch.arange(n) % k)
        self.register_buffer("weight", torch.ones(k))
        self.register_buffer("kept", torch.zeros(()))

    def forward(self, features_ND: Tensor) -> Tensor:
        """Logits (N, k)."""
        return self.linear(self.scale(features_ND))

    def renew(self, cluster_N: Tensor, generator: torch.Generator) -> None:
        """Take new clusters, and forget what the classifier knew."""
        from sklearn.metrics import normalized_mutual_info_score

        self.kept.fill_(normalized_mutual_info_score(self.cluster.cpu().numpy(), cluster_N.cpu().numpy()))
        self.cluster.copy_(cluster_N)
        self.weight.copy_(cluster_weights(cluster_N, len(self.weight)))
        self.linear.weight.normal_(0, 0.01, generator=generator)
        self.linear.bias.zero_()


@dataclass(frozen=True)
class Method(Objective):
    """DeepCluster.

    Attributes:
        clusters: how many; 0: 200, or a hundredth of the images where that is more, but seven images in each.
        every: epochs from one clustering to the next; 0: about 40 steps, at least one epoch.
        components: most principal components of the features that are clustered, scaled to equal variance.
        recipe: the views: crop (and mirror) | photo (colours too) | digit | none | auto: digit for small grey
            symbols, photo else.
        sobel: share of the views that are shown as edges, so that groups cannot be by colour alone.
        candidates: images in one held-out contest: a first view must find its own second view among so many.
        n: number of training images.
    """

    clusters: int = 0
    every: int = 0
    components: int = 256
    recipe: Literal["auto", "crop", "photo", "digit", "none"] = "auto"
    sobel: float = 0.0
    candidates: int = 16
    n: int = field(default=0, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set clusters", self.clusters, 0, whole=True)
        check_number("--set every", self.every, 0, whole=True)
        check_number("--set components", self.components, 1, whole=True)
        check_number("--set sobel", self.sobel, 0, 0.9)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """Counts from the number of images, views that suit them, contests no larger than the held-out set."""
        n = len(known.train)
        return replace(
            self,
            clusters=min(self.clusters or max(2, min(max(200, n // 100), n // 7)), n),
            every=self.every or epochs_between(n, 1, 40),
            recipe=pick_recipe(self.recipe, known),
            candidates=min(self.candidates, len(known.held_out)),
            n=n,
        )

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
        """The classifier, and each image's cluster."""
        return Classifier(encoder.num_features, self.n, self.clusters)

    def every_epoch(
        self, encoder: Encoder, head: Any, feed: Any, at: Moment, generator: torch.Generator
    ) -> Sequence[nn.Parameter]:
        """Every few epochs: cluster the features of all images, and begin with a new classifier, which is returned."""
        if at.epoch % self.every:
            return ()
        features = whitened(features_of(encoder, feed), self.components)
        head.renew(kmeans(features, self.clusters, generator), generator)
        return tuple(head.linear.parameters())

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy over the clusters, each with the same total weight; logs accuracy and how clusters last."""
        logits, cluster = head(encoder(inputs)).float(), head.cluster[targets]
        with torch.autocast(logits.device.type, enabled=False):
            loss = nn.functional.cross_entropy(logits, cluster, head.weight)
        right = (logits.argmax(1) == cluster).float().mean()
        return loss, {"train_accuracy": right.detach(), "clusters_kept": head.kept.clone()}

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: None) -> Tensor:
        """(N', 1): are two views of an unseen image given the most similar logits over the clusters?"""
        return twins_matched(head(encoder(inputs)), self.candidates)

    def shuffled(self, inputs: Tensor, targets: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Any]:
        """The second views in another order."""
        return dealt(inputs, targets, generator)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and two views; with a network the cluster that each view is put in."""
        views = twin_views(images_NCHW, self.recipe, generator)
        shown = shown_twins(images_NCHW, views)
        if encoder is None:
            return shown
        everything = torch.cat([images_NCHW, views])
        places = head(encoder(everything)).argmax(1).reshape(3, -1).T.flatten().tolist()
        return [(f"{name}: group {place}", pixels) for (name, pixels), place in zip(shown, places)]
