"""Low-rank adaptation: a network learns a task by a few weights beside its own, which stay as they are.

Paper: Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen 2021, LoRA: low-rank adaptation of large language models,
arXiv 2106.09685 (ICLR 2022).

The idea: the weight W of a layer becomes W + (alpha / r) B A, with A (r, inputs) drawn and B (outputs, r) zero, so that
learning begins with the same function; afterwards the product is added to W, and nothing is left of it.

What differs: convolutions too, whose weights are matrices (outputs, inputs x kernel); all linear layers, not those of
attention alone. The sum is made of weights, not of what two layers give, so that it holds wherever a weight is used
(torchvision's attention never calls its output layer); memory is saved for the optimiser's moments, time is not.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, register_parametrization, remove_parametrizations

from ..core.checks import bad, check_number
from ..core.runtime import torch_rng

RANK = 4


class LowRank(nn.Module):
    """What is added to one weight: `scale` B A."""

    def __init__(self, weight: Tensor, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = len(weight), weight[0].numel()
        self.scale, within = alpha / rank, min(rank, rows, columns)
        drawn = torch.empty(within, columns)
        nn.init.kaiming_uniform_(drawn, a=5**0.5, generator=generator)
        self.down = nn.Parameter(drawn.to(weight))
        self.up = nn.Parameter(weight.new_zeros(rows, within))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight that the layer works with."""
        return weight + (self.scale * self.up @ self.down).view_as(weight)


def add_lora(
    module: nn.Module, rank: int = RANK, alpha: float = 8.0, names: Sequence[str] = ("*",), *, seed: int = 0
) -> list[str]:
    """Freeze a network, and let the linear layers and convolutions of these names learn by matrices of low rank.

    Args:
        module: changed in place. What it gives does not change.
        rank: r, at most what a layer's weight has of rows or columns.
        alpha: what is learned counts alpha / r times.
        names: of layers as in `named_modules`, `*` for anything: `*.qkv` are those of timm's attention.
        seed: of A.

    Returns:
        The names of the layers that learn.

    Raises:
        InputError: no layer of these names, or one that is adapted already.
    """
    check_number("rank", rank, 1, whole=True)
    check_number("alpha", alpha, 0, open_low=True)
    layers = adaptable(module)
    chosen = [name for name in layers if any(fnmatchcase(name, pattern) for pattern in names)]
    if not chosen:
        raise bad(
            "names", list(names), "names of linear layers or convolutions", f"Such as {', '.join([*layers][:5])}."
        )
    again = [name for name in chosen if is_parametrized(layers[name], "weight")]
    if again:
        raise bad("module", f"one whose {again[0]} is adapted already", "a plain one", "Merge it first.")
    module.requires_grad_(False)
    for name in chosen:
        low = LowRank(layers[name].weight, rank, alpha, torch_rng(seed, "lora", name))
        register_parametrization(layers[name], "weight", low)
    return chosen


def adaptable(module: nn.Module) -> dict[str, nn.Linear | nn.Conv2d]:
    """The layers by name that can be adapted."""
    return {name: one for name, one in module.named_modules() if isinstance(one, nn.Linear | nn.Conv2d)}


def merge(module: nn.Module) -> list[str]:
    """Add what was learned to the weights, and take the matrices away; returns the names of the layers.

    The network has its plain weights, names and classes again. They are frozen still.
    """
    merged = []
    for name, one in list(module.named_modules()):
        if is_parametrized(one, "weight") and isinstance(one.parametrizations["weight"][-1], LowRank):
            remove_parametrizations(one, "weight", leave_parametrized=True)
            merged.append(name)
    return merged
