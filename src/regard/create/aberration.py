"""Lateral chromatic aberration: a lens magnifies green and magenta differently, which tells where a patch lay.

Doersch et al. 2015 (arXiv 1505.05192) found that networks which should learn what things look like learn the lens
instead: the direction in which green lies beside magenta points to the middle of the photo. `aberrate` does this to
photos, and `position_probe` measures whether a network can tell from a patch where in the photo it lay.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..backbones.encoder import make_encoder
from ..core.checks import bad, check_number
from ..core.runtime import derive_seed, seeded_init, torch_rng
from .pretext._patches import Colour, cut, recoloured, whole_numbers


def aberrate(x_NCHW: Tensor, scale: float = 0.02) -> Tensor:
    """Whole photos (N, 3, H, W) in [0, 1] whose green channel is enlarged by `scale` about the middle.

    green'(p) = green(c + (p - c) / (1 + scale)) with cubic interpolation; red and blue stay.
    """
    check_number("scale", scale, -0.5, 0.5)
    n = len(x_NCHW)
    theta = x_NCHW.new_tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).expand(n, -1, -1) / (1 + scale)
    grid = F.affine_grid(theta, [n, 1, *x_NCHW.shape[2:]], align_corners=False)
    green = F.grid_sample(x_NCHW[:, 1:2], grid, mode="bicubic", padding_mode="border", align_corners=False)
    return torch.cat([x_NCHW[:, :1], green.clamp(0, 1), x_NCHW[:, 2:]], 1)


def position_probe(
    photos_NCHW: Tensor,
    held_out: Sequence[int],
    *,
    aberration: float = 0.0,
    colour: Colour = "keep",
    side: int = 32,
    steps: int = 100,
    each: int = 12,
    test_patches: int = 64,
    lr: float = 3e-3,
    seed: int = 0,
) -> float:
    """Error of a network that says where in its photo a patch lay, by that of saying the middle; 1 = it knows nothing.

    A ConvNet-4 learns (x, y), each from -1 to 1, from patches of all photos but those held out, with squared errors;
    the figure is the root of the mean squared error on the held-out photos' patches, by that of saying (0, 0), the
    mean of all places. Photos are mirrored and transposed at random as wholes, which a lens does not notice.

    Args:
        photos_NCHW: whole square photos (N, 3, S, S) in [0, 1].
        held_out: places of the photos that are not learned from.
        aberration: how much green is enlarged before patches are cut; see `aberrate`.
        colour: what is done to each patch; see `recoloured`.
        side: of a patch in pixels.
        steps: of AdamW, with the rate falling along a half cosine.
        each: patches of each photo in one step.
        test_patches: patches cut out of each held-out photo.
        lr: the first rate.
        seed: of weights and draws.
    """
    out = sorted(set(held_out))
    if not 0 < len(out) < len(photos_NCHW):
        raise bad("held_out", f"{len(out)} of {len(photos_NCHW)} photos", "at least one photo on either side")
    if photos_NCHW.shape[2] != photos_NCHW.shape[3] or photos_NCHW.shape[3] <= side:
        raise bad("photos", f"shape {tuple(photos_NCHW.shape)}", f"squares of more than {side} pixels")
    photos = aberrate(photos_NCHW, aberration) if aberration else photos_NCHW
    known, held_out = photos[[row for row in range(len(photos)) if row not in out]], photos[out]
    rng = torch_rng(seed, "position probe", aberration, colour)
    encoder = make_encoder("convnet4", seed=seed, size=side)
    with seeded_init(derive_seed(seed, "position probe")):
        head = nn.Linear(encoder.num_features, 2)
    parameters = [*encoder.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr, weight_decay=0.05)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = lr * (1 + np.cos(np.pi * step / steps)) / 2
        x, places = _turned(*_patches(known, each, side, rng), rng)
        x = recoloured(x, colour, rng).contiguous(memory_format=torch.channels_last)
        loss = F.mse_loss(head(encoder(x)), places)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    encoder.eval()
    with torch.no_grad():
        x, places = _patches(held_out, test_patches, side, rng)
        said = head(encoder(recoloured(x, colour, rng)))
    return float(((said - places).square().mean() / places.square().mean()).sqrt())


def _patches(photos_NCHW: Tensor, each: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """So many patches (N * each, 3, side, side) of each photo, and where their middles lie, (x, y) from -1 to 1."""
    last = photos_NCHW.shape[-1] - side
    corner = whole_numbers(0, last, (len(photos_NCHW), each, 2), generator)
    return cut(photos_NCHW, corner[..., 1], corner[..., 0], side).flatten(0, 1), 2 * corner.flatten(0, 1) / last - 1


def _turned(x: Tensor, places: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each patch as of a photo that was mirrored and transposed at random."""
    yes = torch.rand(3, len(x), generator=generator) < 0.5
    for mirror, (axis, column) in zip(yes, ((3, 0), (2, 1))):
        x = torch.where(mirror[:, None, None, None], x.flip(axis), x)
        places = torch.where((mirror[:, None] & (torch.arange(2) == column)), -places, places)
    across = yes[2][:, None]
    return torch.where(across[:, :, None, None], x.transpose(2, 3), x), torch.where(across, places.flip(1), places)
