"""GeM: the generalised mean of each channel, between the average (p = 1) and the maximum (p to infinity).

Radenovic, Tolias and Chum 2018, "Fine-tuning CNN image retrieval with no human annotation", arXiv 1711.02512, with
p = 3 where it is not learned. Numbers below `eps` count as eps, so a channel's sign is lost: maps should come from
behind a ReLU. All numbers are positive, and so are the vectors': bits about the origin would all be alike, and a
one-bit sketch has to take the mean off, or be made of whitened vectors.
"""

from dataclasses import dataclass

from torch import Tensor

from ...core.checks import check_number
from ._common import check_maps


def gem(x_NCHW: Tensor, p: float = 3.0, eps: float = 1e-6) -> Tensor:
    """Pool maps (N, C, h, w) to (N, C) positive numbers, not brought to length 1: (mean of max(x, eps)^p)^(1/p).

    Raises:
        InputError: no maps, NaN, p or eps not above 0.

    >>> import torch
    >>> gem(torch.tensor([[[[0.0, 2.0]]]]))
    tensor([[1.587]])
    """
    check_number("p", p, 0, open_low=True)
    check_number("eps", eps, 0, open_low=True)
    x = check_maps(x_NCHW).clamp(min=eps)
    # relative to the maximum, which keeps large powers in range
    top = x.amax((2, 3), keepdim=True)
    return (x / top).pow(p).mean((2, 3)).pow(1 / p) * top[:, :, 0, 0]


@dataclass(frozen=True)
class Method:
    """GeM with its settings; `p` near 1 averages, a large one takes the maximum."""

    p: float = 3.0
    eps: float = 1e-6

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w) to vectors (N, C)."""
        return gem(maps_NCHW, self.p, self.eps)
