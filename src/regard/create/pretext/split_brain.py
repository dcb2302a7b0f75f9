"""Split-brain: tell the colours from the lightness, and the lightness from the colours (Zhang et al. 2017).

"Split-brain autoencoders: unsupervised learning by cross-channel prediction", CVPR, arXiv 1611.09842.

An image is lightness and colours. From either the network predicts the other, so that between both nothing of the image
is left unused, and no layer is a bottleneck. In the paper two networks of half the width see one part each; here one
network of any kind sees either part as an image, and the head that predicts colours from lightness reads the first half
of its channels, the one that predicts lightness from colours the second half. Against the paper: that shared network, a
coarser grid of colours by default, up-convolutions on the last map, AdamW. Grey images have no part in the loss.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...core.checks import check_number
from ..objective import FROM_DATA, Batch, Known, pick_recipe, picture
from . import _lab
from ._decoder import last_map, map_shape, moved, need_square_map
from ._matching import own_is_nearest

MIDDLE = 50.0  # lightness at which the colours alone are shown


def colour_image(ab_N2HW: Tensor) -> Tensor:
    """Colours at one lightness, as an image in [0, 1]: it holds no more than ab."""
    return _lab.lab_to_rgb(torch.cat([torch.full_like(ab_N2HW[:, :1], MIDDLE), ab_N2HW], 1))


def lightness_bin(lightness: Tensor, bins: int) -> Tensor:
    """The place of L in [0, 100] among `bins` equal parts.

    >>> lightness_bin(torch.tensor([0.0, 49.9, 50.0, 100.0]), 50).tolist()
    [0, 24, 25, 49]
    """
    return (lightness * bins / 100).long().clamp(0, bins - 1)


class Halves(nn.Module):
    """Two heads: from the half that sees lightness to bins of ab, from the half that sees colours to bins of L."""

    def __init__(self, encoder: Any, method: "Method") -> None:
        super().__init__()
        bins = _lab.gamut_bins(method.grid)
        known = torch.tensor(method.prior) if method.prior else torch.full((len(bins),), 1 / len(bins))
        self.register_buffer("bins", bins.clone())
        self.register_buffer("weights", _lab.rebalancing(known))
        channels, side = map_shape(encoder)
        target = max(1, encoder.input_size // _lab.STRIDE)
        self.cut = channels // 2 if method.halves else channels
        rest = channels - self.cut if method.halves else channels
        self.to_colour = _lab.MapHead(self.cut, side, target, len(bins), method.hidden)
        self.to_lightness = _lab.MapHead(rest, side, target, method.lightness_bins, method.hidden)

    def forward(self, map_2NCHW: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Logits of ab (N, Q, *size) and of L (N, bins, *size), from the maps of both views."""
        of_lightness, of_colour = map_2NCHW.chunk(2)
        rest = of_colour[:, -self.to_lightness.channels :]
        return self.to_colour(of_lightness[:, : self.cut], size), self.to_lightness(rest, size)


@dataclass(frozen=True)
class Method:
    """Split-brain.

    Attributes:
        grid: side of the squares into which the plane of ab is cut: 20 gives 76 bins, the paper's 10 gives 261.
        lightness_bins: parts into which L is cut.
        halves: each head reads half of the channels.
        temperature: of the means by which colours and lightness are read: 1 is the mean, towards 0 the mode.
        hidden: channels of the heads.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
        prior: how often each bin of ab occurs on training images.
    """

    grid: int = 20
    lightness_bins: int = 50
    halves: bool = True
    temperature: float = 0.38
    hidden: int = 64
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    candidates: int = 16
    prior: tuple[float, ...] = field(default=(), metadata=FROM_DATA)

    copies = 2

    def __post_init__(self) -> None:
        check_number("--set grid", self.grid, 5, 60, whole=True)
        check_number("--set lightness_bins", self.lightness_bins, 2, whole=True)
        check_number("--set temperature", self.temperature, 0, open_low=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set candidates", self.candidates, 2, 256, whole=True)

    def fitted_to(self, known: Known) -> Self:
        """Views that suit the images, the prior of colours, contests no larger than the held-out set."""
        prior = _lab.colour_prior(known.train, self.grid, "split_brain")
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_recipe(self.recipe, known), prior=prior, candidates=candidates)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def admits(self, encoder: Any) -> None:
        """Networks whose last features are a square map."""
        need_square_map(encoder)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(2N, 3, S, S): all images in grey, then all in their colours at one lightness; and Lab (N, 3, S/4, S/4)."""
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        lab = _lab.rgb_to_lab(x)
        return torch.cat([_lab.grey_image(lab[:, 0]), colour_image(lab[:, 1:])]), _lab.pooled_map(lab)

    def head(self, encoder: Any) -> nn.Module:
        """Up-convolutions to a map of bins of ab, and to one of bins of L."""
        return Halves(encoder, self)

    def loss(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Mapping[str, Any]]:
        """The sum of two cross-entropies, over images with colour; logs the shares of cells whose bin is right."""
        to_ab, to_l = head(last_map(encoder, inputs), tuple(targets.shape[-2:]))
        loss, right = _lab.bin_loss(to_ab, targets[:, 1:], head.bins, head.weights, self.grid)
        with torch.autocast(to_l.device.type, enabled=False):
            place = lightness_bin(targets[:, 0], self.lightness_bins)
            kept = _lab.coloured(targets[:, 1:]).float()[:, None, None].expand(place.shape)
            total = kept.sum().clamp(min=1)
            other = (kept * nn.functional.cross_entropy(to_l.float(), place, reduction="none")).sum() / total
            right_l = (kept * (to_l.detach().argmax(1) == place)).sum() / total
        log = {"ab_loss": loss.detach(), "l_loss": other.detach(), "ab_accuracy": right, "l_accuracy": right_l}
        return loss + other, log

    def found(self, encoder: Any, head: Any, inputs: Tensor, size: tuple[int, int]) -> Tensor:
        """Lab (N, 3, *size) as predicted: L from the colours, ab from the lightness."""
        to_ab, to_l = head(last_map(encoder, inputs), size)
        shares = (to_l / self.temperature).softmax(1)
        middles = (torch.arange(self.lightness_bins, device=shares.device) + 0.5) * 100 / self.lightness_bins
        lightness = torch.einsum("nqhw,q->nhw", shares, middles)[:, None]
        return torch.cat([lightness, _lab.annealed_mean(to_ab, head.bins, self.temperature)], 1)

    def correct(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N', 2): is what was found nearer to the image's own colours, and lightness, than to those of others?"""
        found = self.found(encoder, head, inputs, tuple(targets.shape[-2:]))
        kept = _lab.contest_rows(targets[:, 1:], self.candidates)
        parts = [(found[kept, 1:], targets[kept, 1:]), (found[kept, :1], targets[kept, :1])]
        return torch.cat([own_is_nearest(said, true, self.candidates) for said, true in parts], 1)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Any = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """The two halves of each image; with a network also what it finds from each of them."""
        inputs, true = self.prepare(Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True), generator)
        grey, colour = inputs.chunk(2)
        names, groups = ["lightness", "colours"], [grey, colour]
        if encoder is not None:
            lab = self.found(encoder, head, inputs, tuple(true.shape[-2:]))
            lab = nn.functional.interpolate(lab, size=grey.shape[-2:], mode="bilinear")
            names = ["lightness", "its colours found", "colours", "its lightness found"]
            coloured = _lab.lab_to_rgb(torch.cat([100 * grey[:, :1], lab[:, 1:]], 1))
            groups = [grey, coloured, colour, _lab.grey_image(lab[:, 0])]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
