"""Dense SIFT: grey-level descriptors of 128 numbers on a grid of 4 pixels, computed and not learned.

Lowe 2004 (Distinctive image features from scale-invariant keypoints, IJCV 60) on a grid in one scale and upright, as
recognition before deep networks took it (Bosch, Zisserman and Munoz 2007, ICCV; Chatfield et al. 2011, BMVC); RootSIFT
after Arandjelović and Zisserman 2012 (Three things everyone should know to improve object retrieval, CVPR).

With grey g = 0.299 R + 0.587 G + 0.114 B, gradients by central differences, (dx, dy) = (g(x+1, y) - g(x-1, y),
g(x, y+1) - g(x, y-1)) / 2 with the border repeated, magnitude m and angle a:

- energy of orientation o of 8:       e_o(x, y) = m max(0, 1 - |a - 2 pi o / 8| 8 / (2 pi)), the difference around the
  circle, so that each gradient is shared by its two nearest orientations;
- bin (i, j) of 4 x 4 around (u, v):  h_ijo = w_i w_j sum over x, y of e_o(x, y) t(x - u - 4 (j - 1.5)) t(y - v - 4 (i -
  1.5)), with t(z) = max(0, 1 - |z| / 4) and Lowe's Gaussian window of sigma 8 at the bins' centres, w_i =
  exp(-(4 (i - 1.5))^2 / (2 8^2)); no energy lies outside the picture;
- descriptor: h / |h|, cut at 0.2, of length 1 again (Lowe); then RootSIFT: divided by its sum, square roots, which have
  length 1. A patch without gradients has zeros.

What differs from Lowe: the window weighs bins, not pixels (as `vl_dsift` of VLFeat does); no scale, no rotation.
"""

from collections.abc import Sequence
from math import exp

import torch
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from ._sift import ANGLES, BINS, LIGHT, energies, settled

BIN = 4
_FAINT = 1e-4  # of a grey level from 0 to 1: shorter descriptors are of a patch without gradients


class DenseSift(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to one map (N, 128, ceil(H / 4), ceil(W / 4)), and its average (N, 128).

    Channels run over orientations within the bins of a row, row after row. There is nothing to learn in it.

    Args:
        root: RootSIFT, else SIFT of length 1.
    """

    windows: Tensor
    grey: Tensor

    def __init__(self, root: bool = True, num_classes: int = 0, in_chans: int = 3) -> None:
        super().__init__()
        self.root, self.num_classes = root, num_classes
        self.num_features = self.head_hidden_size = ANGLES * BINS**2
        self.feature_info = [{"num_chs": self.num_features, "reduction": BIN, "module": "windows"}]
        # a part of what is saved, so that a fingerprint tells descriptors of other windows apart
        self.register_buffer("windows", windows())
        self.register_buffer("grey", torch.tensor(LIGHT).view(1, 3, 1, 1))

    def forward_features(self, x: Tensor) -> Tensor:
        """The map of descriptors."""
        energy = energies((x * self.grey).sum(1))
        n, _, height, width = x.shape
        reach = (self.windows.shape[2] - BIN) // 2
        beyond = (reach, reach + -width % BIN, reach, reach + -height % BIN)
        found = conv2d(pad(energy, beyond).flatten(0, 1)[:, None], self.windows, stride=BIN)
        down, across = found.shape[2:]
        h = found.view(n, ANGLES, BINS**2, down, across).transpose(1, 2).flatten(1, 2)
        lengths = torch.linalg.vector_norm(h, dim=1, keepdim=True)
        return settled(h, lengths.clamp_min(_FAINT), lengths > _FAINT, self.root, dim=1)

    def forward_intermediates(self, x: Tensor, indices: Sequence[int] | None = None, **_: object) -> list[Tensor]:
        """The one map."""
        return [self.forward_features(x)]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The average of the descriptors (N, 128)."""
        return x.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Images to (N, 128)."""
        return self.forward_head(self.forward_features(x))


def windows() -> Tensor:
    """Weights (16, 1, 20, 20) of the pixels around a cell of 4 x 4, which is in the middle, in each of the 16 bins."""
    side = BIN * (BINS + 1)
    pixels = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    centres = [BIN * (place - (BINS - 1) / 2) for place in range(BINS)]
    sigma = BIN * BINS / 2
    weights = [
        exp(-(centre**2) / (2 * sigma**2)) * (1 - (pixels - centre).abs() / BIN).clamp_min(0) for centre in centres
    ]
    return torch.stack([torch.outer(down, across) for down in weights for across in weights])[:, None].float()


default_cfgs = generate_default_cfgs(
    {
        "dense_sift.computed": {
            "input_size": (3, 224, 224),
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
def dense_sift(pretrained: bool = False, **kwargs: object) -> DenseSift:
    """Build dense SIFT; there are no weights, so `pretrained` serves folders of one's own only."""
    return build_model_with_cfg(DenseSift, "dense_sift", pretrained, **kwargs)


Method = dense_sift
