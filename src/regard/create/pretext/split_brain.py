"""Split-brain: one half of the network tells colours from lightness, the other half the reverse (Zhang et al. 2017).

"Split-brain autoencoders: unsupervised learning by cross-channel prediction", CVPR, arXiv 1611.09842.

The channels of every layer are cut in two halves that never meet. The first layer gives one of them the brightness,
the other the differences of colours; from its own part of the image each half tells the part that it does not see: ab
from brightness, L from colours, as bins of Lab. Afterwards the whole image goes in and both halves are the
representation, which was never trained on less than it gets. In the pooled vector the first half is that of
brightness; on a grey image the second half is always the same.

The cut is kept in the weights of any convolutional network: after each step those that join the halves are set to
zero, the first layer's are projected onto brightness 0.299 R + 0.587 G + 0.114 B or onto sums of zero over R, G and B.
Networks that mix all channels elsewhere (layer normalisation, attention, joined branches) are refused.
Against the paper: the halves see linear parts of RGB, not L and ab themselves, which are what is told; any network cut
in halves in place of two half-wide AlexNets; bins of ab on a grid of 20 in place of 10, 50 of L in place of 100; a map
of an eighth of the image's side; AdamW and one cycle. Grey images teach nothing: they are left out of the loss.
"""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder, evaluating
from ...core.checks import bad, check_number
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe
from ...learning.trainable import START, Log, Moment
from . import _lab
from ._decoder import last_map, map_shape, moved, need_square_map
from ._matching import own_is_nearest

BRIGHTNESS = (0.299, 0.587, 0.114)
CELL = 8  # pixels of the image in one cell of the map, along each side
MIDDLE = 50.0  # lightness at which colours alone are shown
SAME = 1e-3  # of the largest value: what rounding may change


@torch.no_grad()
def cut(encoder: nn.Module) -> None:
    """Part the halves: no weight joins them, and of the image the first sees brightness only, the second colours only.

    Convolutions in groups are left alone: where the groups are even in number their halves are apart already.
    """
    for layer in encoder.modules():
        if not isinstance(layer, nn.Conv2d) or layer.groups > 1:
            continue
        weight, half = layer.weight, layer.out_channels // 2
        if layer.in_channels == 3:
            # the encoder divides by its std first, so that this is what each colour counts
            std = torch.as_tensor(encoder.std, device=weight.device)
            counts, bright = weight / std, weight.new_tensor(BRIGHTNESS).view(1, 3, 1, 1)
            along = (counts[:half] * bright).sum(1, keepdim=True) / bright.square().sum() * bright
            across = counts[half:] - counts[half:].mean(1, keepdim=True)
            weight.copy_(torch.cat([along, across]) * std)
        else:
            weight[:half, layer.in_channels // 2 :] = 0
            weight[half:, : layer.in_channels // 2] = 0


@torch.no_grad()
def halves_are_apart(encoder: Encoder) -> bool:
    """Whether a cut works on this network: other colours leave the first half, other brightness the second."""
    copied, side = deepcopy(encoder).cpu(), encoder.input_size
    cut(copied)
    x, change = torch.rand(2, 1, 3, side, side, generator=torch.Generator().manual_seed(0))
    colour = change - (change * change.new_tensor(BRIGHTNESS).view(1, 3, 1, 1)).sum(1, keepdim=True)
    with evaluating(copied):
        before, coloured, lit = (last_map(copied, one) for one in (x, x + colour, x + change[:, :1]))
    half = before.shape[1] // 2
    pairs = ((before[:, :half], coloured[:, :half]), (before[:, half:], lit[:, half:]))
    return all(float((a - b).abs().max()) <= SAME * float(a.abs().max()) for a, b in pairs)


def colour_image(ab_N2HW: Tensor) -> Tensor:
    """Colours at one lightness, as an image in [0, 1]."""
    return _lab.lab_to_rgb(torch.cat([torch.full_like(ab_N2HW[:, :1], MIDDLE), ab_N2HW], 1))


def lightness_bin(lightness: Tensor, bins: int) -> Tensor:
    """The place of L in [0, 100] among `bins` equal parts.

    >>> lightness_bin(torch.tensor([0.0, 49.9, 50.0, 100.0]), 50).tolist()
    [0, 24, 25, 49]
    """
    return (lightness * bins / 100).long().clamp(0, bins - 1)


class Halves(nn.Module):
    """Two heads: from the half that sees brightness to bins of ab, from the half that sees colours to bins of L."""

    def __init__(self, encoder: Encoder, method: "Method") -> None:
        super().__init__()
        bins = _lab.gamut_bins(method.grid)
        known = torch.tensor(method.prior) if method.prior else torch.full((len(bins),), 1 / len(bins))
        self.register_buffer("bins", bins.clone())
        self.register_buffer("weights", _lab.rebalancing(known))
        channels, side = map_shape(encoder)
        self.half, target = channels // 2, max(1, encoder.input_size // CELL)
        self.to_colour = _lab.MapHead(self.half, side, target, len(bins), method.hidden)
        self.to_lightness = _lab.MapHead(channels - self.half, side, target, method.lightness_bins, method.hidden)

    def forward(self, map_NCHW: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Logits of ab (N, Q, *size) and of L (N, bins, *size)."""
        return self.to_colour(map_NCHW[:, : self.half], size), self.to_lightness(map_NCHW[:, self.half :], size)


@dataclass(frozen=True)
class Method(Objective):
    """Split-brain.

    Attributes:
        grid: side of the squares into which the plane of ab is cut: 20 gives 76 bins, the paper's 10 gives 261.
        lightness_bins: parts into which L is cut.
        temperature: of the means by which colours and lightness are read: 1 is the mean, towards 0 the mode.
        hidden: channels of the heads.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
        prior: how often each bin of ab occurs on training images.
    """

    grid: int = 20
    lightness_bins: int = 50
    temperature: float = 0.38
    hidden: int = 64
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    candidates: int = 16
    prior: tuple[float, ...] = field(default=(), metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set grid", self.grid, 5, 60, whole=True)
        check_number("--set lightness_bins", self.lightness_bins, 2, whole=True)
        check_number("--set temperature", self.temperature, 0, open_low=True)
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set candidates", self.candidates, 2, 256, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, the prior of colours, contests no larger than the held-out set."""
        prior = _lab.colour_prior(known.train, self.grid, "split_brain", CELL)
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_recipe(self.recipe, known), prior=prior, candidates=candidates)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def admits(self, encoder: Encoder) -> None:
        """Networks that can be cut in two halves."""
        need_square_map(encoder)
        if not halves_are_apart(encoder):
            what = "a convolutional network whose channels can be cut in two halves, such as convnet4 or resnet18"
            raise bad("--backbone", encoder.name, what, "Or learn from colours by --task colorization.")

    def before_step(self, encoder: Encoder, head: nn.Module, at: Moment) -> None:
        """Cut the network before the first step."""
        if at.step == 0:
            cut(encoder)

    def after_step(self, encoder: Encoder, head: nn.Module, at: Moment) -> None:
        """Keep it cut."""
        cut(encoder)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images, of which each half of the network sees its part; and Lab (N, 3, S/8, S/8)."""
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        return x, _lab.pooled_map(_lab.rgb_to_lab(x), CELL)

    def head(self, encoder: Encoder) -> nn.Module:
        """A map of bins of ab from one half, one of bins of L from the other."""
        return Halves(encoder, self)

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """The sum of two cross-entropies, over images with colour; logs the shares of cells whose bin is right."""
        to_ab, to_l = head(last_map(encoder, inputs), tuple(targets.shape[-2:]))
        loss, right = _lab.bin_loss(to_ab, targets[:, 1:], head.bins, head.weights, self.grid)
        with torch.autocast(to_l.device.type, enabled=False):
            place = lightness_bin(targets[:, 0], self.lightness_bins)
            kept = _lab.coloured(targets[:, 1:]).float()[:, None, None].expand(place.shape)
            cells = kept.sum().clamp(min=1)
            other = (kept * nn.functional.cross_entropy(to_l.float(), place, reduction="none")).sum() / cells
            right_l = (kept * (to_l.detach().argmax(1) == place)).sum() / cells
        log = {"ab_loss": loss.detach(), "l_loss": other.detach(), "ab_accuracy": right, "l_accuracy": right_l}
        return loss + other, log

    def found(self, encoder: Encoder, head: Any, inputs: Tensor, size: tuple[int, int]) -> Tensor:
        """Lab (N, 3, *size) as told: L from the colours, ab from the brightness."""
        to_ab, to_l = head(last_map(encoder, inputs), size)
        middles = (torch.arange(self.lightness_bins, device=to_l.device) + 0.5) * 100 / self.lightness_bins
        lightness = _lab.annealed_mean(to_l, middles[:, None], self.temperature)
        return torch.cat([lightness, _lab.annealed_mean(to_ab, head.bins, self.temperature)], 1)

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N', 2): are the colours told, and the lightness, nearer to the image's own than to those of others?"""
        found = self.found(encoder, head, inputs, tuple(targets.shape[-2:]))
        kept = _lab.contest_rows(targets[:, 1:], self.candidates)
        parts = [(found[kept, 1:], targets[kept, 1:]), (found[kept, :1], targets[kept, :1])]
        return torch.cat([own_is_nearest(said, true, self.candidates) for said, true in parts], 1)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """The two parts of each image; with a network also what its halves tell from them."""
        lab = _lab.rgb_to_lab(images_NCHW)
        names, groups = ["lightness", "colours"], [_lab.grey_image(lab[:, 0]), colour_image(lab[:, 1:])]
        if encoder is not None:
            found = self.found(encoder, head, images_NCHW, tuple(_lab.pooled_map(lab, CELL).shape[-2:]))
            found = nn.functional.interpolate(found, size=lab.shape[-2:], mode="bilinear")
            names = ["lightness", "its colours told", "colours", "its lightness told"]
            told = _lab.lab_to_rgb(torch.cat([lab[:, :1], found[:, 1:]], 1))
            groups = [groups[0], told, groups[1], _lab.grey_image(found[:, 0])]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
