r"""Grad-CAM: where in the picture a class, or a vector, comes from, on the cells of a layer's map.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV 2017,
equations 1 and 2. With the map A^k of channel k and a score y:

    alpha_k = mean over cells of dy / dA^k,      L = relu(sum_k alpha_k A^k)

It needs gradients and no rule for activations, so any network with a map will do. Where a network answers by a class
token, the cells of its last layer have no part in the answer: an earlier layer is to be asked.
"""

import torch
from torch import Tensor

from ...backbones.layers import Layer
from ...backbones.modes import evaluating
from ...core.checks import bad
from .graph import See
from .maps import as_map, with_maps


def grad_cam(layer: Layer, see: See, x_NCHW: Tensor, direction_ND: Tensor) -> Tensor:
    """Where on a layer's map the score y = direction . see(x) comes from.

    Args:
        layer: of the network that `see` runs; cells are those of its map.
        see: images to vectors (N, D), such as `encoder.pooled`.
        x_NCHW: images (N, 3, H, W) in [0, 1].
        direction_ND: (N, D) or (D,): a class' weights, or the vector itself.

    Returns:
        (N, h, w), at least 0, not scaled.

    Raises:
        InputError: a layer whose cells have no part in the vector.
    """
    leaf = x_NCHW.detach().clone().requires_grad_()
    with evaluating(layer.network), torch.enable_grad():
        (kept,), vectors = with_maps([layer], see, leaf)
        (gradient,) = torch.autograd.grad((vectors * direction_ND).sum(), kept, allow_unused=True)
    if gradient is None or not as_map(layer, gradient, tuple(x_NCHW.shape[2:])).any():
        why = "whose cells have no part in the vector (a class token answers, or the score is flat)"
        raise bad("layer", f"{layer.name!r}, {why}", "a layer before it")
    maps, slopes = (as_map(layer, one.detach(), tuple(x_NCHW.shape[2:])) for one in (kept, gradient))
    return (slopes.mean((2, 3), keepdim=True) * maps).sum(1).clamp(min=0)
