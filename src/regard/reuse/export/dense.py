"""A run of a dense task as a file that needs no regard: boxes, masks, maps of classes or of depth from uint8 pictures.

ONNX comes from a trace, too: `torch.export` knows no shapes that follow from what is found.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import bad
from ...core.reading import read_json
from ...core.runtime import measured
from ...core.storage import write_json
from ...representation.folder_records import read_card
from ..dense.model import DenseModel
from ..dense.stages import in_stages
from . import to_onnx
from .dense_check import agreement, insist
from .dense_graph import DenseGraph
from .files import Exported, beside, input_of, metadata, put, signed
from .graph import frozen

INSIDE = {
    "boxes": "letterbox, normalisation, network, head, non-maximum suppression",
    "masks": "letterbox, normalisation, network, head, non-maximum suppression, masks put into the picture",
    "semantic": "letterbox, normalisation, network, head, the class of each pixel of the picture",
    "depth": "letterbox, normalisation, network, head, the depth of each pixel of the picture in metres",
}
HEADS = "Faster R-CNN, Mask R-CNN, FCOS and the heads for classes and depth of pixels have one."
ONE = "one picture at a time, as each has its own number of objects"
VISION = "torchvision must be there (`import torchvision`) before torch.jit.load: its operators are inside"


def is_dense(source: str | Path) -> bool:
    """Whether a folder's card speaks of a dense task."""
    path = Path(source) / "card.json"
    card = read_json(path) if path.is_file() else None
    task = card.get("task") if isinstance(card, dict) else None
    return isinstance(task, dict) and task.get("name") == "dense"


def export_dense(
    source: str | Path, target: Path, format: str, kind: Any, layout: str, some: Sequence[np.ndarray] | None = None
) -> Exported:
    """Write a dense run, and check it against torch; the arguments are those of `run.export`.

    Raises:
        InputError: timm's form, which has no place for a dense head.
        RunError: the network cannot be converted, or what was written finds something else; nothing is left then.
    """
    if kind is None:
        raise bad(
            "--format", "timm for a run of a dense task", "a network by itself", "Use onnx, openvino, torchscript."
        )
    model = DenseModel.load(source)
    if not in_stages(model.head):
        raise bad("--format", f"{format} for a run of {model.objective.kind}", "a head that has a form there", HEADS)
    if model.objective.kind == "smp:upernet" and format == "onnx":
        raise bad("--format", "onnx for a run of smp:upernet", "openvino or torchscript, which have its averages")
    with measured() as cost, beside(target) as folder:
        graph = frozen(DenseGraph(model, layout))
        about = _about(read_card(Path(source)), model, format, graph)
        made = folder / target.name
        write = to_onnx.write_traced if format == "onnx" else kind.write
        write(graph, made, metadata(about))
        found = insist(agreement(kind.reader(made, graph), model, graph, some))
        card = about | {"check": found.as_dict()}
        write_json(folder / f"{target.name}.json", card)
        files = put(folder, target)
    return Exported(target, files, card, found, cost.seconds)


def _about(card: dict[str, Any], model: DenseModel, format: str, graph: DenseGraph) -> dict[str, Any]:
    """What the export is, what it takes and gives: plain values."""
    objective, encoder = model.objective, model.encoder
    notes = ([ONE] if graph.batch == 1 else []) + ([VISION] if format == "torchscript" and graph.batch == 1 else [])
    return signed(
        {
            "format": format,
            "name": card["name"],
            "fingerprint": card["fingerprint"],
            "network": encoder.name,
            "task": objective.what,
            "head": objective.kind,
            "size": objective.size,
            "mean": list(encoder.config["mean"]),
            "std": list(encoder.config["std"]),
            "labels": list(objective.names),
            "input": input_of(graph),
            "inside": INSIDE[objective.what],
            "outputs": list(graph.outputs),
            "notes": notes,
        }
    )
