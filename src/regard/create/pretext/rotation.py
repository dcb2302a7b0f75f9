"""Rotation: tell by how much each image was turned (Gidaris et al. 2018).

"Unsupervised representation learning by predicting image rotations", ICLR, arXiv 1803.07728.

Each image is shown upright and turned by 90, 180 and 270 degrees, all four in one batch, and the network says by how
much. To know which way up a thing is, one must know what it is. Turning is transposing and mirroring only: resampling
would leave traces that give the answer away. Against the paper: random views before the turns, without which a few
thousand images are learned by heart; a hidden layer in the head; AdamW and one cycle in place of SGD with steps.
Needs things that have a right way up: seen from above, or round, they teach nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import view
from ...learning.batch import Batch
from ...learning.objective import Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment


def four_rotations(x_NCHW: Tensor) -> Tensor:
    """(N, C, S, S) to (4N, C, S, S): all images upright, then all by 90, 180 and 270 degrees anticlockwise.

    >>> four_rotations(torch.tensor([[[[1, 2], [3, 4]]]]))[:, 0].tolist()
    [[[1, 2], [3, 4]], [[2, 4], [1, 3]], [[4, 3], [2, 1]], [[3, 1], [4, 2]]]
    """
    turned = x_NCHW.transpose(2, 3)
    return torch.cat([x_NCHW, turned.flip(2), x_NCHW.flip(2, 3), turned.flip(3)])


@dataclass(frozen=True)
class Method(Objective):
    """Rotation prediction.

    Attributes:
        recipe: views before the turns: photo | digit | none | auto by the images. Held-out images get none.
        hidden: width of the head's hidden layer; 0 for a linear head, as in the paper.
    """

    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    hidden: int = 128

    copies = 4

    def __post_init__(self) -> None:
        check_number("--set hidden", self.hidden, 0, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images."""
        return replace(self, recipe=pick_recipe(self.recipe, known))

    @property
    def chance(self) -> float:
        """One of four."""
        return 0.25

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(4N, 3, S, S) images, and how many quarter turns each was given."""
        x, n = batch.images, len(batch.images)
        if not batch.held_out:
            x = view(x, recipe_of(self.recipe, x), generator)
        return four_rotations(x), torch.arange(4, device=x.device).repeat_interleave(n)

    def head(self, encoder: Encoder) -> nn.Module:
        """Pooled features to four logits."""
        if not self.hidden:
            return nn.Linear(encoder.num_features, 4)
        return nn.Sequential(nn.Linear(encoder.num_features, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 4))

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy over the four turns; logs the share that is right in training."""
        logits = head(encoder(inputs)).float()
        right = (logits.argmax(1) == targets).float().mean()
        return nn.functional.cross_entropy(logits, targets), {"train_accuracy": right.detach()}

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 4): is each turn of each image found?"""
        return (head(encoder(inputs)).argmax(1) == targets).reshape(4, -1).T.float()

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image in its four turns; with a network what it takes each for."""
        inputs, targets = self.prepare(Batch(images_NCHW, torch.arange(len(images_NCHW))), generator)
        order = torch.arange(len(inputs)).reshape(4, -1).T.reshape(-1)
        said = [""] * len(inputs)
        if encoder is not None:
            said = [f", says {90 * int(turn)}°" for turn in head(encoder(inputs)).argmax(1)]
        return [(f"{90 * int(targets[i])}°{said[i]}", picture(inputs[i])) for i in order]

    def shortcuts(self) -> Mapping[str, Callable[[Tensor, torch.Generator], Tensor]]:
        """Pixels in another order in each image: colours stay, content goes; above chance here would be a leak."""
        return {"shuffled_pixels": shuffled_pixels}


def shuffled_pixels(x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """The pixels of each image in an order of its own."""
    n, channels, height, width = x_NCHW.shape
    noise = torch.rand(n, height * width, generator=generator, device=x_NCHW.device)
    order = noise.argsort(1)[:, None].expand(-1, channels, -1)
    return x_NCHW.flatten(2).gather(2, order).reshape(x_NCHW.shape)
