"""OpenVINO: an .xml with its .bin, labels in its `rt_info`; the fastest on Intel's processors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import RunError
from ...representation.openvino_groups import GroupsInSteps
from ...representation.openvino_library import core, library
from .check import Given
from .graph import INPUT, Exportable
from .to_torchscript import traced

SUFFIXES = (".xml",)


def needed() -> None:
    """OpenVINO comes with regard."""


def write(graph: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph in full precision; raise RunError where OpenVINO cannot convert it."""
    openvino = library()
    # the frontend itself, as in openvino_files
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with GroupsInSteps():
            made = traced(graph)
        decoder = TorchScriptPythonDecoder(made, example_input=(graph.example(),))  # outlives the conversion
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
        shape = [graph.batch, -1, -1, 3] if graph.layout == "nhwc" else [graph.batch, 3, -1, -1]
        model.reshape({model.inputs[0]: openvino.PartialShape(shape)})
        model.inputs[0].set_names({INPUT})
        for output, name in zip(model.outputs, graph.outputs):
            output.set_names({name})
        for key, value in metadata.items():
            model.set_rt_info(value, key)
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise RunError(f"OpenVINO cannot convert this network: {error}") from error


def reader(path: Path, graph: Exportable) -> Given:
    """What OpenVINO gives for pictures (n, h, w, 3), in fp32."""
    compiled: Any = core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(images: np.ndarray) -> list[np.ndarray]:
        found = compiled(graph.laid_out(images))
        return [np.array(found[name]) for name in graph.outputs]

    return run
