"""The same number forward, another gradient backward: how much of a loss reaches what is below, and with which sign."""

from typing import Any

import torch
from torch import Tensor


class _Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None


def scaled_gradient(x: Tensor, factor: float) -> Tensor:
    """`x` as it is; backward its gradient times `factor`. A factor of -1 turns it round (Ganin et al. 2016, eq. 14).

    >>> x = torch.ones(2, requires_grad=True)
    >>> scaled_gradient(x, -0.5).sum().backward()
    >>> x.grad.tolist()
    [-0.5, -0.5]
    """
    return _Scaled.apply(x, factor)
