"""ONNX: one file, its labels in `metadata_props`; read by onnxruntime, OpenVINO, TensorRT and many others."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import InputError, RunError
from .check import Given
from .graph import INPUT, Exportable

SUFFIXES = (".onnx",)
_OPSET = 18  # of what is traced: the first with all that is used is 16
_LARGEST = 1_900_000_000  # bytes; a file of protobuf holds no more, and weights beyond it go beside


def needed() -> None:
    """Raise InputError where the extra is not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise InputError(f"--format onnx: needs {', '.join(missing)}. Install them with pip install 'regard[onnx]'.")


def write(graph: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph; the number of pictures, their height and their width stay open.

    Raises:
        RunError: torch cannot export the network.
    """
    import torch

    size = sum(value.numel() * value.element_size() for value in graph.state_dict().values())
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [log.level for log in logs]
    try:
        for log in logs:
            log.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                (graph.example(),),
                dynamo=True,
                dynamic_shapes=(_open(graph.layout),),
                input_names=[INPUT],
                output_names=list(graph.outputs),
                external_data=size > _LARGEST,
                verbose=False,
            )
            assert program is not None
            program.model.metadata_props.update(metadata)
            program.save(path, external_data=size > _LARGEST)
    except Exception as error:  # torch.export fails in many ways
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise RunError(f"torch cannot export this network to ONNX ({type(error).__name__}: {first})") from error
    finally:
        for log, level in zip(logs, levels):
            log.setLevel(level)


def write_traced(graph: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a graph whose shapes follow from what it computes, which `torch.export` does not take, from a trace.

    Raises:
        RunError: torch cannot export the network.
    """
    import onnx
    import torch

    places = (0, 1, 2) if graph.layout == "nhwc" else (0, 2, 3)
    open_axes = {at: name for at, name in zip(places, ("batch", "height", "width")) if at or graph.batch == -1}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                (graph.example(),),
                path,
                dynamo=False,
                opset_version=_OPSET,
                input_names=[INPUT],
                output_names=list(graph.outputs),
                dynamic_axes={INPUT: open_axes},
            )
        model = onnx.load(path)
        onnx.helper.set_model_props(model, dict(metadata))
        onnx.save(model, path)
    except Exception as error:  # each operator fails in its own way
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise RunError(f"torch cannot export this network to ONNX ({type(error).__name__}: {first})") from error


def reader(path: Path, graph: Exportable) -> Given:
    """What onnxruntime gives for pictures (n, h, w, 3)."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(images: np.ndarray) -> list[np.ndarray]:
        return list(session.run(list(graph.outputs), {INPUT: graph.laid_out(images)}))

    return run


def _open(layout: str) -> dict[int, Any]:
    from torch.export import Dim

    return {axis: Dim.DYNAMIC for axis in ((0, 1, 2) if layout == "nhwc" else (0, 2, 3))}
