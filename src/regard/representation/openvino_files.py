"""Graphs of networks in fp32: traced once, and kept in the cache folder with a hash that tells damage."""

import re
import shutil
import warnings
import xml.etree.ElementTree as ET
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..core.checks import RunError
from ..core.leftovers import clear, name_beside
from ..core.storage import hash_bytes
from .openvino_groups import GroupsInSteps
from .openvino_library import library
from .preprocess import Size, sides

if TYPE_CHECKING:
    from openvino import Model


def traced(network: nn.Module, size: Size, path: Path) -> tuple[ET.Element, bytes]:
    """The graph of a network in fp32 and its weights, as they were kept at `path`, or traced and kept there.

    Raises:
        RunError: OpenVINO cannot convert the network.
    """
    return traced_with(network, torch.zeros(2, 3, *sides(size), dtype=torch.uint8), path, network.encoder.name)


def traced_with(network: nn.Module, example: torch.Tensor, path: Path, name: str) -> tuple[ET.Element, bytes]:
    """The same of any module of one tensor; `name` tells it in messages."""
    try:
        return kept(path) or _trace(network, example, path)
    except Exception as error:  # torch.jit and OpenVINO raise errors of many types
        raise RunError(f"OpenVINO cannot convert {name}: {error}") from error


def kept(path: Path) -> tuple[ET.Element, bytes] | None:
    """A graph and its weights as they were written, of this network; None where they are not there, or damaged."""
    try:
        words, weights = path.read_bytes(), path.with_suffix(".bin").read_bytes()
        whole = path.with_suffix(".hash").read_bytes() == hash_bytes(words, weights).encode()
        graph = ET.fromstring(words) if whole else None
    except (OSError, ET.ParseError):
        return None
    return (graph, weights) if graph is not None and graph.get("name") == path.stem else None


def keep(model: "Model", path: Path) -> tuple[ET.Element, bytes]:
    """Write a model to `path`, for the next time, and give its graph and weights.

    A cache is never a reason to fail: where nothing can be written there, nothing is kept.

    Raises:
        OSError: there is no folder at all that can be written to.
    """
    model.set_friendly_name(path.stem)  # so that the files of another network are told under its name
    words, weights = _written(model, path)
    return ET.fromstring(words), weights


def _trace(network: nn.Module, example: torch.Tensor, path: Path) -> tuple[ET.Element, bytes]:
    """The graph of a network and its weights, which are kept for the next time."""
    library()
    # the frontend itself: openvino.convert_model wraps it in a tool's reporting and checks
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every Python branch on a shape
        with GroupsInSteps():
            traced = torch.jit.trace(network, example, check_trace=False)
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced, example_input=(example,))  # must outlive the conversion
        return keep(frontend.convert(frontend.load(decoder)), path)


def _written(model: "Model", path: Path) -> tuple[bytes, bytes]:
    """A graph and its weights as OpenVINO writes them, kept for the next time where the cache folder can be written to.

    Raises:
        OSError: there is no folder at all that can be written to.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear(path.parent)  # what killed processes left
        beside = name_beside(path)
        beside.mkdir()
        try:
            graph, words, weights = _saved(model, beside)
            graph.with_suffix(".hash").write_text(hash_bytes(words, weights))
            for ending in (".bin", ".xml", ".hash"):  # what is half replaced does not fit its hash
                graph.with_suffix(ending).replace(path.with_suffix(ending))
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return words, weights
    with TemporaryDirectory() as folder:
        return _saved(model, Path(folder))[1:]


def _saved(model: "Model", folder: Path) -> tuple[Path, bytes, bytes]:
    graph = folder / "graph.xml"
    try:
        library().save_model(model, graph, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f"no disk has room for its graph ({error})") from error
    words, weights = graph.read_bytes(), graph.with_suffix(".bin").read_bytes()
    ends = re.findall(rb'offset="(\d+)" [^>]*?size="(\d+)"', words)
    if not words.rstrip().endswith(b"</net>") or max(int(at) + int(size) for at, size in ends) > len(weights):
        raise OSError("no disk has room for its graph")  # OpenVINO does not look
    return graph, words, weights
