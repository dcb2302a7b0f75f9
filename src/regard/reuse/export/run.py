"""From a run or a representation to a file that needs no regard: written beside, compared with torch, then put there.

ONNX, OpenVINO and TorchScript hold everything: uint8 pictures of any size go in, and resize, crop, normalisation,
network, pooling, whitening and classifier, or the head of a dense task, are inside. A timm folder holds network and
classifier.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import bad, check_choice
from ...core.leftovers import empty
from ...core.runtime import measured
from ...core.storage import write_json
from ...representation.classifier import Classifier, has_classifier, read_classifier
from ...representation.representation import Representation
from ...representation.transform.steps import Chain
from . import to_timm
from .check import agreement, insist
from .dense import export_dense, is_dense
from .files import Exported, beside, check_file, input_of, metadata, put, signed
from .graph import LAYOUTS, Graph, frozen

FORMATS = ("onnx", "openvino", "timm", "torchscript")


def export(
    source: str | Path,
    out: str | Path,
    format: str = "onnx",
    *,
    layout: str = "nhwc",
    some: Sequence[np.ndarray] | None = None,
) -> Exported:
    """Write a run or a representation in another program's form, and check it on real pictures against torch.

    Args:
        source: a run's folder, whose classifier goes along, or a representation by name or folder.
        out: the file (.onnx, .xml, .pt) or, for timm, a new or empty folder. A card of the name OUT.json stands beside
            a file.
        format: onnx | openvino | timm | torchscript.
        layout: nhwc | nchw, of the input; timm's is its own.
        some: pictures (h, w, 3) uint8 to check with; None: those that come with the packages.

    Raises:
        InputError: unknown names, a file name without the format's ending, what the format has no place for.
        RunError: the network cannot be converted, or what was written departs from torch (smallest cosine under
            0.9999, another label, other objects); nothing is left then.
    """
    check_choice("--format", format, FORMATS)
    check_choice("--layout", layout, LAYOUTS)
    target = Path(out).expanduser()
    kind = None if format == "timm" else import_module(f".to_{format}", __package__)
    if kind is not None:
        kind.needed()
        check_file(target, kind.SUFFIXES, format)
    elif target.exists() and not (target.is_dir() and empty(target)):
        raise bad("--out", f"{str(target)!r}, which is there already", "a new or empty folder")
    if is_dense(source):
        return export_dense(source, target, format, kind, layout, some)
    rep = Representation.load(source)
    classifier = read_classifier(source, "RUN") if has_classifier(source) else None
    if kind is None:
        to_timm.refuse(rep)
    with measured() as cost, beside(target) as folder:
        if kind is None:
            about = _about(rep, classifier, format, None)
            made = folder / target.name
            to_timm.write(rep, classifier, made, about)
            found = insist("export", agreement(to_timm.reader(made, rep), rep, classifier, some))
            card = about | {"check": found.as_dict()}
            write_json(made / "export.json", card)
        else:
            graph = frozen(Graph(rep, classifier, layout))
            about = _about(rep, classifier, format, graph)
            made = folder / target.name
            kind.write(graph, made, metadata(about))
            found = insist("export", agreement(kind.reader(made, graph), rep, classifier, some))
            card = about | {"check": found.as_dict()}
            write_json(folder / f"{target.name}.json", card)
        files = put(folder, target)
    return Exported(target, files, card, found, cost.seconds)


def _about(rep: Representation, classifier: Classifier | None, format: str, graph: Graph | None) -> dict[str, Any]:
    """What the export is, what it takes and gives: plain values."""
    found: dict[str, Any] = {
        "format": format,
        "name": rep.name,
        "fingerprint": rep.fingerprint,
        "network": rep.encoder.name,
        "preprocess": rep.preprocess.as_dict(),
        "mean": list(rep.encoder.config["mean"]),
        "std": list(rep.encoder.config["std"]),
    }
    if rep.encoder.ends:
        found["layer"] = rep.encoder.ends
    if rep.pooled is not None:
        found["pooling"] = rep.pooled.state()[0]
    if rep.transform is not None:
        steps = rep.transform.steps if isinstance(rep.transform, Chain) else (rep.transform,)
        found["transform"] = [step.kind for step in steps]
    if classifier is not None:
        found["labels"] = list(classifier.classes)
    if graph is not None:
        found["input"] = input_of(graph)
        found["inside"] = "resize, crop, normalisation, network, pooling, transform, classifier, softmax"
        found["outputs"] = list(graph.outputs)
    return signed(found)
