"""A network's graph in int8: quantised after training by nncf, calibrated on pictures, kept in the cache folder.

What follows each product is folded into it first (batch norms above all): on EfficientNet-Lite0 that is the difference
between a mean cosine to fp32 of 0.93 and one of 0.98, and between depthwise layers left in fp32 and all in int8.
"""

import contextlib
import io
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError, RunError, bad
from .openvino_files import keep, kept
from .openvino_graph import PRODUCTS, compile_graph
from .openvino_library import core, folder, library
from .preprocess import Size
from .processor import features

_NAME = re.compile(r"[0-9a-f]{12}(-\d\d)?")
SCHEME = "biases layer by layer"  # of `quantise`; part of a calibration's name, so that another scheme makes it anew
_ATTENTION = ("ScaledDotProductAttention", "SoftMax", "Softmax")


def installed() -> bool:
    """Whether nncf, which quantises, is there."""
    return find_spec("nncf") is not None


def need_nncf() -> None:
    """Say how to install nncf where it is missing."""
    if not installed():
        raise InputError("--precision int8: needs nncf, which is not installed: pip install 'regard[int8]'")


def place(key: str, name: str) -> Path:
    """Where the graph of a network, calibrated on the pictures that `name` stands for, is kept.

    Raises:
        InputError: a name of another form, such as a path: it may come from a card.
    """
    if not _NAME.fullmatch(name):
        raise bad("--precision", repr(f"int8:{name}"), "int8:NAME with a name as `embed` tells it", "Use int8.")
    return folder() / f"{key}-int8-{name}.xml"


def compiled_int8(size: Size, batch: int, key: str, name: str) -> Any:
    """Compile a graph that was kept.

    Raises:
        InputError: this machine's cache has none of that name for the network.
    """
    there = kept(place(key, name))
    if there is None:
        raise bad(
            "--precision",
            f"int8:{name}, which this machine's cache does not hold for this network",
            "a network that was quantised here",
            "Embed the same images again with --precision int8, or make all vectors anew with auto.",
        )
    return compile_graph(*there, 1.0, size, batch)


def quantise(
    graph: ET.Element, weights: bytes, pictures: np.ndarray, path: Path, share: float = 0.0
) -> tuple[ET.Element, bytes]:
    """Quantise a graph in fp32 with the ranges that its layers take on pictures, and keep it at `path`.

    Weights by channel and symmetric, activations asymmetric where they have both signs (nncf's preset MIXED, and its
    scheme for transformers where the graph has attention); biases corrected layer by layer, each on what the layers
    before it give in int8, which takes twice as long as nncf's usual way and keeps more of the neighbours. Weights have
    all eight bits where the processor has VNNI; without it sums of eight-bit products overflow, and nncf leaves the
    first layers one bit less.

    Args:
        graph: as OpenVINO writes it.
        weights: likewise.
        pictures: (n, 3, H, W) uint8.
        path: where to keep it.
        share: of the network's products (convolutions, matrix products) that stay in fp32, from the first on.

    Raises:
        RunError: nncf cannot quantise it.
    """
    library()  # first, as it keeps nncf's telemetry out, too
    import nncf
    from openvino._offline_transformations import apply_moc_transformations

    attends = any(layer.get("type") in _ATTENTION for layer in graph.iterfind("layers/layer"))
    with _silence():
        try:
            model = core().read_model(ET.tostring(graph, encoding="unicode").encode(), weights)
            apply_moc_transformations(model, cf=False)
            products = [op.get_friendly_name() for op in model.get_ordered_ops() if op.get_type_name() in PRODUCTS]
            exact = products[: round(share * len(products))]
            low = nncf.quantize(
                model,
                nncf.Dataset([picture[None] for picture in pictures]),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(pictures),
                ignored_scope=nncf.IgnoredScope(names=exact) if exact else None,
                model_type=nncf.ModelType.TRANSFORMER if attends else None,
                fast_bias_correction=False,
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    overflow_fix=nncf.OverflowFix.DISABLE if "VNNI" in features() else nncf.OverflowFix.FIRST_LAYER
                ),
            )
        except Exception as error:  # nncf and OpenVINO raise errors of many types
            raise RunError(f"nncf cannot quantise the network: {error}") from error
        return keep(low, path)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without nncf's bars and its log, which go to standard output, where `--json` writes."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
