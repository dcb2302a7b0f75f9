"""torchvision's networks in timm's feature interface.

torchvision has no common interface to maps. A dry run on a blank image finds, for each resolution, the last module
that ran once and gave a map at that resolution; hooks on those modules collect the maps afterwards.
"""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.checks import InputError


class Wrapped(nn.Module):
    """A torchvision network without its classifier: `forward` pools, `forward_intermediates` gives the maps."""

    def __init__(self, network: nn.Module, side: int, channels_last: bool) -> None:
        super().__init__()
        self.body, self.channels_last = _without_classifier(network), channels_last
        self.chosen = _map_modules(self.body, side, channels_last)
        self.feature_info = [{"module": name} for name in self.chosen]
        self.num_prefix_tokens = int(hasattr(self.body, "class_token"))

    def forward_intermediates(self, x: Tensor, **_: object) -> list[Tensor]:
        """The maps (N, C, h, w) at the chosen modules."""
        kept: dict[str, Tensor] = {}
        modules = dict(self.body.named_modules())
        hooks = [
            modules[name].register_forward_hook(lambda _m, _i, output, name=name: kept.__setitem__(name, output))
            for name in self.chosen
        ]
        try:
            self.body(x)
        finally:
            for hook in hooks:
                hook.remove()
        return [self._as_map(kept[name]) for name in self.chosen]

    def forward(self, x: Tensor) -> Tensor:
        """The pooled vector (N, D)."""
        return self.body(x).flatten(1)

    def _as_map(self, output: Tensor) -> Tensor:
        if output.ndim == 3:  # tokens of a transformer: a class token, then the cells in rows
            cells = output[:, 1:]
            side = round(cells.shape[1] ** 0.5)
            return cells.transpose(1, 2).unflatten(2, (side, side))
        return output.permute(0, 3, 1, 2) if self.channels_last else output


def _without_classifier(network: nn.Module) -> nn.Module:
    for name in ("fc", "classifier", "head", "heads"):
        if not hasattr(network, name):
            continue
        last = getattr(network, name)
        if isinstance(last, nn.Sequential):
            # keep what comes before the last weights (norm, flatten, hidden layers as in VGG)
            for index in range(len(last) - 1, -1, -1):
                if isinstance(last[index], nn.Linear):
                    last[index] = nn.Identity()
                    return network
            setattr(network, name, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1)))  # SqueezeNet
        else:
            setattr(network, name, nn.Identity())
        return network
    raise InputError(f"backbone: {type(network).__name__} of torchvision has no classifier that we know")


def _map_modules(network: nn.Module, side: int, channels_last: bool) -> list[str]:
    runs: Counter[str] = Counter()
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _input: object, output: object) -> None:
            runs[name] += 1
            if isinstance(output, Tensor):
                shapes.pop(name, None)  # keep the order of the last run
                shapes[name] = tuple(output.shape)

        return hook

    hooks = [m.register_forward_hook(note(name)) for name, m in network.named_modules() if name]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, side, side))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    last_at: dict[int, str] = {}
    for name, shape in shapes.items():
        # stages have short names (layer1, features.3, trunk_output.block2); what lies deeper is a part of one
        if runs[name] != 1 or name.count(".") > 1 or shape[0] != 1:
            continue
        if len(shape) == 4:
            height, width = shape[1:3] if channels_last else shape[2:]
            if height == width > 1:
                last_at[height] = name
        elif len(shape) == 3 and name.endswith("encoder"):
            last_at[round((shape[1] - 1) ** 0.5)] = name
    if not last_at:
        raise InputError(f"backbone: {type(network).__name__} of torchvision gave no maps")
    return [name for _, name in sorted(last_at.items(), reverse=True)]
