"""Colorization with hypercolumns: the hue and chroma of scattered pixels, told from all layers (Larsson et al. 2016).

"Learning representations for automatic colorization", ECCV, arXiv 1603.06668; "Colorization as a proxy task for visual
understanding", CVPR 2017, arXiv 1703.04044.

The network sees the lightness. At a few random points its maps of all depths are read off, joined (a hypercolumn), and
a small network gives two distributions over 32 bins: of hue and of chroma. Hue means nothing where there is no colour,
so that its loss is weighed by the chroma. Points in place of a whole map keep the head cheap whatever the network.
Against the papers: hue and chroma are the polar coordinates of ab in Lab, not of the HSL cone; a point's colour is
shared between its two nearest bins, not a histogram of its 7x7 surroundings; the maps are normalised on each channel;
AdamW and one cycle. Layers behind the last map, where a network has such, learn nothing.
"""

from dataclasses import dataclass, replace
from math import pi
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.objective import Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe
from ...learning.trainable import START, Log, Moment
from . import _lab
from ._decoder import moved
from ._matching import own_is_nearest

TOP = 136.0  # the largest chroma that sRGB reaches is 133.8
HUE_WEIGHT = 5.0  # of hue against chroma, times chroma / TOP


def at_points(maps_NCHW: Tensor, points_NP2: Tensor) -> Tensor:
    """(N, P, C): a map read off between its cells at points (x, y) in [-1, 1], the corners of the image."""
    n, channels, height, width = maps_NCHW.shape
    last = points_NP2.new_tensor([width - 1, height - 1])
    place = ((points_NP2 + 1) * (last + 1) / 2 - 0.5).clamp(min=0).minimum(last)
    low = place.floor()
    x, y = torch.stack([low, (low + 1).minimum(last)], 3).long().unbind(2)
    of_x, of_y = torch.stack([1 - (place - low), place - low], 3).unbind(2)
    # four rows of a table of cells, weighed: a map's cells lie together in memory, and grid_sample takes four times as
    # long to gather them channel by channel
    cells = (y[..., :, None] * width + x[..., None, :]).flatten(2) + height * width * torch.arange(n, device=x.device)[
        :, None, None
    ]
    table = maps_NCHW.permute(0, 2, 3, 1).reshape(-1, channels)
    share = (of_y[..., :, None] * of_x[..., None, :]).flatten(2).to(table.dtype)
    found = nn.functional.embedding_bag(cells.flatten(0, 1), table, mode="sum", per_sample_weights=share.flatten(0, 1))
    return found.unflatten(0, points_NP2.shape[:2])


def point_grid(side: int, like: Tensor) -> Tensor:
    """(side², 2): the middles of the cells of a grid, row by row, as `at_points` takes them."""
    line = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) * 2 / side - 1
    down, across = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([across.flatten(), down.flatten()], 1)


def polar(ab: Tensor) -> tuple[Tensor, Tensor]:
    """Hue in turns, [0, 1), and chroma of ab (..., 2)."""
    turns = torch.atan2(ab[..., 1], ab[..., 0]) / (2 * pi)
    return torch.where(turns < 0, turns + 1, turns).remainder(1), ab.square().sum(-1).sqrt()


def between_bins(value: Tensor, bins: int, circular: bool) -> Tensor:
    """(..., bins): a value in [0, 1] shared linearly between the two bins whose middles it lies between.

    >>> between_bins(torch.tensor([0.5, 0.0]), 2, True).tolist(), between_bins(torch.tensor([0.0]), 2, False).tolist()
    ([[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0]])
    """
    place = value * bins - 0.5
    if not circular:
        place = place.clamp(0, bins - 1)
    low = place.floor()
    share = (place - low)[..., None]
    below, above = low.long().remainder(bins), (low.long() + 1).remainder(bins)
    found = torch.zeros(*value.shape, bins, device=value.device, dtype=value.dtype)
    return found.scatter(-1, below[..., None], 1 - share).scatter_add(-1, above[..., None], share)


def hue_chroma_loss(logits: Tensor, ab: Tensor, bins: int) -> Tensor:
    """Give KL of the chroma bins plus 5 · chroma / 136 times that of the hue: logits (..., 2·bins), ab (..., 2)."""
    hue, chroma = polar(ab)
    amount = (chroma / TOP).clamp(max=1)
    of_hue, of_chroma = (part.log_softmax(-1) for part in logits.split(bins, -1))

    def divergence(target: Tensor, found: Tensor) -> Tensor:
        return (torch.xlogy(target, target) - target * found).sum(-1)

    apart = divergence(between_bins(amount, bins, False), of_chroma)
    return apart + HUE_WEIGHT * amount * divergence(between_bins(hue, bins, True), of_hue)


def read_colour(logits: Tensor, bins: int) -> Tensor:
    """(..., 2) ab: the mean chroma in the direction of the mean hue, shortened as far as hues disagree."""
    of_hue, of_chroma = (part.float().softmax(-1) for part in logits.split(bins, -1))
    middles = (torch.arange(bins, device=logits.device) + 0.5) / bins
    directions = torch.stack([(2 * pi * middles).cos(), (2 * pi * middles).sin()], 1)
    return (of_chroma @ middles)[..., None] * TOP * (of_hue @ directions)


class Hypercolumns(nn.Module):
    """All maps of an encoder at some points, joined, to logits of hue and of chroma."""

    def __init__(self, channels: int, hidden: int, bins: int) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(channels)
        self.layers = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 2 * bins))

    def forward(self, maps: list[Tensor], points_NP2: Tensor) -> Tensor:
        """(N, P, 2·bins), in float32."""
        joined = torch.cat([at_points(one, points_NP2) for one in maps], 2)
        return self.layers(self.scale(joined.flatten(0, 1))).float().unflatten(0, joined.shape[:2])


@dataclass(frozen=True)
class Method(Objective):
    """Colorization with hypercolumns.

    Attributes:
        samples: points in each training image.
        bins: of hue, and of chroma.
        hidden: width of the head's hidden layer.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
    """

    samples: int = 128
    bins: int = 32
    hidden: int = 128
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    candidates: int = 16

    def __post_init__(self) -> None:
        check_number("--set samples", self.samples, 1, whole=True)
        check_number("--set bins", self.bins, 4, whole=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set candidates", self.candidates, 2, 256, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, contests no larger than the held-out set; raises where images are grey."""
        _lab.colour_sample(known.train, "colorization_hypercolumn")
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_recipe(self.recipe, known), candidates=candidates)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """(grey images, points (N, P, 2)), and the colours ab there (N, P, 2); held-out points lie on a grid."""
        x, n = batch.images, len(batch.images)
        if batch.held_out:
            points = point_grid(max(1, x.shape[-1] // _lab.STRIDE), x).expand(n, -1, -1)
        else:
            x = moved(x, self.recipe, generator)
            drawn = torch.rand(n, self.samples, 2, generator=generator, device=generator.device)
            points = 2 * drawn.to(x) - 1
        lab = _lab.rgb_to_lab(x)
        return (_lab.grey_image(lab[:, 0]), points), at_points(lab[:, 1:], points)

    def head(self, encoder: Encoder) -> nn.Module:
        """The hypercolumn's small network."""
        return Hypercolumns(sum(info.channels for info in encoder.feature_info), self.hidden, self.bins)

    def loss(self, encoder: Encoder, head: Any, inputs: Any, targets: Tensor, at: Moment = START) -> tuple[Tensor, Log]:
        """Divergence of chroma, and of hue weighed by chroma, over images with colour; logs the error in ab."""
        grey, points = inputs
        logits = head(encoder.maps(grey), points)
        with torch.autocast(logits.device.type, enabled=False):
            kept = _lab.coloured(targets).float()[:, None].expand(targets.shape[:2])
            total = kept.sum().clamp(min=1)
            loss = (kept * hue_chroma_loss(logits, targets.float(), self.bins)).sum() / total
            away = (read_colour(logits.detach(), self.bins) - targets).square().sum(2).sqrt()
        return loss, {"ab_error": (kept * away).sum() / total}

    def correct(self, encoder: Encoder, head: Any, inputs: Any, targets: Tensor) -> Tensor:
        """(N', 1): are the colours found nearer to the image's own than to those of others? Grey images sit out."""
        grey, points = inputs
        found, kept = (
            read_colour(head(encoder.maps(grey), points), self.bins),
            _lab.contest_rows(targets, self.candidates),
        )
        return own_is_nearest(found[kept], targets[kept], self.candidates)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image in grey and in colour; with a network also in the colours that it finds on a grid of points."""
        batch = Batch(images_NCHW, torch.arange(len(images_NCHW)), held_out=True)
        (grey, points), _ = self.prepare(batch, generator)
        names, groups = ["grey", "true colours"], [grey, images_NCHW]
        if encoder is not None:
            side = round(points.shape[1] ** 0.5)
            ab = read_colour(head(encoder.maps(grey), points), self.bins).transpose(1, 2).unflatten(2, (side, side))
            ab = nn.functional.interpolate(ab, size=grey.shape[-2:], mode="bilinear")
            names.insert(1, "colours found")
            groups.insert(1, _lab.lab_to_rgb(torch.cat([100 * grey[:, :1], ab], 1)))
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
