"""Mixed images: two images and their labels in one, so that a network learns to be unsure between them.

Mixup (Zhang et al. 2018, mixup: beyond empirical risk minimization, ICLR, arXiv 1710.09412): x = l x_i + (1 - l) x_j
and y likewise. CutMix (Yun et al. 2019, ICCV, arXiv 1905.04899): a rectangle of x_j covers a part 1 - l of x_i, and the
labels are mixed by what is seen of each. In both l is drawn from Beta(a, a), once a batch, and j is a permutation of
the batch, as in the authors' code.
"""

from math import sqrt

import numpy as np
import torch
from torch import Generator, Tensor


def beta(alpha: float, generator: Generator) -> float:
    """One draw from Beta(alpha, alpha); torch has none that takes a generator, so that its draw seeds numpy's."""
    seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
    return float(np.random.default_rng(int(seed)).beta(alpha, alpha))


def mixup(x_NCHW: Tensor, y_NC: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Each image and its target (a share of each class) blended with another's: both (N, ...), as they came."""
    share = beta(alpha, generator)
    other = torch.randperm(len(x_NCHW), generator=generator, device=generator.device)
    return share * x_NCHW + (1 - share) * x_NCHW[other], share * y_NC + (1 - share) * y_NC[other]


def cutmix(x_NCHW: Tensor, y_NC: Tensor, alpha: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Each image with a rectangle of another, one for the whole batch, and its target mixed by area.

    The rectangle has the picture's form and the share 1 - l of its area; its middle is uniform, and what lies outside
    is cut off, after which l is what is left of the first picture.
    """
    share = beta(alpha, generator)
    other = torch.randperm(len(x_NCHW), generator=generator, device=generator.device)
    sides, middle = x_NCHW.shape[-2:], torch.rand(2, generator=generator, device=generator.device).tolist()
    half = [side * sqrt(1 - share) / 2 for side in sides]
    (top, bottom), (left, right) = (
        (max(0, round(at * side - own)), min(side, round(at * side + own)))
        for at, side, own in zip(middle, sides, half)
    )
    mixed = x_NCHW.clone()
    mixed[..., top:bottom, left:right] = x_NCHW[other][..., top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (sides[0] * sides[1])
    return mixed, share * y_NC + (1 - share) * y_NC[other]


def mixed(
    x_NCHW: Tensor, y_NC: Tensor, by_mixup: float, by_cutmix: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Mix a batch by mixup or CutMix with these alphas; 0 is not at all, and of both each has half of the batches."""
    if by_mixup and by_cutmix:
        cut = float(torch.rand(1, generator=generator, device=generator.device)) < 0.5
        by_mixup, by_cutmix = (0.0, by_cutmix) if cut else (by_mixup, 0.0)
    if by_mixup:
        return mixup(x_NCHW, y_NC, by_mixup, generator)
    return cutmix(x_NCHW, y_NC, by_cutmix, generator) if by_cutmix else (x_NCHW, y_NC)
