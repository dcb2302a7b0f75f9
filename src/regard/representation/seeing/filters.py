"""The filters of the first convolution as pictures: the only weights that stand in the pixels' own space."""

import torch
from torch import Tensor, nn

from ...core.checks import bad


def first_filters(network: nn.Module) -> tuple[str, Tensor]:
    """The name and the weights (n, 3, h, w) of the first convolution that takes the three colours.

    Raises:
        InputError: none does, so that there is no filter that could be shown in colour.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.weight.shape[1] == 3 and module.in_channels == 3:
            return name, module.weight.detach().float().cpu()
    raise bad("filters", "no convolution on the three colours", "a network that begins with one")


def as_pictures(filters_N3hw: Tensor) -> Tensor:
    """Each filter (n, 3, h, w) on its own scale in [0, 1]: grey is 0, and its largest weight is full or empty.

    >>> as_pictures(torch.tensor([2.0, -1.0, 0.0]).view(1, 3, 1, 1)).flatten().tolist()
    [1.0, 0.25, 0.5]
    """
    most = filters_N3hw.abs().amax((1, 2, 3), keepdim=True).clamp(min=torch.finfo(filters_N3hw.dtype).tiny)
    return 0.5 + 0.5 * filters_N3hw / most


def strongest(filters_N3hw: Tensor, most: int) -> Tensor:
    """Which filters to show where there are more than so many: (k,) those of the largest norm, strongest first."""
    norms = filters_N3hw.flatten(1).norm(dim=1)
    return torch.sort(norms, descending=True, stable=True).indices[:most]
