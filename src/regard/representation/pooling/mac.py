"""MAC: the maximum of each channel, wherever it is.

Tolias, Sicre and Jégou 2016, "Particular object retrieval with integral max-pooling of CNN activations", arXiv
1511.05879, section 3.1. The paper brings the vector to length 1 afterwards; searching by cosine does the same.
"""

from dataclasses import dataclass

from torch import Tensor

from ._common import check_maps


def mac(x_NCHW: Tensor) -> Tensor:
    """Pool maps (N, C, h, w) to the maxima (N, C), not brought to length 1.

    >>> import torch
    >>> mac(torch.tensor([[[[0.0, 2.0]], [[-3.0, -1.0]]]]))
    tensor([[ 2., -1.]])
    """
    return check_maps(x_NCHW).amax((2, 3))


@dataclass(frozen=True)
class Method:
    """MAC; it has no settings."""

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w) to vectors (N, C)."""
        return mac(maps_NCHW)
