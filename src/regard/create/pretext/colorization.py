"""Colorization: from a grey image, tell the colour of each place (Zhang et al. 2016).

"Colorful image colorization", ECCV, arXiv 1603.08511.

The network sees the lightness L of Lab and names, on a map with a quarter of the image's side, one of the bins of ab.
To know that this is a lemon and that is grass, one must tell lemons from grass. A class for each colour, and not a
mean, as an apple may be red or green but is not brown; rare colours weigh more, or all would be grey.
Against the paper: bins on a grid of 20 in place of 10, as small sets hold too few rare colours; the prior is counted
on the training images and not smoothed; the map is made from the network's last features by up-convolutions, for any
network; L goes in as three equal channels, so that colour images can go in afterwards; AdamW and one cycle.
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
from . import _lab
from ._decoder import last_map, map_shape, moved, need_square_map
from ._matching import own_is_nearest


class ColourHead(nn.Module):
    """The encoder's last map to logits of the bins; holds their colours and weights."""

    def __init__(self, encoder: Encoder, grid: int, prior: tuple[float, ...], hidden: int) -> None:
        super().__init__()
        bins = _lab.gamut_bins(grid)
        known = torch.tensor(prior) if prior else torch.full((len(bins),), 1 / len(bins))
        self.register_buffer("bins", bins.clone())
        self.register_buffer("weights", _lab.rebalancing(known))
        channels, side = map_shape(encoder)
        self.paint = _lab.MapHead(channels, side, max(1, encoder.input_size // _lab.STRIDE), len(bins), hidden)

    def forward(self, map_NCHW: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, Q, *size)."""
        return self.paint(map_NCHW, size)


@dataclass(frozen=True)
class Method(Objective):
    """Colorization.

    Attributes:
        grid: side of the squares into which the plane of ab is cut: 20 gives 76 bins, the paper's 10 gives 261.
        temperature: of the mean by which a colour is read from a distribution: 1 is the mean, towards 0 the mode.
        hidden: channels of the head.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
        prior: how often each bin occurs on training images.
    """

    grid: int = 20
    temperature: float = 0.38
    hidden: int = 64
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    candidates: int = 16
    prior: tuple[float, ...] = field(default=(), metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set grid", self.grid, 5, 60, whole=True)
        check_number("--set temperature", self.temperature, 0, open_low=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set candidates", self.candidates, 2, 256, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, the prior of colours, contests no larger than the held-out set."""
        prior = _lab.colour_prior(known.train, self.grid, "colorization")
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_recipe(self.recipe, known), prior=prior, candidates=candidates)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def admits(self, encoder: Encoder) -> None:
        """Networks whose last features are a square map."""
        need_square_map(encoder)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Grey images (N, 3, S, S), and the colours ab (N, 2, S/4, S/4)."""
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        lab = _lab.rgb_to_lab(x)
        return _lab.grey_image(lab[:, 0]), _lab.pooled_map(lab)[:, 1:]

    def head(self, encoder: Encoder) -> nn.Module:
        """Up-convolutions to a map of bins."""
        return ColourHead(encoder, self.grid, self.prior, self.hidden)

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Cross-entropy over bins, rare colours weighing more; logs the share of cells whose bin is right."""
        logits = head(last_map(encoder, inputs), tuple(targets.shape[-2:]))
        loss, right = _lab.bin_loss(logits, targets, head.bins, head.weights, self.grid)
        return loss, {"bin_accuracy": right}

    def colours(self, encoder: Encoder, head: Any, inputs: Tensor, size: tuple[int, int]) -> Tensor:
        """The predicted ab (N, 2, *size)."""
        return _lab.annealed_mean(head(last_map(encoder, inputs), size), head.bins, self.temperature)

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N', 1): are the colours found nearer to the image's own than to those of others? Grey images sit out."""
        found, kept = (
            self.colours(encoder, head, inputs, tuple(targets.shape[-2:])),
            _lab.contest_rows(targets, self.candidates),
        )
        return own_is_nearest(found[kept], targets[kept], self.candidates)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image in grey and in colour; with a network also in the colours that it finds."""
        grey, true = self.prepare(Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True), generator)
        names, groups = ["grey", "true colours"], [grey, images_NCHW]
        if encoder is not None:
            ab = self.colours(encoder, head, grey, tuple(true.shape[-2:]))
            ab = nn.functional.interpolate(ab, size=grey.shape[-2:], mode="bilinear")
            names.insert(1, "colours found")
            groups.insert(1, _lab.lab_to_rgb(torch.cat([100 * grey[:, :1], ab], 1)))
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
