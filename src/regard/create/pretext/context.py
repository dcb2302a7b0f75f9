"""Context: say where one patch lies beside another (Doersch, Gupta & Efros 2015).

"Unsupervised visual representation learning by context prediction", ICCV, arXiv 1505.05192.

Two patches of an image, the second one of the eight neighbours of the first, are seen apart, and a head that has both
vectors says which neighbour it was. Pairs are taken from anywhere in the image, lest the second patch alone say where
it lies. Against cheating: a gap of half a patch and jitter (edges do not continue), colours that no longer tell where
in a lens a patch was seen (all channels but one dropped, or the green-magenta axis projected out), patches made coarse
at random, and a fixed contrast; normalisation without weights in the head against collapse. Against the paper: the
proportions of its 96-pixel patches at any size but no patch under 12 pixels where the image has room, small patches
enlarged, any backbone.
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
from ._patches import LEAST_SIDE, Colour, check_takes, cut, enlarged, recoloured, resampled, whole_numbers

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
NAMES = ("above left", "above", "above right", "left", "right", "below left", "below", "below right")
LEAST_CUT = 12  # pixels of a patch; less shows too little to be placed


def geometry(side: int, gap: float, jitter: float) -> tuple[int, int, int]:
    """Side of a patch, gap between patches and largest jitter in pixels, for images of this side.

    Patches have the paper's share of the image, 96 of 398 pixels, but 12 pixels at least; 2x2 of them always fit.

    >>> geometry(398, 0.5, 7 / 96), geometry(32, 0.5, 7 / 96)
    ((96, 48, 7), (12, 6, 1))
    """
    patch = max(2, min(int(side / (2 + gap + 2 * jitter)), max(LEAST_CUT, round(side * 96 / 398))))
    between = round(gap * patch)
    patch -= max(0, -(-(2 * patch + between - side) // 2))
    room = (side - 2 * patch - between) // 2
    return patch, between, max(0, min(room, round(jitter * patch)))


def pairs(
    x_NCHW: Tensor, many: int, gap: float, jitter: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Patches from anywhere (N many, 3, p, p), a neighbour of each, and which of the eight it is (N many,)."""
    n, _, height, width = x_NCHW.shape
    patch, between, move = geometry(min(height, width), gap, jitter)
    which = whole_numbers(0, 7, (n, many), generator).to(x_NCHW.device)
    step = torch.tensor(NEIGHBOURS, device=x_NCHW.device)[which] * (patch + between)
    corners = []
    for axis, length in ((0, height), (1, width)):
        apart = step[..., axis]
        # uniform over all places where both patches and their jitter lie inside
        start = whole_numbers(move, length - patch - move - apart.abs().cpu(), (n, many), generator).to(x_NCHW.device)
        both = [start - apart.clamp(max=0), start + apart.clamp(min=0)]
        corners.append([at + whole_numbers(-move, move, (n, many), generator).to(x_NCHW.device) for at in both])
    first, second = (cut(x_NCHW, corners[0][k], corners[1][k], patch).flatten(0, 1) for k in (0, 1))
    return first, second, which.flatten()


class Beside(nn.Module):
    """Both vectors to eight logits; batch normalisation without weights, lest all patches get one vector."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(2 * features, affine=False),
            nn.Linear(2 * features, width),
            nn.BatchNorm1d(width, affine=False),
            nn.ReLU(),
            nn.Linear(width, 8),
        )

    def forward(self, features_MD: Tensor) -> Tensor:
        """(2M, D), all first patches and then all neighbours, to (M, 8)."""
        return self.layers(torch.cat(features_MD.chunk(2), 1))


@dataclass(frozen=True)
class Method(Objective):
    """Relative position of two patches.

    Attributes:
        gap: between patches, as a share of their side.
        jitter: largest move of each patch, as a share of its side.
        colour: drop (one channel stays) | projection (green-magenta taken out) | gray | keep.
        coarse: share of patches that are made coarse.
        pairs: pairs of each image in a batch.
        width: of the head's layer.
        recipe: views before the patches are cut: photo | digit | none | auto by the images. Held-out images get none.
    """

    gap: float = 0.5
    jitter: float = 7 / 96
    colour: Colour = "drop"
    coarse: float = 0.33
    pairs: int = 4
    width: int = 256
    recipe: Literal["auto", "photo", "digit", "none"] = "none"

    def __post_init__(self) -> None:
        check_number("--set gap", self.gap, 0, 2)
        check_number("--set jitter", self.jitter, 0, 1)
        check_number("--set coarse", self.coarse, 0, 1)
        check_number("--set pairs", self.pairs, 1, 64, whole=True)
        check_number("--set width", self.width, 1, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images."""
        return replace(self, recipe=pick_recipe(self.recipe, known))

    @property
    def copies(self) -> int:
        """A pair counts as an image: batches hold as many pairs as others hold images."""
        return self.pairs

    @property
    def chance(self) -> float:
        """One of eight."""
        return 1 / 8

    def admits(self, encoder: Encoder) -> None:
        """Networks that take small patches."""
        check_takes(encoder, max(LEAST_SIDE, geometry(encoder.input_size, self.gap, self.jitter)[0]))

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(2 N pairs, 3, p, p): all first patches, then their neighbours; and which neighbour (N pairs,)."""
        x = batch.images
        if not batch.held_out:
            x = view(x, recipe_of(self.recipe, x), generator)
        first, second, which = pairs(x, self.pairs, self.gap, self.jitter, generator)
        patches = recoloured(torch.cat([first, second]), self.colour, generator)
        if not batch.held_out:
            patches = resampled(patches, self.coarse, generator)
        return enlarged(patches), which

    def head(self, encoder: Encoder) -> nn.Module:
        """What sees both patches."""
        return Beside(encoder.num_features, self.width)

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy over the eight neighbours; logs the share that is right in training."""
        logits = head(encoder(inputs)).float()
        right = (logits.argmax(1) == targets).float().mean()
        return nn.functional.cross_entropy(logits, targets), {"train_accuracy": right.detach()}

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, pairs): is the neighbour of each pair found?"""
        return (head(encoder(inputs)).argmax(1) == targets).float().reshape(-1, self.pairs)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image, a patch and its neighbour; with a network where it takes the neighbour to lie."""
        batch = Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True)
        inputs, which = self.prepare(batch, generator)
        first, second = (part[:: self.pairs] for part in inputs.chunk(2))
        said = [""] * len(which)
        if encoder is not None:
            said = [f", says {NAMES[int(place)]}" for place in head(encoder(inputs)).argmax(1)]
        shown = []
        for i, image in enumerate(images_NCHW):
            about = f"{NAMES[int(which[i * self.pairs])]}{said[i * self.pairs]}"
            shown += [("image", picture(image)), ("patch", picture(first[i])), (about, picture(second[i]))]
        return shown

    def shortcuts(self) -> Mapping[str, Callable[[Tensor, torch.Generator], Tensor]]:
        """Images of one colour each, their mean: nothing that is left may tell where a patch lay."""
        return {"mean_colour": mean_colour}

    def blinded(self) -> Mapping[str, Callable[..., Any]]:
        """The first patches of other images: what is still found is told by the second patch alone."""
        return {"swapped_first": self.swapped_first}

    def swapped_first(self, inputs: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Each first patch from the image after its own."""
        first, second = inputs.chunk(2)
        return torch.cat([first.roll(self.pairs, 0), second]), targets


def mean_colour(x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Each image in its mean colour."""
    return x_NCHW.mean((2, 3), keepdim=True).expand_as(x_NCHW).clone()
