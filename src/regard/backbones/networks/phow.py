"""PHOW: dense SIFT at several scales, in grey or in opponent colours, computed and not learned.

Bosch, Zisserman and Munoz 2007 (Image classification using random forests and ferns, ICCV), as VLFeat's `vl_phow` made
it the first step of bags of words and Fisher vectors (Chatfield et al. 2011, The devil is in the details, BMVC).
OpponentSIFT after van de Sande, Gevers and Snoek 2010 (Evaluating color descriptors, TPAMI 32(9)); RootSIFT after
Arandjelović and Zisserman 2012, CVPR.

For each channel g and each size of bin b: g is smoothed by a Gaussian of sigma b / 6 (the border repeated); energies
e_o as in `dense_sift`; then bin (i, j) of the 4 x 4 around (u, v) is

    h_ijo = w_i w_j sum over x, y of e_o(x, y) t_b(x - u - b (j - 1.5)) t_b(y - v - b (i - 1.5)),

with t_b(z) = max(0, 1 - |z| / b) / b and Lowe's window at the bins' centres, w_i = exp(-(i - 1.5)^2 / 8). The contrast
is |h| / |w w'|: the size of a gradient, in grey levels from 0 to 1 a pixel, that is the same everywhere and has this
|h|. A descriptor below the least contrast is noise, and set to zeros; the others are cut at 0.2 of their length, and
RootSIFT. Descriptors of all scales lie at the same places, the middles of cells of `step` pixels.

What differs from `vl_phow`: sigma is b / 6 and not sqrt((b / 6)^2 - 0.25); cells at the border are kept, with no energy
beyond it; with colour, each channel has a contrast of its own, so that a grey picture has zeros for colours.

Speed: h is a product of e_o with two banded matrices, one a side. Bins of neighbouring cells coincide where b i = step
r, so each place is summed up once and shared.
"""

from collections.abc import Sequence
from math import ceil, exp

import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from ...core.checks import bad, check_choice, check_number
from ._sift import ANGLES, BINS, LIGHT, energies, settled

SCALES = (4, 6, 8, 10, 12)
# (R - G) / sqrt 2, (R + G - 2 B) / sqrt 6, (R + G + B) / sqrt 3: van de Sande et al. 2010, equation 3
COLOURS = {
    "grey": (LIGHT,),
    "opponent": (
        (2**-0.5, -(2**-0.5), 0.0),
        (6**-0.5, 6**-0.5, -2 * 6**-0.5),
        (3**-0.5, 3**-0.5, 3**-0.5),
    ),
}


class Phow(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to one map (N, S D, ceil(H / step), ceil(W / step)), and its average (N, S D).

    A cell holds S descriptors of D numbers one after the other, one for each scale; D is 128 for each channel of
    colour, and orientations run within the bins of a row, row after row. There is nothing to learn in it.

    Attributes:
        per_cell: how many descriptors a cell holds (S); what the poolings of local descriptors ask for.

    Args:
        scales: sides of a bin in pixels; a descriptor covers 5 of them.
        step: pixels from one descriptor to the next.
        colour: `grey` (128 numbers) or `opponent` (384).
        contrast: least contrast of a descriptor, in grey levels from 0 to 1 a pixel.
        root: RootSIFT, else SIFT of length 1.
    """

    colours: Tensor
    window: Tensor

    def __init__(
        self,
        scales: Sequence[int] = SCALES,
        step: int = 4,
        colour: str = "grey",
        contrast: float = 0.005,
        root: bool = True,
        num_classes: int = 0,
        in_chans: int = 3,
    ) -> None:
        super().__init__()
        if not scales or len(set(scales)) < len(scales):
            raise bad("scales", list(scales), "different sides of a bin", "Give 4,6,8,10,12.")
        for scale in scales:
            check_number("scales", scale, 2, 256, whole=True)
        check_number("step", step, 1, 256, whole=True)
        check_choice("colour", colour, COLOURS)
        check_number("contrast", contrast, 0, 1)
        self.scales, self.step, self.contrast, self.root = tuple(map(int, scales)), int(step), contrast, root
        self.num_classes, self.per_cell = num_classes, len(scales)
        channels = ANGLES * BINS**2 * len(COLOURS[colour])
        self.num_features = self.head_hidden_size = self.per_cell * channels
        self.feature_info = [{"num_chs": self.num_features, "reduction": self.step, "module": "window"}]
        # parts of what is saved, so that a fingerprint tells other descriptors apart
        self.register_buffer("colours", torch.tensor(COLOURS[colour]))
        side = [exp(-((place - (BINS - 1) / 2) ** 2) / (2 * (BINS / 2) ** 2)) for place in range(BINS)]
        self.register_buffer("window", torch.outer(torch.tensor(side), torch.tensor(side)))

    def forward_features(self, x: Tensor) -> Tensor:
        """The map of descriptors."""
        planes = torch.stack([(x * colour.view(1, 3, 1, 1)).sum(1) for colour in self.colours], 1)
        each = [self.at(planes.flatten(0, 1), scale).unflatten(0, planes.shape[:2]) for scale in self.scales]
        # the colours of a scale side by side; channels last in memory, as descriptors are read
        found = torch.cat([one.permute(0, 2, 3, 1, 4).flatten(3) for one in each], 3)
        return found.permute(0, 3, 1, 2)

    def at(self, planes_NHW: Tensor, scale: int) -> Tensor:
        """Descriptors (N, h, w, 128) of grey pictures (N, H, W), with bins of `scale` pixels."""
        energy = energies(smoothed(planes_NHW, scale / 6))
        (down, rows), (across, columns) = (
            sums_along(int(side), scale, self.step, energy) for side in planes_NHW.shape[1:]
        )
        places = (down @ energy @ across.T).permute(0, 2, 3, 1)
        bins = places[:, rows[:, None, :, None], columns[None, :, None, :]]  # (N, h, w, 4, 4, 8)
        h = (bins * self.window[:, :, None]).flatten(3)
        lengths = torch.linalg.vector_norm(h, dim=3, keepdim=True)
        clear = lengths > self.contrast * torch.linalg.vector_norm(self.window)
        return settled(h, lengths.clamp_min(1e-12), clear, self.root, dim=3)

    def forward_intermediates(self, x: Tensor, indices: Sequence[int] | None = None, **_: object) -> list[Tensor]:
        """The one map."""
        return [self.forward_features(x)]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The average of the descriptors (N, S D)."""
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Images to (N, S D)."""
        return self.forward_head(self.forward_features(x))


def smoothed(planes_NHW: Tensor, sigma: float) -> Tensor:
    """Pictures after a Gaussian, cut at 4 sigma and of sum 1, the border repeated."""
    reach = ceil(4 * sigma)
    weights = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))
    taps = (weights / weights.sum()).to(planes_NHW)
    x = pad(planes_NHW[:, None], (reach, reach, reach, reach), mode="replicate")
    return conv2d(conv2d(x, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))[:, 0]


def sums_along(side: int, scale: int, step: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """What sums energies up along one side: a matrix (places, side) of t_b, and (cells, 4) which place each bin has.

    Cell r is around u = step r + (step - 1) / 2, bin i of it around u + b (i - 1.5).
    """
    cells = -(-side // step)
    # in half pixels, which are whole numbers
    middles = 2 * step * torch.arange(cells)[:, None] + (step - 1) + scale * (2 * torch.arange(BINS) - (BINS - 1))
    places, which = torch.unique(middles, return_inverse=True)
    pixels = torch.arange(side, dtype=torch.float64)
    weights = (1 - (pixels - places[:, None].double() / 2).abs() / scale).clamp_min(0) / scale
    return weights.to(like), which.to(like.device)


default_cfgs = generate_default_cfgs(
    {
        "phow.computed": {
            "input_size": (3, 256, 256),
            "min_input_size": (3, 8, 8),
            "mean": (0.0, 0.0, 0.0),
            "std": (1.0, 1.0, 1.0),
            "crop_pct": 1.0,
            "interpolation": "bilinear",
            "num_classes": 0,
            "pool_size": None,
        }
    }
)


@register_model
def phow(pretrained: bool = False, **kwargs: object) -> Phow:
    """Build PHOW; there are no weights, so `pretrained` serves folders of one's own only."""
    return build_model_with_cfg(Phow, "phow", pretrained, **kwargs)


Method = phow
