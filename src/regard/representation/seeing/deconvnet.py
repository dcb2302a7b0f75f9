r"""The deconvnet: what in the pixels a unit answered to, carried back through the network layer by layer.

Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, section 2.1. All units but one
are set to 0, and the map goes back: max pooling is undone by its switches (the places where the maxima were), the
signal is rectified, and the convolution is transposed.

    R_l = W_l^T relu(unpool(R_{l+1}, switches))

The ReLU is on the signal alone; where the forward unit was 0 plays no part. What the paper does not have, here: batch
normalisation in evaluation scales by gamma / sigma (its shift, like a bias, is dropped); average pooling is
transposed; a residual sum hands the signal to both branches; ReLU6 is a ReLU, its ceiling plays no part; response
normalisation is passed unchanged. Where poolings overlap, a place that was the maximum of several gets their sum.
Without max pooling there are no switches, and what is carried back depends on the unit and its place alone, not on the
picture (Springenberg et al. 2015): `guided` is for such networks.
Layer, group and instance normalisation have no rule and are refused, and so is every other activation.
"""

import torch
from torch import Tensor, nn

from .graph import Gradients, See, Signal, carried_back


def deconvnet(see: See, x_NCHW: Tensor, signal: Signal, *, network: nn.Module | None = None) -> Tensor:
    """Carry a map's signal back to the pixels by the deconvnet.

    Args:
        see: images to a map, such as `encoder.layer(name)` or a network.
        x_NCHW: images (N, 3, H, W).
        signal: of the map's shape, such as `one_unit` gives, or a function of the map.
        network: what `see` runs, where that is not `see` itself or its attribute `network`.

    Returns:
        (N, 3, H, W), of either sign; 0 where nothing led to the unit.

    Raises:
        InputError: an operation between the map and the pixels that the deconvnet has no rule for, by name.
    """
    return carried_back(see, x_NCHW, signal, _rectified, "deconvnet", network=network)


def one_unit(map_NChw: Tensor, units: Tensor, cells: Tensor | None = None) -> Tensor:
    """The map with one value left for each image, all others 0.

    Args:
        map_NChw: (N, C, h, w).
        units: (N,) the channel of each image.
        cells: (N,) its place h * w, in rows; None: where the channel is largest.
    """
    flat = map_NChw.flatten(2)
    rows = torch.arange(len(flat), device=flat.device)
    places = flat[rows, units].argmax(1) if cells is None else cells
    left = torch.zeros_like(flat)
    left[rows, units, places] = flat[rows, units, places]
    return left.view_as(map_NChw)


def _rectified(gradient: Gradients, signal: Gradients) -> Gradients:
    return (None if signal[0] is None else signal[0].clamp(min=0), *gradient[1:])
