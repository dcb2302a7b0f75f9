"""Local response normalisation (AlexNet, ZF) on the way back: passed unchanged, or by its gradient.

Zeiler and Fergus unpool, rectify and filter, and have no step for the normalisation: it is passed. By its own
operations it would be a quotient of two signals, for which there is no rule. Modules `nn.LocalResponseNorm` are known.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Passed(torch.autograd.Function):
    """The second argument forwards, and on the way back what comes goes to the first."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, normalised: Tensor) -> Tensor:
        """The normalised values."""
        return normalised.clone()

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:
        """The signal as it is."""
        return signal, None


class Differentiated(torch.autograd.Function):
    """A module as one operation, with its true gradient."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, module: nn.Module) -> Tensor:
        """What the module gives."""
        ctx.save_for_backward(given)
        ctx.module = module
        return module.forward(given.detach())

    @staticmethod
    def backward(ctx: Any, signal: Tensor) -> tuple[Tensor, None]:
        """The module's gradient."""
        (given,) = ctx.saved_tensors
        with torch.enable_grad():
            leaf = given.detach().requires_grad_()
            (found,) = torch.autograd.grad(ctx.module.forward(leaf), leaf, signal)
        return found, None


@contextmanager
def kept_out(network: nn.Module, *, unchanged: bool) -> Iterator[None]:
    """Inside the block response normalisation is one operation, which passes signals unchanged or by its gradient."""

    def hook(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if unchanged:
            return Passed.apply(given[0], output.detach())
        return Differentiated.apply(given[0], module)

    found = [one for one in network.modules() if isinstance(one, nn.LocalResponseNorm)]
    hooks = [one.register_forward_hook(hook) for one in found]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()
