r"""Guided backpropagation: a gradient that passes a ReLU only where the unit was active and the gradient is positive.

Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for simplicity: the all convolutional net", ICLR workshop
2015, section 3.4:

    R_l = 1[f_l > 0] 1[R_{l+1} > 0] R_{l+1}

where f_l is the value of the unit. Of ReLU6 the gate is open where 0 < f_l < 6, as its gradient has it. Everything
between activations is differentiated: convolutions, pooling, and normalisation of any kind. Any other activation is
refused: on a network of GELUs it would be the plain gradient.
"""

from torch import Tensor, nn

from .graph import Gradients, See, Signal, carried_back


def guided_backpropagation(see: See, x_NCHW: Tensor, signal: Signal, *, network: nn.Module | None = None) -> Tensor:
    """Carry a signal back to the pixels by guided backpropagation.

    Args:
        see: images to a map or a vector, such as `encoder.pooled`.
        x_NCHW: images (N, 3, H, W).
        signal: what is asked of the output: of its shape, or a function of it; the weights of a class, for example.
        network: what `see` runs, where that is not `see` itself or its attribute `network`.

    Returns:
        (N, 3, H, W), of either sign.

    Raises:
        InputError: an activation that is neither ReLU nor ReLU6, attention, or another operation without a rule.
    """
    return carried_back(see, x_NCHW, signal, _guided, "guided", network=network, statistics=True)


def _guided(gradient: Gradients, signal: Gradients) -> Gradients:
    # autograd has closed the gate of the unit; what is left is the gate of the signal
    return (None if gradient[0] is None else gradient[0].clamp(min=0), *gradient[1:])
