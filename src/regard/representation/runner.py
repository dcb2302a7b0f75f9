"""Who runs the network when images become vectors: OpenVINO on a CPU, torch on an accelerator or where asked."""

import re
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones.network_encoder import NetworkEncoder
from ..core.checks import InputError, RunError, bad, check_choice
from ..core.runtime import pick_device, pick_precision
from .pooled import Pooled
from .preprocess import Size

PRECISIONS = ("auto", "bf16", "fp32", "int8")
LayerName = int | str | None  # the place of a map, the name of a layer, or the pooled vector


class Runner(Protocol):
    """Turns batches of pixels into vectors; `name` says how, and is a part of the cache's key.

    `note` says why it is not the one that was wanted first; empty where it is.
    """

    name: str
    note: str

    def run(self, batches: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """Pairs (tag, pixels (n, 3, H, W) uint8) to pairs (tag, vectors (n, D) float32), in the same order."""
        ...


class Pixels(nn.Module):
    """uint8 pixels to vectors: as the representation pools, or the average of a layer, in a form that can be traced."""

    def __init__(self, encoder: NetworkEncoder, layer: LayerName, pooled: Pooled | None = None) -> None:
        super().__init__()
        self.encoder, self.pooled, self.map = encoder, pooled, None if isinstance(layer, str) else layer
        self.layer = encoder.layer(layer) if isinstance(layer, str) else None

    def forward(self, pixels_NCHW: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 to (N, D) float32."""
        x = pixels_NCHW.float() / 255
        if self.layer is not None:
            return self.layer.mean(x)
        if self.map is not None:
            return self.encoder.maps(x)[self.map].mean((2, 3))
        return self.encoder.pooled(x) if self.pooled is None else self.pooled(self.encoder, x)


class TorchRunner:
    """Torch, channels last, in bf16 or exactly."""

    def __init__(self, network: Pixels, device: str, precision: str, note: str = "") -> None:
        self.network = network.to(device, memory_format=torch.channels_last).eval()
        self.device, self.low = device, precision == "bf16"
        self.name, self.note = f"torch {precision} on {device.partition(':')[0]}", note

    def run(self, batches: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """See `Runner`."""
        for tag, pixels in batches:
            if not len(pixels):  # all of the group are kept already
                yield tag, np.zeros((0, 0), np.float32)
                continue
            with torch.inference_mode(), torch.autocast(self.device.partition(":")[0], torch.bfloat16, self.low):
                x = torch.from_numpy(pixels).to(self.device, memory_format=torch.channels_last)
                vectors = self.network(x).float().cpu().numpy()
            yield tag, vectors


def as_layer(layer: LayerName) -> LayerName:
    """A layer as it is told on the command line: a whole number in text is the place of a map.

    >>> as_layer("-1"), as_layer("conv5"), as_layer(2), as_layer(None)
    (-1, 'conv5', 2, None)
    """
    return int(layer) if isinstance(layer, str) and re.fullmatch(r"-?\d+", layer) else layer


def make_runner(
    encoder: NetworkEncoder,
    *,
    layer: LayerName,
    size: Size,
    batch: int,
    precision: str = "auto",
    device: str = "auto",
    key: str = "",
    pooled: Pooled | None = None,
) -> Runner:
    """Choose who runs the network.

    On a CPU: OpenVINO, for `auto` in bf16 where the processor has it (with as much of the network's start in fp32 as
    it needs to agree with torch on check pictures), otherwise in fp32; torch in fp32 stands in where OpenVINO cannot
    run a network. On CUDA: torch, bf16. A network that says why it must be computed `exactly`: torch in fp32, anywhere.

    Args:
        encoder: the network.
        layer: which map to average by its place, or which layer by its name; None for the pooled vector.
        size: side of the input in pixels, or height and width.
        batch: pictures a call.
        precision: auto | bf16 | fp32 (exact) | int8:NAME, a quantised graph that was kept (`int8.settle`).
        device: auto | cpu | cuda | mps.
        key: names the network, its weights, layer and pooling in the cache of traced networks.
        pooled: how the last map becomes a vector, where not by the network's own way.

    Raises:
        InputError: a layer that is not there; bf16 asked of a network that loses too much in it, or says so
            (`exactly`).
    """
    low = precision.startswith("int8:")
    check_choice("--precision", "int8" if low else precision, PRECISIONS)
    layers = len(encoder.feature_info)
    if isinstance(layer, int) and encoder.no_maps:
        raise InputError(encoder.no_maps)
    if isinstance(layer, int) and not -layers <= layer < layers:
        raise bad("--layer", layer, f"a whole number from 0 to {layers - 1} (or from the end, -{layers} to -1)")
    place, network = pick_device(device), Pixels(encoder, layer, pooled).eval()
    if why := getattr(encoder.network, "exactly", ""):
        if precision not in ("auto", "fp32"):
            raise bad("--precision", precision, f"auto or fp32, as {encoder.name} {why}")
        return TorchRunner(network, place, "fp32", why)
    if precision.startswith("int8") and (place != "cpu" or not low):
        raise bad("--precision", f"{precision} on {place}", "int8:NAME on a CPU", "Use auto, or --device cpu.")
    if place != "cpu":
        return TorchRunner(network, place, pick_precision(precision, place))
    from .openvino_library import has_bf16
    from .openvino_runner import OpenVINORunner

    if precision == "bf16" and not has_bf16():
        raise bad("--precision", "bf16", "a precision that this processor has", "Use auto or fp32.")
    wanted = ["bf16", "fp32"] if precision == "auto" and has_bf16() else ["fp32" if precision == "auto" else precision]
    encoder.to("cpu")
    notes: list[str] = []
    for chosen in wanted:
        try:
            return OpenVINORunner(network, size, batch, chosen, key, "; ".join(dict.fromkeys(notes)))
        except RunError as error:
            if precision == "bf16":
                raise bad("--precision", "bf16", "a precision that this network bears", f"{error}.") from error
            if low:
                raise
            notes.append(str(error))
    return TorchRunner(network, place, "fp32", "; ".join(dict.fromkeys(notes)))
