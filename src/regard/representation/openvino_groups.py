"""Group normalisation in elementary steps, while a network is traced for OpenVINO.

OpenVINO has an operation of its own for it, and 2026.4 dies of a segmentation fault where it compiles some networks
with that in fp32 (convolution, normalisation, ReLU, convolution, normalisation, addition, ReLU: a residual block). Of
means and products it makes a kernel that is as fast.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class GroupsInSteps(TorchFunctionMode):
    """Within `with GroupsInSteps():` group normalisation is `in_steps`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every call of torch passes through here."""
        if func is F.group_norm:
            return in_steps(*args, **kwargs or {})
        if func is torch.group_norm:
            return in_steps(*args[:5], **{key: value for key, value in (kwargs or {}).items() if "cudnn" not in key})
        return func(*args, **kwargs or {})


def in_steps(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """`torch.nn.functional.group_norm` of (N, C, ...) as means and products."""
    x = input.reshape(input.shape[0], num_groups, -1)
    about = x - x.mean(2, keepdim=True)
    found = (about * torch.rsqrt(about.square().mean(2, keepdim=True) + eps)).reshape(input.shape)
    ones = [1] * (input.ndim - 2)
    if weight is not None:
        found = found * weight.view(1, -1, *ones)
    return found if bias is None else found + bias.view(1, -1, *ones)
