"""Networks as OpenVINO graphs: compiled in fp32, bf16, or bf16 after a start in fp32, and checked against torch.

The first layers of a network carry most of the harm that bf16 does (EfficientNet-Lite0 on low-contrast photographs:
cosine 0.98 with all in bf16, 0.998 with the first fifth of its layers in fp32, at three quarters of the speed). So
bf16 starts where a graph agrees with torch on a set of check pictures, hard ones among them.
"""

import xml.etree.ElementTree as ET
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..core.checks import RunError
from ..core.storage import read_json, write_json
from .openvino_files import traced
from .openvino_library import core, folder, machine
from .preprocess import Size, sides

if TYPE_CHECKING:
    from openvino import CompiledModel

# smallest cosine to torch in fp32, over the check pictures, of a graph that is used
FLOOR = {"bf16": 0.997, "fp32": 0.9999}
# shares of the network's products that stay in fp32 when bf16 is asked for, tried in turn
STARTS = (0.0, 0.1, 0.2, 0.3, 0.5)
PRODUCTS = ("Convolution", "GroupConvolution", "MatMul")
# Of a small network compiling takes longer than some hundred images, and a verb may make several passes with one: the
# last graphs that were compiled stay in memory where their weights have at most so many bytes.
KEPT, SMALL = 2, 64 * 2**20
_last: dict[tuple[Any, ...], tuple[Any, float]] = {}


def compiled(network: nn.Module, size: Size, batch: int, precision: str, key: str) -> tuple[Any, float]:
    """Compile a network for batches (batch, 3, height, width) of uint8, and check it.

    Returns the compiled graph, and the share of its products that stay in fp32.

    Raises:
        RunError: OpenVINO cannot convert the network, or it departs from torch.
    """
    stored = folder() / f"{key}.xml"
    place = (key, size, batch, precision, machine())
    pictures = check_pictures(size)
    with torch.inference_mode():
        exact = network(torch.from_numpy(pictures)).numpy()
    if place in _last and cosines(outputs(_last[place][0], pictures, batch), exact).min() >= FLOOR[precision]:
        return _last[place]
    graph, weights = traced(network, size, stored)
    # which start agrees depends on the processor, too
    remembered = stored.with_name(f"{key}-{batch}-{machine()}.json")
    starts: tuple[float, ...] = STARTS if precision == "bf16" else (1.0,)
    agreement = 0.0
    if precision == "bf16" and (known := _remembered(remembered)):
        first, agreement = known
        starts = tuple(start for start in STARTS if start >= first)
    for start in starts:
        made = compile_graph(graph, weights, start, size, batch)
        agreement = float(cosines(outputs(made, pictures, batch), exact).min())
        if agreement >= FLOOR[precision]:
            if precision == "bf16":
                remember(remembered, {"fp32_share": start, "cosine": agreement})
            if key and len(weights) <= SMALL:
                _last.pop(place, None)
                for oldest in list(_last)[: len(_last) + 1 - KEPT]:
                    _last.pop(oldest, None)
                _last[place] = made, start
            return made, start
    if precision == "bf16":
        remember(remembered, {"fp32_share": 1.0, "cosine": agreement})  # not to be tried again
    raise RunError(f"OpenVINO in {precision} departs from torch (cosine {agreement:.5f} on the check pictures)")


def check_pictures(size: Size) -> np.ndarray:
    """Eight pictures (8, 3, height, width) uint8 that differ in what is hard for low precision.

    Smooth waves in colour, a texture, a page of strokes, stars on black, a ramp, and three of faint contrast.
    """
    rng = np.random.default_rng(0)
    height, width = sides(size)
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    grain = rng.normal(0, 1, (height, width))
    soft = sum(np.roll(grain, (i, j), (0, 1)) for i in range(3) for j in range(3)) / 3
    waves = np.stack([np.sin(6 * x + 3 * y), np.cos(5 * y), np.sin(9 * x * y)])
    grey = [
        128 + 55 * soft,
        255 * (np.sin(40 * y) + 0.5 * grain < 0.9),
        255.0 * (grain > 3),
        255 * x,
        128 + 6 * soft,
        90 + 10 * x + 2 * grain,
        200 - 25 * np.hypot(x - 0.5, y - 0.5) + 3 * soft,
    ]
    pictures = [waves * 90 + 128, *(np.repeat(picture[None], 3, 0) for picture in grey)]
    return np.clip(np.stack(pictures), 0, 255).astype(np.uint8)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of each row of a to the same row of b, (n,); 1 where both are zero."""
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    same = np.all(a == b, axis=1)
    return np.where(norms > 0, (a * b).sum(1) / np.maximum(norms, 1e-30), same)


def filled(pixels: np.ndarray, batch: int) -> np.ndarray:
    """Fill a short batch up with blanks, so that every call has the same size."""
    if len(pixels) == batch:
        return np.ascontiguousarray(pixels)
    whole = np.zeros((batch, *pixels.shape[1:]), np.uint8)
    whole[: len(pixels)] = pixels
    return whole


def outputs(made: "CompiledModel", pictures: np.ndarray, batch: int) -> np.ndarray:
    """Vectors (n, D) of pictures (n, 3, H, W) uint8 through a compiled graph."""
    parts = [pictures[at : at + batch] for at in range(0, len(pictures), batch)]
    return np.concatenate([made([filled(part, batch)])[0][: len(part)].copy() for part in parts])


def compile_graph(graph: ET.Element, weights: bytes, start: float, size: Size, batch: int) -> Any:
    """Compile for batches of one size, with the first share `start` of the products in fp32 and the rest in bf16."""
    marked = _with_exact_start(graph, start) if 0 < start < 1 else graph
    try:
        model = core().read_model(ET.tostring(marked, encoding="unicode").encode(), weights)
        model.reshape([batch, 3, *sides(size)])
        hint = "f32" if start == 1 else "bf16"
        return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "THROUGHPUT"})
    except RuntimeError as error:
        raise RunError(f"OpenVINO cannot compile the network: {error}") from error


def _with_exact_start(graph: ET.Element, share: float) -> ET.Element:
    """The layers before the product at `share` of all products stay in fp32."""
    layers = list(graph.iterfind("layers/layer"))
    products = [at for at, layer in enumerate(layers) if layer.get("type") in PRODUCTS]
    end = products[round(share * len(products))] if products else len(layers)
    return with_exact(graph, range(end))


def with_exact(graph: ET.Element, places: Collection[int]) -> ET.Element:
    """A copy in which the layers at these places are marked as `precise`, which the CPU plugin obeys."""
    root = ET.fromstring(ET.tostring(graph))
    for place, layer in enumerate(root.iterfind("layers/layer")):
        if place not in places or layer.get("type") in ("Const", "Parameter", "Result"):
            continue
        info = layer.find("rt_info")
        if info is None:
            info = ET.Element("rt_info")
            layer.insert(0 if layer.find("data") is None else 1, info)
        ET.SubElement(info, "attribute", {"name": "precise", "version": "0"})
    return root


def remember(path: Path, what: dict[str, Any]) -> None:
    """Write what was measured, for the next time, where that can be written."""
    with suppress(OSError):
        write_json(path, what)


def _remembered(path: Path) -> tuple[float, float] | None:
    """The share in fp32 that was found to agree, and how well; None where that is not known or damaged."""
    try:
        known = read_json(path)
        share, cosine = float(known["fp32_share"]), float(known["cosine"])
    except (OSError, LookupError, TypeError, ValueError, RecursionError):
        return None
    fits = share in (*STARTS, 1.0) and (cosine >= FLOOR["bf16"]) == (share < 1)
    return (share, cosine) if fits else None
