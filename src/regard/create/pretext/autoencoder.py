"""Autoencoder: draw the image again from its one vector (Hinton and Salakhutdinov 2006).

"Reducing the dimensionality of data with neural networks", Science 313.

The pooled vector must hold all that the decoder needs to draw the image. It is the control for the puzzles: it asks
for every pixel alike, so that it keeps colours and places rather than things; a task that is not better than this one
is not worth its name. Against the paper: convolutions trained from end to end in place of stacked Boltzmann machines,
and the network's own pooled vector in place of a narrow code.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe
from ...learning.trainable import START, Log, Moment
from ._decoder import GREY, VectorDecoder, mean_colour, moved
from ._matching import own_is_nearest


@dataclass(frozen=True)
class Method(Objective):
    """Autoencoder.

    Attributes:
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images. The moved image is
            what is to be drawn.
        candidates: images in one held-out contest.
        colour: mean of the training images, with which the decoder begins.
    """

    recipe: Literal["auto", "photo", "digit", "none"] = "none"
    candidates: int = 16
    colour: tuple[float, float, float] = field(default=GREY, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, their mean colour, and contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        colour = mean_colour(known.train)
        return replace(self, recipe=pick_recipe(self.recipe, known), candidates=candidates, colour=colour)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images, and the same images to be drawn."""
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        return x, x

    def head(self, encoder: Encoder) -> nn.Module:
        """The pooled vector to an image."""
        return VectorDecoder(encoder.num_features, encoder.input_size, self.colour)

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Mean squared error over pixels and colours."""
        drawn = head(encoder(inputs))
        with torch.autocast(drawn.device.type, enabled=False):
            return nn.functional.mse_loss(drawn.float(), targets.float()), {}

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 1): is each drawing nearer to its own image than to the others in its contest?"""
        return own_is_nearest(head(encoder(inputs)), targets, self.candidates)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image; with a network also as it draws it."""
        names, groups = ["image"], [images_NCHW]
        if encoder is not None:
            names, groups = [*names, "drawn again"], [*groups, head(encoder(images_NCHW))]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
