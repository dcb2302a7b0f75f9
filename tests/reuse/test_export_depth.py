"""A run for depth as ONNX, OpenVINO and TorchScript: other runtimes tell the depth that torch tells."""

import numpy as np
import pytest

from helpers.dense import dense_run
from regard.core.storage import read_json
from regard.data.scenes import scenes
from regard.reuse.dense.model import DenseModel
from regard.reuse.export.run import export

FILES = {"onnx": "run.onnx", "openvino": "run.xml", "torchscript": "run.pt"}


@pytest.mark.parametrize(
    "format_, kind",
    [("onnx", "bins"), ("openvino", "log"), ("torchscript", "bins"), ("onnx", "convex"), ("openvino", "convex")],
)
def test_other_runtimes_tell_the_same_depth(tmp_path, format_: str, kind: str) -> None:
    run = dense_run(tmp_path / "run", "depth", kind, statistics={"limits": (1.0, 9.0)})
    pictures = [np.asarray(item)[: 40 + row] for row, item in enumerate(scenes(2, size=48).items)]
    made = export(run, tmp_path / FILES[format_], format_, some=pictures)
    card = read_json(tmp_path / f"{FILES[format_]}.json")
    assert card["outputs"] == ["depth"] and card["input"]["shape"][0] == "batch" and card["labels"] == []
    assert made.agreement.pixels == 1.0 and DenseModel.load(run).objective.kind == card["head"]
