"""What networks of SIFT descriptors share: gradients by orientation, and Lowe's way to length 1."""

from math import pi

import torch
from torch import Tensor
from torch.nn.functional import pad

BINS, ANGLES = 4, 8  # bins a side, and orientations
LIGHT = (0.299, 0.587, 0.114)  # grey of red, green and blue


def energies(grey_NHW: Tensor) -> Tensor:
    """Gradients' magnitudes (N, 8, H, W), shared between the two orientations that are nearest."""
    g = pad(grey_NHW[:, None], (1, 1, 1, 1), mode="replicate")
    dx, dy = (g[:, :, 1:-1, 2:] - g[:, :, 1:-1, :-2]) / 2, (g[:, :, 2:, 1:-1] - g[:, :, :-2, 1:-1]) / 2
    angle = torch.atan2(dy, dx) * ANGLES / (2 * pi)  # in orientations, from -4 to 4
    away = (angle - torch.arange(ANGLES, device=g.device).view(1, -1, 1, 1)).abs()
    away = torch.minimum(away, (away - ANGLES).abs())
    return (dx.square() + dy.square()).sqrt() * (1 - away).clamp_min(0)


def settled(h: Tensor, lengths: Tensor, kept: Tensor, root: bool, dim: int) -> Tensor:
    """Histograms along `dim` cut at 0.2 of their length, and of length 1 again; zeros where they are not `kept`.

    Args:
        h: histograms.
        lengths: of them, with 1 along `dim`, none of them 0.
        kept: which are no noise, of the same shape.
        dim: along which they lie.
        root: divide by the sum and take square roots (RootSIFT), which have length 1.
    """
    h = h.div(lengths).clamp_max_(0.2).mul_(kept)  # in place: new memory costs more than arithmetic
    if root:
        return h.div_(h.sum(dim, keepdim=True).clamp_min(1e-12)).sqrt_()
    return h / torch.linalg.vector_norm(h, dim=dim, keepdim=True).clamp_min(1e-12)
