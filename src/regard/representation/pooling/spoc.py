"""SPoC: the sum of each channel over the cells, those in the middle weighing more where asked.

Babenko and Lempitsky 2015, "Aggregating deep convolutional features for image retrieval", arXiv 1510.07493. The paper
then brings vectors to length 1, whitens, and does so again: `transform.whitening` is that part.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import check_number
from ._common import check_maps


def spoc(x_NCHW: Tensor, centre_prior: bool = False) -> Tensor:
    """Pool maps (N, C, h, w) to the (weighted) sums (N, C), not brought to length 1.

    Args:
        x_NCHW: maps.
        centre_prior: weigh cells by `centre_weights`; helps where the object is in the middle, as on Oxford buildings.
    """
    x = check_maps(x_NCHW)
    if not centre_prior:
        return x.sum((2, 3))
    return (x * centre_weights(*map(int, x.shape[2:])).to(x)).sum((2, 3))


def centre_weights(height: int, width: int) -> Tensor:
    """Weights (h, w) exp(-r^2 / (2 s^2)), r a cell's distance from the middle, s a third of min(h, w) / 2.

    The paper counts from the middle to the closest edge; distances are between cells' middles, so that the weights
    are the same from either side.

    >>> centre_weights(1, 3)[0].tolist()     # s is a sixth of a cell: the middle one alone counts
    [0.000, 1.000, 0.000]
    """
    check_number("height", height, 1, whole=True)
    check_number("width", width, 1, whole=True)
    sigma = min(height, width) / 2 / 3
    down = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    across = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    return torch.exp(-(down[:, None] ** 2 + across**2) / (2 * sigma**2))


@dataclass(frozen=True)
class Method:
    """SPoC, with or without the prior of the middle."""

    centre_prior: bool = False

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w) to vectors (N, C)."""
        return spoc(maps_NCHW, self.centre_prior)
