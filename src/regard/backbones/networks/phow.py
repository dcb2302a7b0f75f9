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

Speed: h is a product of e_o with two banded matrices, one a side, a band at a time. Bins of neighbouring cells coincide
where b i = step r, so each place is summed up once and shared.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, exp, pi

import numpy as np
import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn.functional import pad

from ...core.checks import bad, check_choice, check_number
from ._sift import ANGLES, BINS, LIGHT, settled

SCALES = (4, 6, 8, 10, 12)
BAND = 16  # rows of cells, or of a matrix, at a time
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
        exactly: why it is run in torch and single precision, and never in less.

    Args:
        scales: sides of a bin in pixels; a descriptor covers 5 of them.
        step: pixels from one descriptor to the next.
        colour: `grey` (128 numbers) or `opponent` (384).
        contrast: least contrast of a descriptor, in grey levels from 0 to 1 a pixel.
        root: RootSIFT, else SIFT of length 1.
    """

    exactly = "has a threshold, and nearest words or steep posteriors after it, which rounding would change"
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
        n, colours, height, width = (int(side) for side in planes.shape)  # int: while traced they are tensors
        down, across = (-(-side // self.step) for side in (height, width))
        # channels last in memory, as descriptors are read: the colours of a scale side by side
        found = x.new_empty(n, down, across, self.per_cell, colours, ANGLES * BINS**2)
        for place, scale in enumerate(self.scales):
            for image in range(n):
                for colour in range(colours):
                    self._describe(planes[image, colour], scale, found[image, :, :, place, colour])
        return found.flatten(3).permute(0, 3, 1, 2)

    def _describe(self, plane_HW: Tensor, scale: int, into: Tensor) -> None:
        """Descriptors (h, w, 128) of one plane with bins of `scale` pixels, a band at a time, which stays in caches."""
        (down, rows), (across, columns) = (places(int(side), scale, self.step) for side in plane_HW.shape)
        energy = energies_HAW(smoothed(plane_HW, scale / 6))
        sums = product(across, product(down, energy.flatten(1)).unflatten(1, (ANGLES, -1)).flatten(0, 1).T)
        # from (columns, rows x orientations): orientations last
        sums = sums.unflatten(1, (-1, ANGLES)).transpose(0, 1).contiguous()
        row, column = (torch.from_numpy(one).to(sums.device) for one in (rows, columns))
        least = self.contrast * torch.linalg.vector_norm(self.window)
        window = self.window[:, :, None].expand(-1, -1, ANGLES).contiguous()  # four times as fast as broadcast
        for start in range(0, len(into), BAND):
            band = into[start : start + BAND]
            picked = sums.index_select(0, row[start : start + BAND].flatten()).index_select(1, column.flatten())
            bins = picked.view(len(band), BINS, -1, BINS, ANGLES).transpose(1, 2)
            h = (bins * window).flatten(2)
            lengths = torch.linalg.vector_norm(h, dim=2, keepdim=True)
            band.copy_(settled(h, lengths.clamp_min(1e-12), lengths > least, self.root, dim=2))

    def forward_intermediates(self, x: Tensor, indices: Sequence[int] | None = None, **_: object) -> list[Tensor]:
        """The one map."""
        return [self.forward_features(x)]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The average of the descriptors (N, S D)."""
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Images to (N, S D)."""
        return self.forward_head(self.forward_features(x))


def energies_HAW(grey_HW: Tensor) -> Tensor:
    """`_sift.energies` of one plane as (H, 8, W): each gradient goes to the two orientations that are nearest."""
    g = pad(grey_HW[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    dx, dy = (g[1:-1, 2:] - g[1:-1, :-2]) / 2, (g[2:, 1:-1] - g[:-2, 1:-1]) / 2
    size, angle = (dx.square() + dy.square()).sqrt(), torch.atan2(dy, dx) * (ANGLES / (2 * pi))
    low = angle.detach().floor()
    share = angle - low
    first = low.nan_to_num().long() & (ANGLES - 1)  # of 8: a bit mask is ten times as fast as a remainder
    found = size.new_zeros(len(size), ANGLES, size.shape[1])
    found.scatter_(1, first[:, None], ((1 - share) * size)[:, None])
    return found.scatter_(1, ((first + 1) & (ANGLES - 1))[:, None], (share * size)[:, None])


def smoothed(plane_HW: Tensor, sigma: float) -> Tensor:
    """A picture after a Gaussian, cut at 4 sigma and of sum 1, the border repeated."""
    down, across = (gaussian(int(side), sigma) for side in plane_HW.shape)
    return product(across, product(down, plane_HW).T).T


Banded = list[tuple[int, int, np.ndarray]]  # bands of rows of a matrix: which columns are not zero, and these


def product(matrix: Banded, x: Tensor) -> Tensor:
    """The banded matrix (m, n) times x (n, k)."""
    return torch.cat([torch.from_numpy(part).to(x) @ x[low:high] for low, high, part in matrix])


@lru_cache(64)
def gaussian(side: int, sigma: float) -> Banded:
    """The matrix (side, side) that smooths along one side."""
    reach = ceil(4 * sigma)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    matrix = np.zeros((side, side))
    for step, weight in zip(steps, weights / weights.sum()):
        np.add.at(matrix, (np.arange(side), np.clip(np.arange(side) + step, 0, side - 1)), weight)
    return _bands(matrix)


@lru_cache(64)
def places(side: int, scale: int, step: int) -> tuple[Banded, np.ndarray]:
    """What sums energies up along one side: a matrix (places, side) of t_b, and (cells, 4) which place each bin has.

    Cell r is around u = step r + (step - 1) / 2, bin i of it around u + b (i - 1.5).
    """
    cells = np.arange(-(-side // step))
    # in half pixels, which are whole numbers
    middles = 2 * step * cells[:, None] + (step - 1) + scale * (2 * np.arange(BINS) - (BINS - 1))
    where, which = np.unique(middles, return_inverse=True)
    apart = np.abs(np.arange(side) - where[:, None] / 2) / scale
    return _bands(np.maximum(1 - apart, 0) / scale), which.reshape(middles.shape)


def _bands(matrix: np.ndarray) -> Banded:
    found = []
    for start in range(0, len(matrix), BAND):
        part = matrix[start : start + BAND]
        used = np.flatnonzero(part.any(axis=0))
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        found.append((low, high, part[:, low:high].copy()))
    return found


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
