"""What a representation costs: parameters, operations for one picture, and how many layers lie one behind another."""

from typing import Any

import torch
from torch import Tensor, nn

from ..backbones.modes import evaluating
from ..representation.representation import Representation

# nodes of autograd's graph that stand for a layer with weights
_LAYERS = ("ConvolutionBackward", "AddmmBackward", "MmBackward", "LinearBackward", "BmmBackward", "MkldnnConvolution")


def parameters_of(rep: Representation, classes: int) -> int:
    """How many numbers were learned: the network's, or those of the pooling's vocabulary, with a linear classifier.

    Args:
        rep: the representation.
        classes: that the classifier on top tells apart.
    """
    own = sum(value.numel() for value in rep.encoder.network.parameters())
    vocabulary = {} if rep.pooled is None else rep.pooled.state()[1]
    own += sum(value.numel() for value in vocabulary.values())
    return own + classes * (_vector(rep).shape[1] + 1)


def flops_of(rep: Representation) -> int:
    """Floating-point operations of one picture at the size that it sees, two for each multiplication with its addition.

    Those of convolutions and matrix products, as `torch.utils.flop_counter` counts them; without the classifier.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        _vector(rep)
    return int(counter.get_total_flops())


def depth_of(encoder: nn.Module, side: int) -> int:
    """Layers with weights (convolutions and linear layers) on the longest way through, with a linear classifier.

    Read from the graph that autograd keeps, so that branches beside each other count once. 8 for AlexNet, 16 for
    VGG-16, 22 for GoogLeNet, 50 for ResNet-50. A representation without a layer that learns has 1, its classifier.

    Args:
        encoder: gives vectors for images (N, 3, side, side) in [0, 1].
        side: in pixels.
    """
    with evaluating(encoder), torch.enable_grad():
        return 1 + _longest(encoder(torch.zeros(1, 3, side, side)).grad_fn)


def _longest(end: Any) -> int:
    """Most layers on a way from an end of the graph to its beginnings; each node is looked at once."""
    if end is None:
        return 0
    known: dict[Any, int] = {}
    waiting = [end]
    while waiting:
        node = waiting[-1]
        before = [one for one, _ in node.next_functions if one is not None]
        open_ = [one for one in before if one not in known]
        if open_:
            waiting += open_
            continue
        waiting.pop()
        known[node] = max((known[one] for one in before), default=0) + node.name().startswith(_LAYERS)
    return known[end]


def _vector(rep: Representation) -> Tensor:
    """The vector (1, D) of a blank picture."""
    x = torch.zeros(1, 3, *rep.preprocess.shape, device=rep.encoder.mean.device)
    with evaluating(rep.encoder), torch.no_grad():
        return rep.encoder.pooled(x) if rep.pooled is None else rep.pooled(rep.encoder, x)
