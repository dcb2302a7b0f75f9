"""Exemplar: every image is a class of its own, of which random changes are the examples (Dosovitskiy et al. 2014).

"Discriminative unsupervised feature learning with convolutional neural networks", NIPS, arXiv 1406.6909; its triplet
form after Doersch and Zisserman 2017 (arXiv 1708.07860) and Kolesnikov et al. 2019 (arXiv 1901.09005).

Classes form: one in n/N images is the seed of a surrogate class; the images of a batch that are seeds are moved,
scaled, turned and recoloured at random, and the network says which seed each one was. Triplet form: no classes, so no
limit to their number; views of one image must be nearer to each other than to views of another one, by a margin.
Against the paper: seeds are whole images, spread evenly over the set, in place of 32-pixel patches drawn by their
gradients; small symbols get the views made for them, since recolouring means nothing there; AdamW and one cycle.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import random_affine, shift_hue, view
from ...learning.batch import Batch
from ...learning.divergence import spread
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import recipe_of
from ...learning.trainable import START, Log, Moment
from ._clusters import dealt, shown_twins, twins_matched


def surrogate_classes(rows: Tensor, n: int, seeds: int) -> Tensor:
    """Class of each row of a set of n images, of which `seeds`, spread evenly, are classes; -1 for the others.

    >>> surrogate_classes(torch.arange(7), 7, 3).tolist()
    [0, -1, -1, 1, -1, 2, -1]
    """
    own, before = rows * seeds // n, torch.div((rows - 1) * seeds, n, rounding_mode="floor")
    return torch.where(own != before, own, -1)


def pca_contrast(x_NCHW: Tensor, factors_N3: Tensor) -> Tensor:
    """Scale the colours' deviations from each image's mean along the three principal axes of the batch's pixels."""
    pixels = x_NCHW.transpose(0, 1).flatten(1)
    axes = torch.linalg.eigh(torch.cov(pixels.double()))[1].to(x_NCHW.dtype)
    mean = x_NCHW.mean((2, 3), keepdim=True)
    along = torch.einsum("ca,nchw->nahw", axes, x_NCHW - mean) * factors_N3[:, :, None, None]
    return (mean + torch.einsum("ca,nahw->nchw", axes, along)).clamp(0, 1)


def powers(x_NCHW: Tensor, saturation_N: Tensor, value_N: Tensor) -> Tensor:
    """Raise saturation and value of HSV to a power; the hue stays.

    Value is the largest channel v, saturation s = (v - smallest) / v, and channel = v·(1 - s·r) where r goes from 0 for
    the largest channel to 1 for the smallest and depends on the hue alone.
    """
    v = x_NCHW.amax(1, keepdim=True)
    span = v - x_NCHW.amin(1, keepdim=True)
    least = torch.finfo(x_NCHW.dtype).tiny
    r, s = (v - x_NCHW) / span.clamp(min=least), span / v.clamp(min=least)
    new_s = torch.where(s > 0, s ** saturation_N[:, None, None, None], 0.0)
    return (v ** value_N[:, None, None, None] * (1 - new_s * r)).clamp(0, 1)


def exemplar_view(x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """The paper's composite change: move, scale, turn, two changes of contrast, hue."""

    def draws(low: float, high: float, columns: int = 1) -> Tensor:
        unit = torch.rand(len(x_NCHW), columns, generator=generator, device=generator.device)
        return (low + (high - low) * unit).to(x_NCHW.device, x_NCHW.dtype)

    x = random_affine(x_NCHW, generator, degrees=20, translate=0.2, scale=(0.7, 1.4))
    x = pca_contrast(x, draws(-math.log(2), math.log(2), 3).exp())
    s, v = draws(-math.log(4), math.log(4), 2).exp().unbind(1)
    return shift_hue(powers(x, s, v), draws(-0.1, 0.1)[:, 0])


def semi_hard(z_ND: Tensor, image_N: Tensor, margin: float) -> Tensor:
    """Triplet loss in float32: mean over pairs of views of one image of max(0, margin + d(a, p) - d(a, n)).

    d is the squared distance of vectors at length 1, taken along the features, not along the batch. n is the nearest
    view of another image that is farther than p, or the farthest one where none is (Schroff et al. 2015).
    """
    with torch.autocast(z_ND.device.type, enabled=False):
        u = nn.functional.normalize(z_ND.float(), dim=1)
        d = (2 - 2 * u @ u.T).clamp(min=0)
        same = image_N[:, None] == image_N[None]
        a, p = (same & ~torch.eye(len(u), dtype=torch.bool, device=u.device)).nonzero(as_tuple=True)
        if not len(a) or bool(same.all()):
            return 0 * u.sum()
        near = d[a, p]
        beyond = d[a].masked_fill(same[a] | (d[a] <= near[:, None]), torch.inf).min(1).values
        far = torch.where(beyond.isinf(), d.masked_fill(same, -torch.inf).max(1).values[a], beyond)
        return (margin + near - far).clamp(min=0).mean()


@dataclass(frozen=True)
class Method(Objective):
    """Exemplar-CNN.

    Attributes:
        form: classes (tell the seeds apart) | triplet (views of an image stay together).
        seeds: classes form: how many surrogate classes; 0: half of the images, from 1,000 to the paper's best, 8,000.
            Images that are no seed are left out in training.
        margin: triplet form: by how much other images must be farther, of a squared distance from 0 to 4.
        views: triplet form: views of each image in a batch.
        width: triplet form: length of the vectors that are compared.
        recipe: the views: exemplar (the paper's) | photo | digit | auto: digit for small grey symbols, exemplar else.
        candidates: images in one held-out contest: a first view must find its own second view among so many.
        n: number of training images.
    """

    form: Literal["classes", "triplet"] = "classes"
    seeds: int = 0
    margin: float = 0.5
    views: int = 4
    width: int = 64
    recipe: Literal["auto", "exemplar", "photo", "digit"] = "auto"
    candidates: int = 16
    n: int = field(default=0, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set margin", self.margin, 0, open_low=True)
        for name in ("views", "width", "candidates"):
            check_number(f"--set {name}", getattr(self, name), 2, whole=True)
        if self.seeds:
            check_number("--set seeds", self.seeds, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """No more classes than training images, no larger contests than the held-out set, views for the images."""
        recipe = self.recipe if self.recipe != "auto" else "digit" if known.symbols else "exemplar"
        n = len(known.train)
        seeds = self.seeds or min(max(n // 2, 1000), 8000)
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=recipe, n=n, seeds=min(seeds, n), candidates=candidates)

    @property
    def chance(self) -> float:
        """One of the candidates."""
        return 1 / self.candidates

    @property
    def copies(self) -> int:
        """One view of each image among classes, several in triplets."""
        return 1 if self.form == "classes" else self.views

    def changed(self, x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
        """A random view of each image."""
        if self.recipe == "exemplar":
            return exemplar_view(x_NCHW, generator)
        return view(x_NCHW, recipe_of(self.recipe, x_NCHW), generator)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Views and what each shows: its class, or its image. Held out: two views of each image, and None.

        In the classes form the seeds of the batch are shown as often as it takes to fill it; a batch without any has
        classes -1.
        """
        x, rows = batch.images, batch.rows.to(batch.images.device)
        if batch.held_out:
            return torch.cat([self.changed(x, generator) for _ in range(2)]), None
        if self.form == "triplet":
            return self.changed(x.repeat(self.views, 1, 1, 1), generator), rows.repeat(self.views)
        classes = surrogate_classes(rows, self.n, self.seeds)
        seeds = (classes >= 0).nonzero()[:, 0]
        if len(seeds):
            shown = seeds[torch.arange(len(rows), device=x.device) % len(seeds)]
            x, classes = x[shown], classes[shown]
        return self.changed(x, generator), classes

    def head(self, encoder: Encoder) -> nn.Module:
        """Features at variance 1 to one logit a class, or to the vector that is compared."""
        d, out = encoder.num_features, self.seeds if self.form == "classes" else self.width
        return nn.Sequential(nn.BatchNorm1d(d, affine=False), nn.Linear(d, out))

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy over the classes, or semi-hard triplets; logs the share that is right, or the spread."""
        z = head(encoder(inputs)).float()
        if self.form == "triplet":
            return semi_hard(z, targets, self.margin), {"spread": spread(z)}
        with torch.autocast(z.device.type, enabled=False):
            total = nn.functional.cross_entropy(z, targets, ignore_index=-1, reduction="sum")
        count = (targets >= 0).sum().clamp(min=1)
        return total / count, {"train_accuracy": ((z.argmax(1) == targets).sum() / count).detach()}

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: None) -> Tensor:
        """(N', 1): are the head's outputs on two views of an unseen image nearer than on views of two images?

        An unseen image has no class, but is like the same classes in each view.
        """
        return twins_matched(head(encoder(inputs)), self.candidates)

    def shuffled(self, inputs: Tensor, targets: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Any]:
        """The second views in another order."""
        return dealt(inputs, targets, generator)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and four changes of it; with a network each image, two views, and what is nearest to the first."""
        if encoder is not None:
            views, _ = self.prepare(Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True), generator)
            return shown_twins(images_NCHW, views, encoder, head)
        groups = [images_NCHW, *(self.changed(images_NCHW, generator) for _ in range(4))]
        names = ["image", *(f"view {number}" for number in range(1, 5))]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
