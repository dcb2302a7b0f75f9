"""Normalisation in any network: batch, layer, instance and group normalisation, exchanged for one another.

All four give w (x - mean) / sqrt(variance + eps) + b with a weight and a bias for each channel, and differ in what mean
and variance are taken over, of maps (N, C, H, W):

- `bn`: N, H, W (Ioffe and Szegedy 2015, ICML); in evaluation the running averages of training take their place;
- `ln`: C, H, W (Ba, Kiros and Hinton 2016, arXiv 1607.06450);
- `in`: H, W (Ulyanov, Vedaldi and Lempitsky 2016, arXiv 1607.08022);
- `gn:G`: H, W and the C / G channels of a group (Wu and He 2018, ECCV, arXiv 1803.08494), of which `ln` and `in` are
  the cases G = 1 and G = C.

Of tokens (N, T, C), and of maps whose channels come last, `bn` averages over N and the cells, `in` over the cells,
`gn:G` over the cells and the channels of a group, and `ln` over C for each cell, as transformers have it.
"""

from dataclasses import dataclass
from math import gcd
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from ..core.checks import InputError, bad

Kind = Literal["bn", "ln", "in", "gn"]
GROUPS = 32  # as Wu and He 2018 take


@dataclass(frozen=True)
class NormSpec:
    """Which normalisation.

    Attributes:
        kind: `bn`, `ln`, `in` or `gn`.
        groups: G of `gn`; 0 for the others.
    """

    kind: Kind
    groups: int = 0

    def __str__(self) -> str:
        return f"gn:{self.groups}" if self.kind == "gn" else self.kind

    def groups_for(self, channels: int) -> int:
        """How many groups the channels are in, of whatever but `bn`."""
        return {"ln": 1, "in": channels, "gn": self.groups}[self.kind]


def parse_norm(text: str) -> NormSpec:
    """Read `bn`, `ln`, `in` or `gn:G`; `gn` alone has 32 groups.

    Raises:
        InputError: anything else.

    >>> str(parse_norm("gn")), str(parse_norm("ln"))
    ('gn:32', 'ln')
    """
    kind, given, groups = str(text).partition(":")
    if kind == "gn" and (not given or (groups.isdecimal() and int(groups) > 0)):
        return NormSpec("gn", int(groups or GROUPS))
    if kind not in ("bn", "ln", "in") or given:
        raise bad("--norm", repr(text), "bn, ln, in, or gn:G with G groups", "For example gn:32.")
    return NormSpec(kind)  # type: ignore[arg-type]


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of (N, C) and of (N, C, ...) alike."""

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002  (torch's name)
        if input.ndim < 2:
            raise InputError(f"batch normalisation: expected (N, C, ...), got {tuple(input.shape)}")


class GroupNorm(nn.GroupNorm):
    """Group normalisation; an error, never zeros, where a group has a single value to average over."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """(N, C, ...) to the same shape."""
        if not torch.jit.is_tracing() and (input.ndim < 2 or input[:1].numel() <= self.num_groups):
            raise InputError(
                f"--norm: {self.num_groups} groups of a map {tuple(input.shape[1:])} have one value each, and nothing "
                "to average over. Give a larger --size, or fewer groups."
            )
        return super().forward(input)


class ChannelsLast(nn.Module):
    """A normalisation of (N, C, ...) for what has its channels last."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(N, ..., C) to the same shape."""
        return self.norm(x.movedim(-1, 1)).movedim(1, -1)


class NormAct(nn.Module):
    """A normalisation with what timm's have behind it: dropping blocks, and an activation."""

    def __init__(self, norm: nn.Module, drop: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.norm, self.drop, self.act = norm, drop, act

    def forward(self, x: Tensor) -> Tensor:
        """Whatever the normalisation takes, to the same shape."""
        return self.act(self.drop(self.norm(x)))


def swap_norm(network: nn.Module, norm: str) -> list[str]:
    """Exchange every batch, layer, instance and group normalisation of a network for one kind, in place.

    Weights and biases are kept, since all kinds have one of each for every channel; running averages are not (but for
    those of a frozen batch normalisation), and a new one starts with mean 0 and variance 1. Other normalisations
    (response, root mean square, standardised weights) stay, and so do those that are of the kind already.

    Args:
        network: of timm, of torchvision or any other.
        norm: `bn`, `ln`, `in`, or `gn:G`.

    Returns:
        The names of the modules that were exchanged; none where all are of the kind already.

    Raises:
        InputError: a network without any; groups that do not divide the channels of each.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    >>> swap_norm(network, "gn:4"), network[1].num_groups
    (['1'], 4)
    """
    spec = parse_norm(norm)
    known = {name: one for name, one in network.named_modules(remove_duplicate=False) if _is_norm(one)}
    # what wraps another is exchanged whole
    inner = {name for name in known if any(name.startswith(f"{other}.") for other in known)}
    known = {name: one for name, one in known.items() if name not in inner}
    if not known:
        raise bad("--norm", str(spec), "a network with batch, layer, instance or group normalisation", "This has none.")
    _check_groups(spec, {name: _channels(name, one) for name, one in known.items()})
    made: dict[int, nn.Module] = {}
    swapped = []
    for name, old in known.items():
        if _is_kind(old, spec):
            continue
        if id(old) not in made:  # one that is used in several places stays one
            made[id(old)] = _exchanged(old, spec)
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, made[id(old)])
        swapped.append(name)
    return swapped


def _exchanged(old: nn.Module, spec: NormSpec) -> nn.Module:
    """A normalisation of this kind with the weights, device and mode of the old one, and what came behind that."""
    if isinstance(old, NormAct):
        return NormAct(_exchanged(old.norm, spec), old.drop, old.act)
    core = old.norm if isinstance(old, ChannelsLast) else old
    last, channels = _is_last(old), _channels("", old)
    weight = getattr(core, "weight", None)
    affine, eps = weight is not None, float(core.eps)
    new: nn.Module
    if spec.kind == "bn":
        new = BatchNorm(channels, eps=eps, affine=affine)
    elif spec.kind == "ln" and last:
        new = nn.LayerNorm(channels, eps=eps, elementwise_affine=affine)
    else:
        new = GroupNorm(spec.groups_for(channels), channels, eps=eps, affine=affine)
    like = next((one for one in (weight, getattr(core, "running_mean", None)) if one is not None), None)
    if like is not None:
        new.to(device=like.device, dtype=like.dtype)
    frozen = type(core).__name__.startswith("FrozenBatchNorm") and spec.kind == "bn"
    for name in ("weight", "bias", *(("running_mean", "running_var") if frozen else ())):
        if (value := getattr(core, name, None)) is not None:
            getattr(new, name).data.copy_(value.detach())
    new.train(old.training)
    if last and not isinstance(new, nn.LayerNorm):
        new = ChannelsLast(new)
    if isinstance(getattr(old, "act", None), nn.Module):
        new = NormAct(new, getattr(old, "drop", nn.Identity()), old.act)
    return new.train(old.training)


def _is_norm(module: nn.Module) -> bool:
    if isinstance(module, NormAct | ChannelsLast):
        return True
    plain = _BatchNorm | _InstanceNorm | nn.GroupNorm | nn.LayerNorm
    # of torchvision and timm; they have a common name and no common class
    return isinstance(module, plain) or type(module).__name__.startswith("FrozenBatchNorm")


def _is_kind(module: nn.Module, spec: NormSpec) -> bool:
    """Whether it computes just this already."""
    last = _is_last(module)
    while isinstance(module, NormAct | ChannelsLast):
        module = module.norm
    if isinstance(module, nn.LayerNorm) or (last and spec.kind == "ln"):
        return last and spec.kind == "ln" and isinstance(module, nn.LayerNorm)
    if isinstance(module, nn.GroupNorm):
        return spec.kind != "bn" and module.num_groups == spec.groups_for(module.num_channels)
    return isinstance(module, _BatchNorm) and spec.kind == "bn"


def _is_last(module: nn.Module) -> bool:
    """Whether the channels are its last axis: layer normalisation, but for those of maps, and what took its place."""
    if isinstance(module, NormAct):
        return _is_last(module.norm)
    return isinstance(module, ChannelsLast) or (isinstance(module, nn.LayerNorm) and "2d" not in type(module).__name__)


def _channels(name: str, module: nn.Module) -> int:
    core: Any = module
    while isinstance(core, NormAct | ChannelsLast):
        core = core.norm
    if isinstance(core, nn.LayerNorm):
        if len(core.normalized_shape) != 1:
            raise bad(
                "--norm", f"{name}, which normalises {tuple(core.normalized_shape)}", "weights for channels alone"
            )
        return int(core.normalized_shape[0])
    if isinstance(core, nn.GroupNorm):
        return core.num_channels
    return int(core.num_features if hasattr(core, "num_features") else len(core.weight))


def _check_groups(spec: NormSpec, channels: dict[str, int]) -> None:
    """Refuse groups that do not divide all channels, and say which would; G is never changed silently."""
    wrong = {name: count for name, count in channels.items() if spec.kind == "gn" and count % spec.groups}
    if not wrong:
        return
    common, least = gcd(*channels.values()), min(channels.values())
    # a group of one channel is instance normalisation
    fits = max((one for one in range(1, common + 1) if common % one == 0 and one <= max(least // 2, 1)), default=1)
    name, count = next(iter(wrong.items()))
    expected = f"groups that divide the channels of every layer; {name} has {count}"
    raise bad("--norm", str(spec), expected, f"gn:{fits} divides all of them.")
