"""Inpainting: paint what is missing in an image (context encoders; Pathak et al. 2016).

"Context encoders: feature learning by inpainting", CVPR, arXiv 1604.07379.

Holes are cut into each image and filled with the mean colour; from what is left around them the network paints what
was there. To fill a large hole well one must know what the image shows. As in the paper: random blocks that cover at
most a quarter of the image, painted by squared error alone, for features; or one hole in the centre, with a band
around it that is painted as well and counts ten times, so that the seam fits; a layer that is fully connected within
each channel carries what was seen across the map, then a 1×1 convolution and up-convolutions; optionally (1 - a)·
squared error + a·adversarial loss, a = 0.001 in the paper, where a discriminator sees the painted region alone (with
the surroundings it would look for the seam) and learns at a tenth of the painter's rate. Against the paper: the whole
image is painted and only the hole is scored; all sizes are shares of the image's side; AdamW as for all tasks.
"""

from collections.abc import Callable, Mapping
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
from ...learning.trainable import START, Log, Moment, Player
from ._adversarial import BETAS, ImageDiscriminator, fooling_loss, telling_loss
from ._decoder import GREY, MapDecoder, last_map, map_shape, mean_colour, moved, need_square_map
from ._matching import own_is_nearest

MOST = 0.25  # of the image's area that is cut out
BLOCKS = 4  # at most, of all sizes together `MOST`
OVERLAP, BAND_WEIGHT = 4 / 128, 10.0  # the band's width as a share of the side, and its weight


def random_blocks(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Holes (n, 1, size, size) of 1 to 4 rectangles, 1 inside and 0 outside; never more than a quarter of the area.

    With k rectangles each has U(1/2, 1) of a k-th of the quarter, a height of 1/2 to 2 times its width, and a uniform
    place; they may overlap. Sides are rounded down.
    """
    unit = torch.rand(5, n, BLOCKS, generator=generator, device=generator.device)
    count = (unit[0, :, :1] * BLOCKS).long() + 1
    area = MOST * size**2 / count * (1 + unit[1]) / 2
    ratio = 4 ** (unit[2] - 0.5)
    # at least a pixel, and as wide as the area then allows
    height = (area * ratio).sqrt().floor().clamp(1, size)
    width = (area / height).floor().clamp(1, size)
    used = torch.arange(BLOCKS, device=unit.device) < count
    top = (unit[3] * (size - height + 1)).floor()
    left = (unit[4] * (size - width + 1)).floor()
    cells = torch.arange(size, device=unit.device)
    rows = (cells >= top[..., None]) & (cells < (top + height)[..., None]) & used[..., None]
    columns = (cells >= left[..., None]) & (cells < (left + width)[..., None])
    return (rows[..., None] & columns[..., None, :]).any(1, keepdim=True).float()


def centre_weights(size: int) -> Tensor:
    """(1, 1, size, size): what a painted pixel of the central quarter counts; 10 in the band around the hole, 1 inside.

    >>> centre_weights(8)[0, 0, 2:6, 2:6].int().tolist()
    [[10, 10, 10, 10], [10, 1, 1, 10], [10, 1, 1, 10], [10, 10, 10, 10]]
    """
    side, band = size // 2, max(1, round(OVERLAP * size))
    start = (size - side) // 2
    weights = torch.zeros(1, 1, size, size)
    weights[..., start : start + side, start : start + side] = BAND_WEIGHT
    inner = slice(start + band, start + side - band)
    weights[..., inner, inner] = 1
    return weights


def hole_of(weights: Tensor) -> Tensor:
    """1 in the hole, 0 in the band around it and elsewhere."""
    return (weights == 1).to(weights.dtype)


def masked_error(painted_NCHW: Tensor, true_NCHW: Tensor, weights_N1HW: Tensor) -> Tensor:
    """Weighted squared error, by the number of values that count, in float32 whatever comes in."""
    with torch.autocast(painted_NCHW.device.type, enabled=False):
        error = weights_N1HW * (painted_NCHW.float() - true_NCHW.float()).square()
        return error.sum() / ((weights_N1HW > 0).sum() * painted_NCHW.shape[1])


class ChannelWise(nn.Module):
    """Each channel of a map (N, C, h, w) through a fully connected layer of its own: C·(h·w)² weights."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        cells = side * side
        self.weight = nn.Parameter(torch.empty(channels, cells, cells).uniform_(-1, 1) / cells**0.5)
        self.bias = nn.Parameter(torch.zeros(channels, 1, cells))

    def forward(self, map_NCHW: Tensor) -> Tensor:
        """What every cell says of every other, channel by channel."""
        cells = map_NCHW.flatten(2).transpose(0, 1)
        # (C, N, cells) by (C, cells, cells)
        return torch.baddbmm(self.bias, cells, self.weight).transpose(0, 1).reshape(map_NCHW.shape)


class Painter(nn.Module):
    """From the last map to an image; and, where it is wanted, who judges the painted regions."""

    def __init__(self, channels: int, side: int, size: int, colour: Any, judged: bool) -> None:
        super().__init__()
        self.paint = nn.Sequential(
            ChannelWise(channels, side),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            MapDecoder(channels, side, size, colour),
        )
        self.discriminator = ImageDiscriminator(size) if judged else None


@dataclass(frozen=True)
class Method(Objective):
    """Context encoder.

    Attributes:
        region: random (blocks, for features) | centre (one hole, for looks).
        adversarial: share of the adversarial loss; 0 for none, 0.001 in the paper.
        recipe: crop and mirror (photo) | move, turn and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
        colour: mean of the training images, which fills the holes.
    """

    region: Literal["random", "centre"] = "random"
    adversarial: float = 0.0
    recipe: Literal["auto", "photo", "digit", "none"] = "none"
    candidates: int = 16
    colour: tuple[float, float, float] = field(default=GREY, metadata=FROM_DATA)

    def __post_init__(self) -> None:
        check_number("--set adversarial", self.adversarial, 0, 0.999)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, their mean colour, and contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        colour = mean_colour(known.train)
        return replace(self, recipe=pick_recipe(self.recipe, known), candidates=candidates, colour=colour)

    def admits(self, encoder: Encoder) -> None:
        """Networks whose last features are a square map."""
        need_square_map(encoder)

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def filled(self, x_NCHW: Tensor, where_N1HW: Tensor) -> Tensor:
        """The images with the mean colour where `where` is 1."""
        return torch.where(where_N1HW > 0, torch.tensor(self.colour, device=x_NCHW.device).view(1, 3, 1, 1), x_NCHW)

    def weights(self, n: int, size: int, generator: torch.Generator, alike: bool) -> Tensor:
        """What each pixel counts, (n, 1, size, size), 1 in the hole; the same for all images where `alike`."""
        if self.region == "centre":
            return centre_weights(size).to(generator.device).expand(n, -1, -1, -1)
        return random_blocks(1 if alike else n, size, generator).expand(n, -1, -1, -1)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Images with holes; and (the whole images, what each pixel counts).

        Held-out images get the same hole, so that what was in it can be compared between them.
        """
        x = batch.images if batch.held_out else moved(batch.images, self.recipe, generator)
        weights = self.weights(len(x), x.shape[-1], generator, batch.held_out).to(x.device)
        return self.filled(x, hole_of(weights)), (x, weights)

    def head(self, encoder: Encoder) -> nn.Module:
        """The layer across the map, the decoder, and with `adversarial` a discriminator."""
        return Painter(*map_shape(encoder), encoder.input_size, self.colour, self.adversarial > 0)

    def players(self, encoder: Encoder, head: Any) -> list[Player]:
        """The painter: encoder and decoder; with `adversarial` also who judges it."""
        painter = [p for p in (*encoder.parameters(), *head.paint.parameters()) if p.requires_grad]
        if head.discriminator is None:
            return [Player("painter", painter)]
        judge = list(head.discriminator.parameters())
        return [Player("discriminator", judge, lr=0.1, betas=BETAS), Player("painter", painter, betas=BETAS)]

    def judged(self, head: Any, painted: Tensor, true: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the true and of the painted regions, (N,) each; all around them is the mean colour."""
        outside = (weights == 0).float()
        both = torch.cat([self.filled(true, outside), self.filled(painted.to(true.dtype), outside)])
        real, made = head.discriminator(both).chunk(2)
        return real, made

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: tuple[Tensor, Tensor], at: Moment = START
    ) -> tuple[Tensor, Log]:
        """(1 - a)·squared error in the hole + a·adversarial loss; logs the error alone."""
        true, weights = targets
        with torch.set_grad_enabled(at.player != "discriminator" and torch.is_grad_enabled()):
            painted = head.paint(last_map(encoder, inputs))
        if at.player == "discriminator":
            return telling_loss(*self.judged(head, painted, true, weights)[:2]), {}
        error = masked_error(painted, true, weights)
        if not self.adversarial:
            return error, {"error": error.detach()}
        real, made = self.judged(head, painted, true, weights)
        log = {"error": error.detach(), "real": real.detach().mean(), "made": made.detach().mean()}
        return (1 - self.adversarial) * error + self.adversarial * fooling_loss(made), log

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        """(N, 1): is what is painted in the hole nearer to what was there than to what others have there?"""
        true, weights = targets
        hole = hole_of(weights)
        return own_is_nearest(head.paint(last_map(encoder, inputs)) * hole, true * hole, self.candidates)

    def shuffled(
        self, inputs: Tensor, targets: tuple[Tensor, Tensor], generator: torch.Generator
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What was in the holes dealt to other images."""
        true, weights = targets
        return inputs, (true[torch.randperm(len(true), generator=generator, device=true.device)], weights)

    def shortcuts(self) -> Mapping[str, Callable[[Tensor, torch.Generator], Tensor]]:
        """Only a thin border around the hole stays: how far colours that are carried on from there go."""
        return {"border_only": self.border_only}

    def border_only(self, x_NCHW: Tensor, generator: torch.Generator) -> Tensor:
        """The mean colour everywhere but in the hole that `prepare` will draw next, and two pixels around it.

        Draws nothing from the generator, only from a copy of it.
        """
        copy = torch.Generator(generator.device)
        copy.set_state(generator.get_state())
        size = x_NCHW.shape[-1]
        hole = hole_of(self.weights(len(x_NCHW), size, copy, True)).to(x_NCHW.device)
        border = max(2, round(OVERLAP * size))
        near = nn.functional.max_pool2d(hole, 2 * border + 1, 1, border)
        return self.filled(x_NCHW, 1 - near)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and what the network gets of it; with a network also the hole as it fills it."""
        n, size = len(images_NCHW), images_NCHW.shape[-1]
        weights = self.weights(n, size, generator, False).to(images_NCHW.device)
        hole = hole_of(weights)
        x = self.filled(images_NCHW, hole)
        names, groups = ["image", "with holes"], [images_NCHW, x]
        if encoder is not None:
            painted = head.paint(last_map(encoder, x))
            names, groups = [*names, "painted"], [*groups, torch.where(hole > 0, painted, images_NCHW)]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
