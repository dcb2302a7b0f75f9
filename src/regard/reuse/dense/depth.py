"""How far away each pixel is: heads for depth from one picture, and their loss.

`bins`: batch normalisation and one linear map of the features of all levels to 64 bins of depth, whose probabilities
weigh the logarithms of the bins' depths: a linear head as DINOv2 is measured by (Oquab et al. 2023, arXiv 2304.07193,
"linear"), with the bins and the softmax of Bhat, Alhashim, Wonka 2021 (AdaBins, CVPR). `log`: features of each level,
3 x 3, summed, and the logarithm of depth from them by one linear map. `convex`: bins from such features, and each pixel
is a learned convex combination of the nine cells around it, so that an edge need not be as wide as a cell (Teed and
Deng 2020, RAFT, ECCV, section 3.3).

The loss is SILog (Eigen, Puhrsch, Fergus 2014, Depth map prediction from a single image, NeurIPS, equation 4), under a
root as DINOv2 has it, and beside it the mean of |log predicted - log true| and the relative error that is scored:

    g_i = log predicted_i - log true_i,   sqrt(mean g^2 - .85 (mean g)^2) + mean |g| + mean |exp(g) - 1|

What differs from DINOv2: levels of strides 4 to 32 in place of four blocks of one stride; bins between the nearest and
the farthest depth of the training pictures, not 0.001 and 10 m; bins that grow with depth, as errors are counted, where
both papers' codes have equal ones or learn them; two more terms in place of one on gradients.
"""

from collections.abc import Mapping, Sequence
from math import e, exp, log

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, relu, unfold

from ...backbones.contract import FeatureInfo
from ...backbones.modes import evaluating
from ...core.checks import bad, check_choice, check_number
from .neck import convolution
from .semantic import FCN, Linear

HEADS = ("bins", "log", "convex")
BINS = 64
LAMBDA = 0.85
ABSOLUTE = 1.0  # weight of the mean of |g|
RELATIVE = 1.0  # weight of the relative error
STEEPEST = 2.0  # the g from which on the relative error grows no more: its slope is exp(g)
USUAL = (0.5, 10.0)  # metres, where no training pictures tell
LEAST_SHARE = 1e-3  # of a cell, in the beginning
WIDER = 2.0  # times: how far beyond the nearest and the farthest that was learned from an answer may lie


class DepthHead(nn.Module):
    """The head, on the levels of a `Pyramid`.

    Args:
        info: the pyramid's.
        kind: `bins`, `log` or `convex`.
        limits: the nearest and the farthest depth of the training pictures, in metres.
        width: channels inside; `bins` has none.
    """

    def __init__(
        self, info: Sequence[FeatureInfo], kind: str = "bins", limits: Sequence[float] = USUAL, width: int = 64
    ) -> None:
        super().__init__()
        check_choice("head", kind, HEADS)
        near, far = (float(check_number("limits", one, 0, open_low=True)) for one in limits)
        if not near < far:
            raise bad("limits", (near, far), "the nearest depth before the farthest")
        self.kind, self.stride = kind, info[0].reduction
        # with the weights, so that a head that goes on elsewhere keeps what it has learned to mean
        depths = torch.tensor([near, far]) if kind == "log" else torch.logspace(log(near), log(far), BINS, base=e)
        self.register_buffer("depths", depths)
        self.layers: Linear | FCN | Convex
        if kind == "bins":
            self.layers = Linear(info, BINS)
        elif kind == "convex":
            self.layers = Convex(info, BINS, width)
        else:
            self.layers = FCN(info, 1, width)
            # begins with the middle of the range everywhere, not with anything
            nn.init.zeros_(self.layers.score.weight)
            nn.init.zeros_(self.layers.score.bias)

    def told(self, levels: Sequence[Tensor], size: int) -> Tensor:
        """(N, size, size) float32, the logarithm of the depth in metres."""
        # the last cells may reach beyond the picture
        if isinstance(self.layers, Convex):
            cells, shares = self.layers(levels)
            return combined(self._of_bins(cells), shares.float(), self.stride)[:, :size, :size]
        cells = self.layers(levels)
        cells = self._of_bins(cells) if self.kind == "bins" else cells.float() + self.depths.log().mean()
        whole = interpolate(cells, scale_factor=self.stride, mode="bilinear", align_corners=False)
        return whole[:, 0, :size, :size]

    def _of_bins(self, cells: Tensor) -> Tensor:
        return (cells.float().softmax(1) * self.depths.log()[:, None, None]).sum(1, keepdim=True)

    def loss(self, levels: Sequence[Tensor], targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """See the module; over the pixels whose depth is known, 0 where there are none.

        Args:
            levels: (N, C, h, w) each.
            targets: (N, S, S) metres, NaN where the depth is not known.

        Raises:
            InputError: targets of another shape, or a depth that is no positive number.
        """
        shape = tuple(targets.shape)
        if len(shape) != 3 or shape[0] != len(levels[0]) or shape[1] != shape[2]:
            raise bad("depth", f"shape {shape}", f"({len(levels[0])}, S, S), as there are {len(levels[0])} pictures")
        known = ~targets.isnan()
        if bool((targets[known] <= 0).any() | targets[known].isinf().any()):
            raise bad("depth", "0, infinity or a negative depth", "metres above 0", "Write NaN where it is not known.")
        told = self.told(levels, shape[1])
        apart = torch.where(known, told - torch.where(known, targets, 1).log(), 0)
        count = known.sum().clamp(min=1)
        mean = apart.sum() / count
        varied = (apart.square().sum() / count - LAMBDA * mean.square()).clamp(min=1e-8).sqrt()
        absolute = apart.abs().sum() / count
        relative = (apart.clamp(max=STEEPEST).exp() - 1).abs().sum() / count
        parts = {"silog": varied, "log_error": absolute, "relative": relative}
        return varied + ABSOLUTE * absolute + RELATIVE * relative, {name: one.detach() for name, one in parts.items()}

    @torch.no_grad()
    def predict(self, levels: Sequence[Tensor], size: int) -> tuple[Tensor]:
        """The depth of each pixel, (N, size, size) float32 metres."""
        with evaluating(self):
            told = self.told(levels, size)
            ends = (self.depths[0] / WIDER).log(), (self.depths[-1] * WIDER).log()
            return (torch.minimum(torch.maximum(told, ends[0]), ends[1]).exp(),)


class Convex(nn.Module):
    """Scores of the finest level's cells, and how much each pixel of a cell has of the nine cells around it.

    Args:
        info: the pyramid's.
        outputs: scores of a cell.
        width: channels inside.
    """

    def __init__(self, info: Sequence[FeatureInfo], outputs: int, width: int) -> None:
        super().__init__()
        self.features = FCN(info, width, width)
        self.score = nn.Conv2d(width, outputs, 1)
        self.shares = convolution(width, 9 * info[0].reduction ** 2, 3)
        # begins as if the cells were interpolated
        nn.init.zeros_(self.shares.weight)
        with torch.no_grad():
            self.shares.bias.copy_(_bilinear(info[0].reduction).clamp(min=LEAST_SHARE).log().flatten())

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """(N, outputs, h, w), and (N, 9, s s, h, w) that sum to 1 over the nine."""
        features = relu(self.features(levels))
        shares = self.shares(features).unflatten(1, (9, -1)).softmax(1)
        return self.score(features), shares


def combined(cells: Tensor, shares: Tensor, stride: int) -> Tensor:
    """Each pixel as the combination of the nine cells around it; beyond the map its last cells go on.

    Args:
        cells: (N, 1, h, w).
        shares: (N, 9, s s, h, w), of the cells and of the pixels of a cell row by row.
        stride: s, pixels a side of a cell.

    Returns:
        (N, s h, s w).
    """
    n, _, h, w = cells.shape
    around = unfold(pad(cells, (1, 1, 1, 1), mode="replicate"), 3).reshape(n, 9, 1, h, w)
    return pixel_shuffle((around * shares).sum(1), stride)[:, 0]


def _bilinear(stride: int) -> Tensor:
    """(9, s s), what interpolation gives each of the nine cells in each pixel of the middle one."""
    places = (torch.arange(stride) + 0.5) / stride - 0.5
    one = (1 - (places - torch.tensor([-1, 0, 1])[:, None]).abs()).clamp(min=0)  # (3, s)
    return (one[:, None, :, None] * one[None, :, None, :]).reshape(9, stride * stride)


def limits_of(statistics: Mapping[str, tuple[float, ...]]) -> tuple[float, float]:
    """The nearest and the farthest depth that are known of the training pictures; usual ones where none are."""
    near, far = statistics.get("limits", USUAL)
    return (near, far) if near < far else (near / exp(0.5), far * exp(0.5))
