"""Inception modules (Szegedy et al. 2015, figure 2b), the heads beside them, and the chain that both networks share."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..auxiliary import Auxiliary
from ._chain import Conv, Pool, convolution, pooling

# table 1 of the paper: #1×1, #3×3 reduce, #3×3, #5×5 reduce, #5×5, pool proj
TABLE: Mapping[str, tuple[int, int, int, int, int, int]] = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
LAST = "3b", "4e"  # a maximum follows these
HEADS = "4a", "4d"  # an auxiliary head stands on these


class Inception(nn.Module):
    """1×1, 3×3 and 5×5 convolutions and a maximum beside one another, joined by their channels.

    Args:
        before: channels that come in.
        one, reduce3, three, reduce5, five, pooled: as the columns of the paper's table 1.
    """

    def __init__(self, before: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pooled: int) -> None:
        super().__init__()
        self.one = chained(before, Conv(one, 1, padding=0))
        self.three = chained(before, Conv(reduce3, 1, padding=0), Conv(three, 3))
        self.five = chained(before, Conv(reduce5, 1, padding=0), Conv(five, 5, padding=2))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *chained(before, Conv(pooled, 1, padding=0)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, h, w) to (N, one + three + five + pooled, h, w)."""
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


def chained(before: int, *layers: Conv) -> nn.Sequential:
    """Convolutions with their ReLUs, one after the other."""
    parts: list[nn.Module] = []
    for one in layers:
        parts += convolution(before, one, "").values()
        before = one.channels
    return nn.Sequential(*parts)


def joined(row: Sequence[int]) -> int:
    """Channels that a module gives."""
    return row[0] + row[2] + row[4] + row[5]


def inceptions(stem: Sequence[Conv | Pool], share: int) -> Callable[[int], dict[str, nn.Module]]:
    """The body: a stem whose convolutions are `conv1`, `reduce2`, `conv2`, then the modules of the table.

    Args:
        stem: what comes first.
        share: channels of the modules are those of the table, divided by this.
    """

    def body(before: int) -> dict[str, nn.Module]:
        made: dict[str, nn.Module] = {}
        place = 0
        for one in stem:
            if isinstance(one, Conv):
                reduces = one.kernel == 1  # in front of the second one
                place += 1 if place == 0 or reduces else 0
                found = convolution(before, one, str(place))
                made |= {f"reduce_{name}": part for name, part in found.items()} if reduces else found
                before = one.channels
            else:
                made |= pooling(one, str(place))
        for name, row in TABLE.items():
            narrow = [channels // share for channels in row]
            made[f"inception{name}"] = Inception(before, *narrow)
            before = joined(narrow)
            if name in LAST:
                made |= pooling(Pool(3, 2, whole=True), name[0])
        return made

    return body


class Cells(nn.Module):
    """The paper's average over 5×5 cells every 3, where there are as many, and then to grid × grid cells.

    At 224 pixels the first average gives 4×4 cells, and the second changes nothing.
    """

    def __init__(self, grid: int) -> None:
        super().__init__()
        self.grid = grid

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, C, grid, grid)."""
        if min(x.shape[2:]) >= 5:
            x = nn.functional.avg_pool2d(x, 5, 3)
        return nn.functional.adaptive_avg_pool2d(x, self.grid)


def auxiliary(share: int, grid: int) -> list[Auxiliary]:
    """The paper's two heads: an average to grid × grid cells, 1×1 convolution, hidden layer, dropout of 0.7, logits."""

    def build(before: int) -> Callable[[int], nn.Module]:
        def head(classes: int) -> nn.Module:
            width = 128 // share
            made = nn.Sequential(
                Cells(grid),
                nn.Conv2d(before, width, 1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(width * grid**2, 1024 // share),
                nn.ReLU(),
                nn.Dropout(0.7),
                nn.Linear(1024 // share, classes),
            )
            for place in (1, 4):
                nn.init.kaiming_normal_(made[place].weight, nonlinearity="relu")
                nn.init.zeros_(made[place].bias)
            return made

        return head

    return [Auxiliary(f"features.inception{name}", build(joined(TABLE[name]) // share)) for name in HEADS]
