"""The way back from a unit to the pixels: every operation on it, each known by name, none in disguise.

Autograd writes down what was computed, whoever called it: a module, a function, a method in place. So the rule of a
way of seeing is put on the nodes of that graph and not on modules: an activation that no module holds is found too. A
node that is not known here is refused by its name, as a rule that skips it would give a plain gradient.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ...backbones.modes import evaluating
from ...core.checks import InputError, bad
from .response_norm import kept_out

See = Callable[[Tensor], Tensor]  # images (N, 3, H, W) to a map or a vector, in one run of a network
Signal: TypeAlias = (
    "Tensor | Callable[[Tensor], Tensor]"  # what goes back, of the output's shape, or made from the output
)
Gradients = tuple[Tensor | None, ...]
Rule = Callable[[Gradients, Gradients], Gradients]  # of a rectified unit: (gradient by autograd, signal) to signal

# nothing but sums, copies and moves of values: what goes back is what autograd says
_MOVES = """View UnsafeView ReshapeAlias Permute Transpose T Slice Select Squeeze Unsqueeze Expand Cat Stack Split
SplitWithSizes Unbind Chunk Clone Alias AsStrided ToCopy Narrow ConstantPadNd ReflectionPad2D ReplicationPad2D
UpsampleNearest2D UpsampleBilinear2D UpsampleBicubic2D UpsampleBilinear2DAa UpsampleBicubic2DAa PixelShuffle
PixelUnshuffle ChannelShuffle NativeChannelShuffle Repeat Mean Sum AvgPool2D AdaptiveAvgPool2D Add Sub Rsub Neg
Flip Roll""".split()
_SWITCHED = ("MaxPool2DWithIndices", "AdaptiveMaxPool2D", "MaxPool2D")  # autograd unpools by the stored places
_PRODUCTS = ("Mul", "Div", "Mm", "Bmm", "Addmm", "Baddbmm", "Linear", "Convolution")  # linear where one factor is fixed
_BATCH_NORMS = ("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm")
_STATISTICS = ("NativeLayerNorm", "NativeGroupNorm", *_BATCH_NORMS)  # with statistics of the picture itself
_OWN = ("Passed", "Differentiated")  # of `response_norm`
_WORDS = {
    "Gelu": "GELU",
    "Silu": "SiLU",
    "Mish": "Mish",
    "Elu": "ELU",
    "LeakyRelu": "leaky ReLU",
    "PreluKernel": "PReLU",
    "Hardswish": "hard swish",
    "Hardsigmoid": "hard sigmoid",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softmax": "softmax",
    "NativeLayerNorm": "layer normalisation",
    "NativeGroupNorm": "group normalisation",
    "NativeBatchNorm": "normalisation by the picture's own statistics",
    "Mul": "product of two signals (a gate)",
    "Div": "quotient of two signals",
    "Bmm": "matrix product of two signals",
    "CopySlices": "change in place of a part of a tensor",
    "Hardtanh": "hard tanh",
    "Clamp": "clamp that does not begin at 0",
}


def way_back(output: Tensor, x: Tensor) -> list[Any]:
    """The nodes of autograd's graph that lie between an output and a leaf, from the output to the leaf.

    Args:
        output: computed from `x`.
        x: a leaf that requires a gradient; its own node comes last.

    Raises:
        InputError: no gradient leads from the output to `x`.
    """
    leads: dict[Any, bool] = {}
    order: list[Any] = []
    stack: list[tuple[Any, bool]] = [(output.grad_fn, False)] if output.grad_fn is not None else []
    while stack:
        node, whole = stack.pop()
        onwards = [one for one, _ in node.next_functions if one is not None]
        if whole:
            leads[node] = getattr(node, "variable", None) is x or any(leads[one] for one in onwards)
            order += [node] if leads[node] else []
        elif node not in leads:
            leads[node] = False
            stack.append((node, True))
            stack += [(one, False) for one in onwards]
    if not order:
        raise InputError("network: no gradient leads from this layer to the pixels, so nothing can be carried back")
    return order[::-1]


def kind(node: Any) -> str:
    """The operation of a node: `Relu` of `ReluBackward0`.

    >>> kind((torch.ones(1, requires_grad=True) * 2).grad_fn)
    'Mul'
    """
    return re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])


def rectifies(node: Any) -> bool:
    """Whether a node is a ReLU, by whatever call, or a ReLU with a ceiling (ReLU6)."""
    name = kind(node)
    if name == "Relu":
        return True
    if name not in ("Hardtanh", "Clamp", "ClampMin"):
        return False
    low, high = (
        getattr(node, f"_saved_{one}", None)
        for one in (("min_val", "max_val") if name == "Hardtanh" else ("min", "max"))
    )
    return isinstance(low, int | float) and low == 0 and (high is None or high > 0)


def carried_back(
    see: See,
    x_NCHW: Tensor,
    signal: Signal,
    rule: Rule,
    way: str,
    *,
    network: nn.Module | None = None,
    statistics: bool = False,
) -> Tensor:
    """Carry a signal from an output back to the pixels, by autograd but for rectified units, which follow a rule.

    Args:
        see: images to the output.
        x_NCHW: images (N, 3, H, W).
        signal: of the output's shape, or a function of the output.
        rule: what leaves each rectified unit on the way back.
        way: its name, for messages.
        network: what `see` runs, where that is not `see` itself or its attribute `network`.
        statistics: whether normalisation by the picture's own statistics is passed, by its gradient. Response
            normalisation (LRN) then goes by its gradient too; otherwise it is passed unchanged.

    Returns:
        (N, 3, H, W).

    Raises:
        InputError: an operation on the way for which there is no rule; each is named with how often it occurs.
    """
    n = len(x_NCHW)
    # a batch of one cannot tell a factor that depends on the picture from one that does not
    leaf = (x_NCHW.repeat(2, 1, 1, 1) if n == 1 else x_NCHW).detach().clone().requires_grad_()
    network = network or (see if isinstance(see, nn.Module) else getattr(see, "network", None)) or nn.Identity()
    with evaluating(network), torch.enable_grad(), kept_out(network, unchanged=not statistics):
        output = see(leaf)
        sent = signal(output.detach()) if callable(signal) else signal
        sent = sent.repeat(2, *[1] * (sent.ndim - 1)) if len(sent) != len(leaf) else sent
        if sent.shape != output.shape:
            raise bad("signal", f"shape {tuple(sent.shape)}", f"{tuple(output.shape)}, as the output")
        nodes = way_back(output, leaf)
        _refuse(nodes, way, statistics)
        with _ruled(nodes, rule):
            (found,) = torch.autograd.grad(output, leaf, sent.to(output.dtype))
    return found[:n].detach()


def has_switches(see: See, x_NCHW: Tensor, network: nn.Module) -> bool:
    """Whether max pooling lies between an output and the pixels: all by which a deconvnet depends on the picture."""
    leaf = x_NCHW.detach().clone().requires_grad_()
    with evaluating(network), torch.enable_grad():
        return any(kind(node) in _SWITCHED for node in way_back(see(leaf), leaf))


@contextmanager
def _ruled(nodes: Sequence[Any], rule: Rule) -> Iterator[None]:
    hooks = [node.register_hook(rule) for node in nodes if rectifies(node)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _refuse(nodes: Sequence[Any], way: str, statistics: bool) -> None:
    there = set(nodes)
    unknown = Counter(_word(node) for node in nodes[:-1] if not _known(node, there, statistics))
    if not unknown:
        return
    listed = ", ".join(f"{count} x {name}" for name, count in unknown.most_common(6))
    raise bad(
        way,
        f"{listed} between this layer and the pixels",
        "a network of convolutions whose activations are all ReLU or ReLU6",
        "What has no rule would make it a plain gradient; occlusion takes any network.",
    )


def _known(node: Any, there: set[Any], statistics: bool) -> bool:
    name = kind(node)
    if name in _BATCH_NORMS and not getattr(node, "_saved_training", name != "NativeBatchNorm"):
        return True
    if name in _PRODUCTS:
        return _one_factor_fixed(node, name, there)
    return rectifies(node) or name in (*_MOVES, *_SWITCHED, *_OWN) or (statistics and name in _STATISTICS)


def _one_factor_fixed(node: Any, name: str, there: set[Any]) -> bool:
    """Whether one factor alone depends on the pixels; of products of values, the other must be the same everywhere.

    x * (x > 0) is a ReLU, and its mask takes no part in the graph: a factor may vary along one axis, not the images'.
    """
    on = [place for place, (one, _) in enumerate(node.next_functions) if one in there]
    if name not in ("Mul", "Div"):
        return len(on) == 1 and (name != "Convolution" or on == [0])
    if len(on) != 1 or (name == "Div" and on != [0]):
        return False
    other = getattr(node, "_saved_other" if on == [0] else "_saved_self", None)
    if not isinstance(other, Tensor):
        return True
    along = other.ndim == 0 or other.numel() == max(other.shape)
    return other.dtype != torch.bool and along and (other.ndim < 2 or other.shape[0] == 1)


def _word(node: Any) -> str:
    name = kind(node)
    if "Attention" in name:
        return "attention"
    return _WORDS.get(name, name)
