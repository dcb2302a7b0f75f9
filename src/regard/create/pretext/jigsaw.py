"""Jigsaw: say in what order nine tiles of an image were laid (Noroozi & Favaro 2016).

"Unsupervised learning of visual representations by solving jigsaw puzzles", ECCV, arXiv 1603.09246.

A square is cut into 3x3 cells, a tile is taken from a random place of each cell, and the tiles are laid in an order
drawn from a fixed set. The encoder sees each tile alone; a head that sees all nine must say which order it was. Against
cheating: gaps between tiles (edges do not continue), each tile brought to its own mean and contrast (no statistics to
compare), a shift of its own for each colour channel (no chromatic aberration), and images without colour. Against the
paper: permutation sets that are exact codes in place of a greedy one (504 orders, or 1,512, or 72, of which the places
of two tiles name the order, so that seven need not be looked at), tiles of any size with the paper's proportions, small
tiles enlarged, a shift in proportion to the tile but at least of a pixel.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import grayscale, view
from ...learning.batch import Batch
from ...learning.objective import Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment
from ._patches import LEAST_SIDE, check_takes, cut, enlarged, standardised, whole_numbers
from ._permutations import orders

TILE, SHIFT = 64 / 85, 2 / 64  # of the cell and of the tile, as in the paper


def tiles(x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """(N, 9, 3, t, t): a tile from anywhere in each of the 3x3 cells, each channel moved by 2/64 of it or a pixel."""
    n, channels, height, width = x_NCHW.shape
    cell = min(height, width) // 3
    side = max(1, round(TILE * cell))
    move = max(1, round(SHIFT * side))
    free = cell - side
    corner = torch.arange(9, device=x_NCHW.device)
    places = []
    for start in (corner // 3 * cell, corner % 3 * cell):
        offset = whole_numbers(0, free, (n, 9), generator).to(x_NCHW.device)[..., None]
        shift = whole_numbers(-move, move, (n, 9, channels), generator).to(x_NCHW.device)
        places.append(start[:, None] + (offset + shift).clamp(0, free))
    return cut(x_NCHW, places[0], places[1], side)


class Solver(nn.Module):
    """Features of each tile through one small layer, all nine together to a logit for each order."""

    def __init__(self, features: int, width: int, hidden: int, many: int) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(features, width), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(9 * width, hidden), nn.ReLU(), nn.Linear(hidden, many))

    def forward(self, features_MD: Tensor) -> Tensor:
        """(9N, D), the nine tiles of an image one after another, to (N, orders)."""
        return self.all(self.each(features_MD).reshape(len(features_MD) // 9, -1))


@dataclass(frozen=True)
class Method(Objective):
    """Jigsaw puzzles.

    Attributes:
        permutations: the set of orders: 72 | 504 | 1512 (exact codes) | greedy:N. Of the 72 the places of any two
            tiles name the order, of the 504 those of three; of the 1,512 those of three still leave three orders.
        gray: share of images that lose their colours.
        recipe: views before the tiles are cut: photo | digit | none | auto by the images. Held-out images get none.
        width: of the head's layer for each tile.
        hidden: of its layer for all.
    """

    permutations: str = "504"
    gray: float = 0.3
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    width: int = 64
    hidden: int = 256

    copies = 4  # nine tiles of a ninth of the area each, enlarged where small

    def __post_init__(self) -> None:
        check_number("--set gray", self.gray, 0, 1)
        check_number("--set width", self.width, 1, whole=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        orders(self.permutations)

    def configure(self, known: Split) -> Self:
        """Views that suit the images."""
        return replace(self, recipe=pick_recipe(self.recipe, known))

    @property
    def chance(self) -> float:
        """One of the orders."""
        return 1 / len(orders(self.permutations))

    def admits(self, encoder: Encoder) -> None:
        """Networks that take small tiles."""
        check_takes(encoder, max(LEAST_SIDE, round(TILE * (encoder.input_size // 3))))

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(9N, 3, t, t) tiles as laid, the nine of an image one after another, and the place of each order (N,)."""
        x = batch.images
        if not batch.held_out:
            x = grayscale(view(x, recipe_of(self.recipe, x), generator), generator, self.gray)
        known = torch.from_numpy(orders(self.permutations)).to(x.device)
        laid = whole_numbers(0, len(known) - 1, (len(x),), generator).to(x.device)
        cut_N9 = tiles(x, generator)
        shown = cut_N9[torch.arange(len(x), device=x.device)[:, None], known[laid]]
        return enlarged(standardised(shown.flatten(0, 1))), laid

    def head(self, encoder: Encoder) -> nn.Module:
        """What sees all nine tiles."""
        return Solver(encoder.num_features, self.width, self.hidden, len(orders(self.permutations)))

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy over the orders; logs the share that is right in training."""
        logits = head(encoder(inputs)).float()
        right = (logits.argmax(1) == targets).float().mean()
        return nn.functional.cross_entropy(logits, targets), {"train_accuracy": right.detach()}

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 1): is the order found?"""
        return (head(encoder(inputs)).argmax(1) == targets).float()[:, None]

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and its tiles as they were laid; with a network also as its answer lays them back."""
        batch = Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True)
        inputs, laid = self.prepare(batch, generator)
        shown = inputs.unflatten(0, (-1, 9))
        known = torch.from_numpy(orders(self.permutations))
        names, groups = ["image", "as laid"], [images_NCHW, framed(shown)]
        if encoder is not None:
            said = known[head(encoder(inputs)).argmax(1).cpu()]
            # tile k of what was laid belongs to the place that the order says
            back = torch.stack([tiles_9[order.argsort()] for tiles_9, order in zip(shown, said)])
            names, groups = [*names, "laid back"], [*groups, framed(back)]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]

    def shortcuts(self) -> Mapping[str, Callable[[Tensor, torch.Generator], Tensor]]:
        """Cells of one colour each, the mean of what was there: statistics of tiles must not give the order away."""
        return {"mean_colours": mean_colours}


def framed(tiles_N9: Tensor, gap: int = 2) -> Tensor:
    """(N, 9, 3, t, t) tiles side by side as images (N, 3, S, S), white between them."""
    padded = nn.functional.pad(tiles_N9, (gap, gap, gap, gap), value=1.0)
    rows = [torch.cat(list(padded[:, 3 * r : 3 * r + 3].unbind(1)), 3) for r in range(3)]
    return torch.cat(rows, 2)


def mean_colours(x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Each of the 3x3 cells in its mean colour."""
    height, width = x_NCHW.shape[-2:]
    cell = min(height, width) // 3
    inside = x_NCHW[..., : 3 * cell, : 3 * cell]
    found = nn.functional.avg_pool2d(inside, cell).repeat_interleave(cell, 2).repeat_interleave(cell, 3)
    # what no tile is cut from takes the colour beside it
    return nn.functional.pad(found, (0, width - 3 * cell, 0, height - 3 * cell), mode="replicate")
