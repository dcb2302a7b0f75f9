"""What the networks of 2012 to 2015 share: a chain of named parts, then a grid of cells, then hidden layers.

Parts have the papers' names (`conv1`, `relu1`, `norm1`, `pool1` ...), so that `layers.py` finds the layers by them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from timm.models import generate_default_cfgs
from torch import Tensor, nn

from ..auxiliary import Auxiliary
from ._blocks import Blocks

Norm = Literal["", "bn", "lrn"]


@dataclass(frozen=True)
class Conv:
    """A convolution with a bias and a ReLU; `lrn` normalises behind the ReLU, `bn` between the two.

    Attributes:
        channels, kernel, stride, padding, groups: as torch's.
        norm: `lrn`: the local response normalisation of Krizhevsky et al. 2012; `bn`, which makes the bias needless.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    groups: int = 1
    norm: Norm = ""


@dataclass(frozen=True)
class Pool:
    """A maximum over kernel × kernel; `whole` keeps a window that reaches over the border.

    Attributes:
        norm: `lrn` normalises behind the maximum.
    """

    kernel: int = 3
    stride: int = 2
    whole: bool = False
    norm: Norm = ""


class Chain(Blocks):
    """`features` one after the other, averaged to grid × grid cells, then the hidden layers `classifier`, then `fc`.

    Weights are drawn as He et al. 2015 draw them (ICCV, arXiv 1502.01852: variance 2 / inputs, biases 0), so that deep
    chains learn without normalisation. Where the map has grid × grid cells already, the average changes nothing.

    Args:
        body: the parts by name, from the number of colours.
        maps: the parts whose outputs are the network's maps; the last part is the last of them.
        channels: of the last map.
        grid: cells a side of what the hidden layers see.
        hidden: widths of the hidden layers; each has a ReLU and dropout of a half.
        auxiliary: heads on parts in the middle, for training with labels; see `backbones.auxiliary`.
    """

    def __init__(
        self,
        body: Callable[[int], Mapping[str, nn.Module]],
        maps: Mapping[str, tuple[int, int]],
        grid: int = 1,
        hidden: Sequence[int] = (),
        auxiliary: Sequence[Auxiliary] = (),
        num_classes: int = 0,
        in_chans: int = 3,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_classes, self.drop_rate, self.auxiliary = num_classes, drop_rate, tuple(auxiliary)
        self.features = nn.Sequential()
        for name, part in body(in_chans).items():
            self.features.add_module(name, part)
        self.feature_info = [
            {"num_chs": channels, "reduction": stride, "module": f"features.{name}"}
            for name, (channels, stride) in maps.items()
        ]
        self._maps = tuple(maps)
        self.avgpool = nn.AdaptiveAvgPool2d(grid)
        width = [*maps.values()][-1][0] * grid**2
        self.classifier = nn.Sequential()
        for place, wide in enumerate(hidden):
            for name, part in (("fc", nn.Linear(width, wide)), ("relu", nn.ReLU()), ("drop", nn.Dropout(0.5))):
                self.classifier.add_module(f"{name}{6 + place}", part)
            width = wide
        self.num_features = self.head_hidden_size = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        self.fc = nn.Linear(width, num_classes) if num_classes else nn.Identity()

    def pooled(self, x: Tensor) -> Tensor:
        """The last map to features (N, D)."""
        return self.classifier(self.avgpool(x).flatten(1))

    def forward_intermediates(self, x: Tensor, indices: Sequence[int] | None = None, **_: object) -> list[Tensor]:
        """Maps (N, C, h, w) of the parts in `feature_info`, or of those in `indices`."""
        found = []
        for name, part in self.features.named_children():
            x = part(x)
            if name in self._maps:
                found.append(x)
        return found if indices is None else [found[place] for place in indices]

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map."""
        return self.features(x)


class ResponseNorm(nn.LocalResponseNorm):
    """a / (2 + 1e-4 sum a²)^0.75 over five neighbouring channels (Krizhevsky et al. 2012, section 3.3).

    As torch's, whose alpha is divided by the number of channels (hence 5e-4), in half the time: a sum of slices in
    place of an average over three axes.
    """

    def __init__(self) -> None:
        super().__init__(5, alpha=5e-4, beta=0.75, k=2.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to the same shape."""
        before = self.size // 2
        squares = nn.functional.pad(x.square(), (0, 0, 0, 0, before, self.size - 1 - before))
        total = squares[:, : x.shape[1]]
        for place in range(1, self.size):
            total = total + squares[:, place : place + x.shape[1]]
        return x / (self.k + self.alpha / self.size * total).pow(self.beta)


def convolution(before: int, one: Conv, name: str) -> dict[str, nn.Module]:
    """A convolution, its ReLU and its normalisation, by name: `convNAME`, `reluNAME` ..."""
    made: dict[str, nn.Module] = {
        f"conv{name}": nn.Conv2d(
            before, one.channels, one.kernel, one.stride, one.padding, groups=one.groups, bias=one.norm != "bn"
        )
    }
    if one.norm == "bn":
        made[f"norm{name}"] = nn.BatchNorm2d(one.channels)
    # not in place: a map may be a ReLU's, and what looks inside must find it as it was
    made[f"relu{name}"] = nn.ReLU()
    if one.norm == "lrn":
        made[f"norm{name}"] = ResponseNorm()
    return made


def pooling(one: Pool, name: str) -> dict[str, nn.Module]:
    """A maximum and its normalisation, by name."""
    made: dict[str, nn.Module] = {f"pool{name}": nn.MaxPool2d(one.kernel, one.stride, ceil_mode=one.whole)}
    return made | ({f"norm{name}": ResponseNorm()} if one.norm == "lrn" else {})


def plain(layers: Sequence[Conv | Pool]) -> Callable[[int], dict[str, nn.Module]]:
    """The body of a chain in which every convolution has its number: AlexNet and those after it."""

    def body(before: int) -> dict[str, nn.Module]:
        made: dict[str, nn.Module] = {}
        place = 0
        for one in layers:
            if isinstance(one, Conv):
                place += 1
                made |= convolution(before, one, str(place))
                before = one.channels
            else:
                made |= pooling(one, str(place))
        return made

    return body


def default_config(name: str, side: int, least: int, first_conv: str = "features.conv1") -> Any:
    """The configuration in timm's form of a network of ours without published weights, registered under its name.

    Args:
        name: of the network.
        side: of its input in pixels.
        least: the smallest side that it takes.
        first_conv: the module that sees the pixels.
    """
    small = side < 64
    return generate_default_cfgs(
        {
            f"{name}.untrained": {
                "input_size": (3, side, side),
                "min_input_size": (3, least, least),
                "mean": (0.5, 0.5, 0.5) if small else (0.485, 0.456, 0.406),
                "std": (0.5, 0.5, 0.5) if small else (0.229, 0.224, 0.225),
                "crop_pct": 1.0 if small else 0.875,
                "interpolation": "bicubic",
                "num_classes": 0,
                "pool_size": None,
                "first_conv": first_conv,
                "classifier": "fc",
            }
        }
    )
