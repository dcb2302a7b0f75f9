"""MAE: see a quarter of an image's patches and paint the others (He et al. 2022).

"Masked autoencoders are scalable vision learners", CVPR, arXiv 2111.06377.

A vision transformer gets the visible patches only, so that it is fast; a small decoder, thrown away afterwards, gets
its tokens and a mask token for each hidden patch, and paints these. Both know places by fixed sines and cosines of row
and column, which are not learned. Each painted patch is compared with the true one after taking that one's own mean and
standard deviation away, so that form counts, not brightness. For timm's vision transformers only: a network that slides
over the image cannot leave patches out. Against the paper: a decoder of 2 blocks of 128 in place of 8 of 512; symbols
are also turned and slanted a little, as a few hundred of them are learned by heart; AdamW as for all tasks. It needs
far more steps than tasks that compare images.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import bad, check_number
from ...data.views import view
from ...learning.batch import Batch
from ...learning.objective import Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment
from ._matching import own_is_nearest

EPSILON = 1e-6


def patches_of(x_NCHW: Tensor, side: int) -> Tensor:
    """(N, T, C·side²): patches in rows; what is beyond the last whole patch is left out.

    >>> patches_of(torch.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()[0][:2]
    [[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]
    """
    n, channels, height, width = x_NCHW.shape
    down, across = height // side, width // side
    x = x_NCHW[:, :, : down * side, : across * side].reshape(n, channels, down, side, across, side)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(n, down * across, channels * side * side)


def image_of(patches_NTP: Tensor, side: int, across: int) -> Tensor:
    """The images whose `patches_of` these are, (N, C, H, W), `across` patches wide."""
    n, total, values = patches_NTP.shape
    x = patches_NTP.reshape(n, total // across, across, values // side**2, side, side)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(n, values // side**2, total // across * side, across * side)


def normalised_patches(patches_NTP: Tensor) -> Tensor:
    """Each patch without its mean, by its standard deviation (n - 1); a flat patch becomes 0."""
    return (patches_NTP - patches_NTP.mean(2, keepdim=True)) / (patches_NTP.var(2, keepdim=True) + EPSILON).sqrt()


def places(down: int, across: int, width: int) -> Tensor:
    """Sines and cosines of a cell's row and column, (down·across, width): half of the numbers for each of the two."""
    rates = 10_000.0 ** -(torch.arange(width // 4) / (width / 4))
    rows, columns = torch.meshgrid(torch.arange(down), torch.arange(across), indexing="ij")
    angles = [place.reshape(-1, 1) * rates for place in (rows, columns)]
    return torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], 1)


def picked(tokens_NTD: Tensor, index_NV: Tensor) -> Tensor:
    """The tokens (N, V, D) at these places of each image."""
    return tokens_NTD.gather(1, index_NV[..., None].expand(-1, -1, tokens_NTD.shape[2]))


def encoded(encoder: Encoder, x_NCHW: Tensor, seen_NV: Tensor) -> Tensor:
    """What a timm vision transformer makes of the seen patches alone: its prefix tokens, then theirs."""
    network = encoder.network
    tokens = network._pos_embed(network.patch_embed(encoder.normalise(x_NCHW)))
    prefix = network.num_prefix_tokens
    tokens = torch.cat([tokens[:, :prefix], picked(tokens[:, prefix:], seen_NV)], 1)
    # of norm and fc_norm one is the identity
    return network.fc_norm(network.norm(network.blocks(network.norm_pre(tokens))))


class Decoder(nn.Module):
    """The tokens of seen patches to the values of all patches (N, T, 3·side²)."""

    def __init__(self, width_in: int, width: int, depth: int, grid: tuple[int, int], side: int, prefix: int) -> None:
        super().__init__()
        from timm.models.vision_transformer import Block

        self.prefix = prefix
        self.enter, self.hidden_token = nn.Linear(width_in, width), nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.hidden_token, std=0.02)
        self.register_buffer("places", places(*grid, width), persistent=False)
        self.blocks = nn.Sequential(*[Block(width, width // 32, qkv_bias=True) for _ in range(depth)])
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 3 * side * side))

    def forward(self, tokens_NVD: Tensor, seen_NV: Tensor) -> Tensor:
        """Mask tokens where nothing was seen, places added to all but the prefix tokens, blocks, values."""
        tokens = self.enter(tokens_NVD)
        first, seen = tokens[:, : self.prefix], tokens[:, self.prefix :]
        everywhere = self.hidden_token.to(seen.dtype).expand(len(seen), len(self.places), -1)
        everywhere = everywhere.scatter(1, seen_NV[..., None].expand_as(seen), seen) + self.places
        return self.leave(self.blocks(torch.cat([first, everywhere], 1)))[:, self.prefix :]


@dataclass(frozen=True)
class Method(Objective):
    """MAE.

    Attributes:
        hidden: share of the patches that is hidden.
        patch: side of a patch in pixels: that of the vision transformer.
        normalise: compare patches without their own mean and standard deviation.
        width: of the decoder's tokens; a multiple of 32.
        depth: the decoder's blocks.
        recipe: crop and mirror (photo) | move, turn, slant and crop (digit) | none | auto by the images.
        candidates: images in one held-out contest.
    """

    hidden: float = 0.75
    patch: int = 16
    normalise: bool = True
    width: int = 128
    depth: int = 2
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    candidates: int = 16

    example_backbone = ("timm:test_vit", 64)

    def __post_init__(self) -> None:
        check_number("--set hidden", self.hidden, 0.05, 0.95)
        check_number("--set patch", self.patch, 2, whole=True)
        check_number("--set width", self.width, 32, whole=True)
        if self.width % 32:
            raise bad("--set width", self.width, "a multiple of 32")
        check_number("--set depth", self.depth, 1, whole=True)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """Views that suit the images, and contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_recipe(self.recipe, known), candidates=candidates)

    def admits(self, encoder: Encoder) -> None:
        """Only timm's vision transformers with places of their own, and with patches of this size, two or more."""
        from timm.models.vision_transformer import VisionTransformer

        network = encoder.network
        fix = "Take one of timm's, such as timm:vit_tiny_patch16_224, or another --task."
        if not isinstance(network, VisionTransformer) or network.pos_embed is None or network.attn_pool is not None:
            raise bad("--backbone", encoder.name, "a plain vision transformer, which can leave patches out", fix)
        sides = tuple(network.patch_embed.patch_size)
        if sides != (self.patch, self.patch):
            raise bad("--set patch", self.patch, f"{sides[0]}, the patches of {encoder.name}", f"Set patch={sides[0]}.")
        if network.embed_dim % 4:
            raise bad("--backbone", f"{encoder.name}, of width {network.embed_dim}", "a width that 4 divides", fix)
        if network.patch_embed.num_patches < 2:
            raise bad("--size", encoder.input_size, f"at least two patches of {self.patch} pixels")

    @property
    def chance(self) -> float:
        """One of `candidates`."""
        return 1 / self.candidates

    def seen(self, total: int) -> int:
        """How many of all patches are visible: at least one, and never all."""
        return min(max(round(total * (1 - self.hidden)), 1), total - 1)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Images; and (an order of the patches for each, of which the first are seen; the images to paint).

        Held-out images are hidden all alike, so that what is painted can be compared between them.
        """
        x, n = batch.images, len(batch.images)
        if not batch.held_out:
            recipe = recipe_of(self.recipe, x)
            x = view(x, replace(recipe, jitter=0, gray=0, blurred=0, noise=0, erase=0), generator)
        total = (x.shape[2] // self.patch) * (x.shape[3] // self.patch)
        noise = torch.rand(1 if batch.held_out else n, total, generator=generator, device=x.device)
        return x, (noise.argsort(1).expand(n, -1), x)

    def equip(self, encoder: Encoder) -> None:
        """Fixed sines and cosines as the network's places, 0 for its prefix tokens, kept from the optimiser."""
        network = encoder.network
        own = network.pos_embed
        down, across = network.patch_embed.grid_size
        fixed = places(down, across, own.shape[2])
        with torch.no_grad():
            own.zero_()[:, own.shape[1] - len(fixed) :] = fixed
        own.requires_grad_(False)

    def head(self, encoder: Encoder) -> nn.Module:
        """The decoder."""
        network = encoder.network
        grid = tuple(network.patch_embed.grid_size)
        return Decoder(network.embed_dim, self.width, self.depth, grid, self.patch, network.num_prefix_tokens)

    def painted(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """The hidden patches (N, M, 3·patch²) as painted and as they should be, in float32."""
        order, answer = targets
        k = self.seen(order.shape[1])
        values = picked(head(encoded(encoder, inputs, order[:, :k]), order[:, :k]).float(), order[:, k:])
        true = picked(patches_of(answer.float(), self.patch), order[:, k:])
        return values, normalised_patches(true) if self.normalise else true

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: tuple[Tensor, Tensor], at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Mean squared error over the hidden patches."""
        painted, true = self.painted(encoder, head, inputs, targets)
        with torch.autocast(inputs.device.type, enabled=False):
            return (painted - true).square().mean(), {}

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        """(N, 1): are the painted patches nearer to the image's own than to those of the others in its contest?"""
        return own_is_nearest(*self.painted(encoder, head, inputs, targets), self.candidates)

    def shuffled(
        self, inputs: Tensor, targets: tuple[Tensor, Tensor], generator: torch.Generator
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The images to paint dealt to others."""
        order, answer = targets
        return inputs, (order, answer[torch.randperm(len(answer), generator=generator, device=generator.device)])

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and what is seen of it; with a network also what it paints in the hidden places.

        A network that learned patches without mean and deviation is lent those of the true patches.
        """
        rows = torch.arange(len(images_NCHW))
        x, (order, answer) = self.prepare(Batch(images_NCHW, rows, held_out=True), generator)
        hidden, side, across = order[:, self.seen(order.shape[1]) :], self.patch, x.shape[3] // self.patch
        true = patches_of(x, side)
        place = hidden[..., None].expand(-1, -1, true.shape[2])
        names, groups = ["image", "seen"], [x, image_of(true.scatter(1, place, 0.5), side, across)]
        if encoder is not None:
            values, own = self.painted(encoder, head, x, (order, answer))[0], picked(true, hidden)
            if self.normalise:
                values = values * (own.var(2, keepdim=True) + EPSILON).sqrt() + own.mean(2, keepdim=True)
            names, groups = [*names, "painted"], [*groups, image_of(true.scatter(1, place, values), side, across)]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
