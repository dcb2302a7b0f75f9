"""From a run or a representation to a file that needs no regard: written beside, compared with torch, then put there.

ONNX, OpenVINO and TorchScript hold everything: uint8 pictures of any size go in, and resize, crop, normalisation,
network, pooling, whitening and classifier are inside. A timm folder holds network and classifier.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from json import dumps
from pathlib import Path
from secrets import token_hex
from typing import Any

import torch

from ... import __version__
from ...core.checks import bad, check_choice
from ...core.runtime import measured
from ...core.storage import plain, write_json
from ...representation.classifier import Classifier, has_classifier, read_classifier
from ...representation.representation import Representation
from ...representation.transform.steps import Chain
from . import to_timm
from .check import Agreement, agreement, insist
from .graph import INPUT, LAYOUTS, Graph, frozen

FORMATS = ("onnx", "openvino", "timm", "torchscript")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        files: all files, the card among them.
        card: what it is, what it takes and gives, and how it agrees with torch.
        agreement: the check on real pictures.
        seconds: of all of it.
    """

    path: Path
    files: tuple[Path, ...]
    card: dict[str, Any]
    agreement: Agreement
    seconds: float


def export(source: str | Path, out: str | Path, format: str = "onnx", *, layout: str = "nhwc") -> Exported:
    """Write a run or a representation in another program's form, and check it on real pictures against torch.

    Args:
        source: a run's folder, whose classifier goes along, or a representation by name or folder.
        out: the file (.onnx, .xml, .pt) or, for timm, a new or empty folder. A card of the name OUT.json stands beside
            a file.
        format: onnx | openvino | timm | torchscript.
        layout: nhwc | nchw, of the input; timm's is its own.

    Raises:
        InputError: unknown names, a file name without the format's ending, what the format has no place for.
        RunError: the network cannot be converted, or what was written departs from torch (smallest cosine under
            0.9999, or another label); nothing is left then.
    """
    check_choice("--format", format, FORMATS)
    check_choice("--layout", layout, LAYOUTS)
    target = Path(out).expanduser()
    kind = None if format == "timm" else import_module(f".to_{format}", __package__)
    if kind is not None:
        kind.needed()
        _check_file(target, kind.SUFFIXES, format)
    elif target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise bad("--out", f"{str(target)!r}, which is there already", "a new or empty folder")
    rep = Representation.load(source)
    classifier = read_classifier(source, "RUN") if has_classifier(source) else None
    if kind is None:
        to_timm.refuse(rep)
    with measured() as cost, _beside(target) as folder:
        if kind is None:
            about = _about(rep, classifier, format, None)
            made = folder / target.name
            to_timm.write(rep, classifier, made, about)
            found = insist("export", agreement(to_timm.reader(made, rep), rep, classifier))
            card = about | {"check": found.as_dict()}
            write_json(made / "export.json", card)
        else:
            graph = frozen(Graph(rep, classifier, layout))
            about = _about(rep, classifier, format, graph)
            made = folder / target.name
            kind.write(graph, made, _metadata(about))
            found = insist("export", agreement(kind.reader(made, graph), rep, classifier))
            card = about | {"check": found.as_dict()}
            write_json(folder / f"{target.name}.json", card)
        files = _put(folder, target)
    return Exported(target, files, card, found, cost.seconds)


def _check_file(target: Path, suffixes: tuple[str, ...], format: str) -> None:
    if target.suffix not in suffixes:
        raise bad("--out", repr(target.name), f"a file that ends in {' or '.join(suffixes)}, for {format}")
    if target.is_dir():
        raise bad("--out", f"{str(target)!r}, which is a folder", "a file")


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
    if rep.pooled is not None:
        found["pooling"] = rep.pooled.state()[0]
    if rep.transform is not None:
        steps = rep.transform.steps if isinstance(rep.transform, Chain) else (rep.transform,)
        found["transform"] = [step.kind for step in steps]
    if classifier is not None:
        found["labels"] = list(classifier.classes)
    if graph is not None:
        shape = ["batch", "height", "width", 3] if graph.layout == "nhwc" else ["batch", 3, "height", "width"]
        found["input"] = {
            "name": INPUT,
            "type": "uint8",
            "layout": graph.layout,
            "shape": shape,
            "pixels": "RGB in sRGB, upright, of any height and width; all of a batch have one size",
        }
        found["inside"] = "resize, crop, normalisation, network, pooling, transform, classifier, softmax"
        found["outputs"] = list(graph.outputs)
    return plain(found | {"made_with": {"regard": __version__, "torch": str(torch.__version__)}})


def _metadata(about: dict[str, Any]) -> dict[str, str]:
    """What goes into the file itself: `regard`, all of it as JSON, and `labels`, a JSON list, where there are some."""
    found = {"regard": dumps(about, ensure_ascii=False)}
    return found | ({"labels": dumps(about["labels"], ensure_ascii=False)} if "labels" in about else {})


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A folder beside the target, which is gone at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f".{target.name}.{os.getpid()}-{token_hex(3)}.tmp")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(folder: Path, target: Path) -> tuple[Path, ...]:
    """Move what was written to its place, the card last."""
    if (folder / target.name).is_dir():
        if target.is_dir():
            target.rmdir()
        os.replace(folder / target.name, target)
        return tuple(sorted(target.iterdir()))
    made = sorted(folder.iterdir(), key=lambda path: (path.suffix == ".json", path.name == target.name, path.name))
    for path in made:
        os.replace(path, target.with_name(path.name))
    return tuple(target.with_name(path.name) for path in made)
