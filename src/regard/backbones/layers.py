"""What any module of a network gives, by its name in the network or in the literature: `layer3.1`, `blocks.11`, `fc7`.

A forward hook on the module takes its output while the network runs once, and is removed again. The names of the
papers for AlexNet (Krizhevsky et al. 2012, NIPS), ZFNet (Zeiler and Fergus 2014, ECCV) and VGG (Simonyan and Zisserman
2015, ICLR) mean the output after the ReLU, as these papers and those that compare by layers take it, and before a
response normalisation: `conv5`, `conv5_3`, `pool5`, `fc6`, `fc7`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..core.checks import InputError, bad, nearest_names
from .modes import evaluating

Layout = Literal["NCHW", "NTC", "NC"]

_LAST = (nn.Linear, nn.LayerNorm)  # of four axes these take the last for channels ...
_SECOND = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)  # ... and these the second


@dataclass(frozen=True, eq=False)
class Layer:
    """A function of images in [0, 1]: the output of one module of a network.

    Attributes:
        name: as it was asked for.
        module: the module's name in the network.
        layout: `NCHW` a map (N, C, h, w), `NTC` tokens (N, T, C), `NC` a vector (N, C).
        channels: C.
        prefix: how many of the tokens come before those of the cells (class and register tokens).
        network: which has the module.
        normalise: images to what the network takes.
        channels_last: whether the module itself gives (N, h, w, C).
        once: whether it runs once for a picture, so that what comes after it need not run at all.
    """

    name: str
    module: str
    layout: Layout
    channels: int
    prefix: int
    network: nn.Module
    normalise: Callable[[Tensor], Tensor]
    channels_last: bool = False
    once: bool = False

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """The module's output for images (N, 3, H, W), in `layout`."""
        found, _ = _output(self.network, self.module, self.normalise(x_NCHW), self.once)
        if self.channels_last:
            return found.permute(0, 3, 1, 2)
        # hidden layers that are written as convolutions have one cell at the network's own size
        return found.mean((2, 3)) if self.layout == "NC" and found.ndim == 4 else found

    def mean(self, x_NCHW: Tensor) -> Tensor:
        """One vector (N, C) an image: the average over cells, without class and register tokens."""
        found = self(x_NCHW)
        if self.layout == "NCHW":
            return found.mean((2, 3))
        return found[:, self.prefix :].mean(1) if self.layout == "NTC" else found


def find_layer(
    name: str, network: nn.Module, normalise: Callable[[Tensor], Tensor], shape: tuple[int, int], cells: int = 0
) -> Layer:
    """Look a module up and run the network once on a blank picture, to see in which layout it gives what.

    Args:
        name: of a module of the network, or in the literature.
        network: runs on normalised images (N, 3, H, W).
        normalise: images in [0, 1] to such.
        shape: height and width of the blank picture.
        cells: how many tokens are cells of a grid there; 0 where the network has no such.

    Raises:
        InputError: an unknown name (with at most five that are near), and a module that gives no tensor or not one row
            for each picture.
    """
    module = _module_name(name, network)
    blank = torch.zeros(2, 3, *shape, device=next((value.device for value in network.parameters()), None))
    with evaluating(network), torch.no_grad():
        found, runs = _output(network, module, normalise(blank))
    sizes = tuple(found.shape)
    if len(sizes) not in (2, 3, 4) or sizes[0] != 2:
        got = f"{name!r}, which gives {sizes} for 2 pictures"
        raise bad("layer", got, "a module that gives a map, tokens or a vector for each picture")
    if len(sizes) == 2 or (name in ("fc6", "fc7") and sizes[2:] == (1, 1)):
        return Layer(name, module, "NC", sizes[1], 0, network, normalise, once=runs == 1)
    if len(sizes) == 3:
        prefix = int(getattr(network, "num_prefix_tokens", 0))
        prefix = prefix if sizes[1] == cells + prefix else 0
        return Layer(name, module, "NTC", sizes[2], prefix, network, normalise, once=runs == 1)
    last = _channels_last(network, module, sizes, shape)
    return Layer(name, module, "NCHW", sizes[3 if last else 1], 0, network, normalise, last, runs == 1)


def layer_names(network: nn.Module) -> list[str]:
    """All names that `find_layer` knows: those of the literature first."""
    return [*aliases(network), *(name for name, _ in network.named_modules() if name)]


def aliases(network: nn.Module) -> dict[str, str]:
    """Names of layers in the papers of AlexNet, ZFNet and VGG to modules; empty for other networks.

    These are a chain `features` of convolutions, ReLUs and poolings with two hidden layers behind it; what normalises
    before the ReLU (CaffeNet) belongs to its convolution, what normalises after it (AlexNet) has no name. Five
    convolutions are AlexNet's `conv1` ... `conv5`; VGG's are `conv1_1` ... `conv5_3`, and `conv5` the last of block 5.
    """
    body, start = (network.body, "body.") if isinstance(getattr(network, "body", None), nn.Module) else (network, "")
    chain = getattr(body, "features", None)
    hidden = _hidden(body)
    if not isinstance(chain, nn.Sequential) or not hidden or any(len(list(one.children())) for one in chain):
        return {}
    found: dict[str, str] = {}
    plain = sum(isinstance(one, nn.Conv2d) for one in chain) == 5
    block, within, every, ended = 1, 0, 0, True
    for place, module in chain.named_children():
        if isinstance(module, nn.MaxPool2d):
            found[f"pool{every if plain else block}"] = f"{start}features.{place}"
            block, within = block + 1, 0
            continue
        if isinstance(module, nn.Conv2d):
            within, every, ended = within + 1, every + 1, False
        if not ended:  # what follows a convolution, its ReLU at the last, takes its name over
            names = [f"conv{every}"] if plain else [f"conv{block}_{within}", f"conv{block}"]
            found |= dict.fromkeys(names, f"{start}features.{place}")
        ended = ended or isinstance(module, nn.ReLU)
    return found | {f"fc{6 + place}": start + module for place, module in enumerate(hidden[:2])}


def _hidden(body: nn.Module) -> list[str]:
    """The ReLUs behind the hidden layers, by name: torchvision's `classifier` and timm's `pre_logits`."""
    if isinstance(getattr(body, "pre_logits", None), nn.Module):
        return [f"pre_logits.{name}" for name in ("act1", "act2") if hasattr(body.pre_logits, name)]
    ends = getattr(body, "classifier", None)
    if not isinstance(ends, nn.Sequential):
        return []
    return [f"classifier.{place}" for place, module in ends.named_children() if isinstance(module, nn.ReLU)]


def _module_name(name: str, network: nn.Module) -> str:
    own = {module for module, _ in network.named_modules() if module}
    for one in (aliases(network).get(name, name), f"body.{name}"):  # a network of torchvision is wrapped
        if one in own:
            return one
    known = layer_names(network)
    near = nearest_names(name, [*known, *(one.removeprefix("body.") for one in known)])
    near = near or [one for one, _ in network.named_children()][:5]
    listed = ", ".join(repr(one) for one in near)
    raise bad("layer", f"{name[:80]!r}", f"one of the {len(known)} layers of the network", f"Such as {listed}.")


class _Reached(Exception):
    """The output that was asked for is there; what comes after it need not run."""


def _output(network: nn.Module, module: str, x: Tensor, once: bool = False) -> tuple[Tensor, int]:
    """What a module gives when it runs for the last time, and how often it ran; with `once` nothing runs after it."""
    kept: list[Tensor] = []
    runs = 0
    # a graph that is being traced must not end in an error; what it does not need is cut off there anyway
    traced = torch.jit.is_tracing() or torch.compiler.is_compiling() or torch.compiler.is_exporting()
    stops = once and not traced

    def keep(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal runs
        runs += 1
        # the module that follows may work in place
        kept[:] = [output if stops else output.clone()] if isinstance(output, Tensor) else []
        if stops:
            raise _Reached

    hook = network.get_submodule(module).register_forward_hook(keep)
    try:
        network(x)
    except _Reached:
        pass
    finally:
        hook.remove()
    if not kept:
        raise InputError(f"layer: {module!r} gives no tensor of its own, or has no part in the network's vector")
    return kept[0], runs


def _channels_last(network: nn.Module, module: str, sizes: tuple[int, ...], shape: tuple[int, int]) -> bool:
    """Whether four axes are (N, h, w, C): told by the kind of module, else by which two are shaped as the picture."""
    kind = network.get_submodule(module)
    if isinstance(kind, _SECOND) or type(kind).__name__ == "LayerNorm2d":  # of timm and torchvision, over axis 1
        return False
    if isinstance(kind, _LAST):
        return True
    first, last = (round(h * shape[1] / shape[0]) == w for h, w in (sizes[2:], sizes[1:3]))
    if first != last:
        return last
    return getattr(network, "output_fmt", "NCHW") == "NHWC" or bool(getattr(network, "channels_last", False))
