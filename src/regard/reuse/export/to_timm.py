"""timm: a folder that `timm.create_model("local-dir:FOLDER", pretrained=True)` loads, classifier and all.

timm prepares pictures itself, by the folder's `pretrained_cfg`; so preprocessing is a description here, not a part of
the network, and what timm has no place for (another pooling, whitening) cannot be exported this way.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core.checks import InputError, RunError, bad
from ...core.discover import load, names
from ...core.storage import read_json, save_tensors, write_json
from ...representation import checksums
from ...representation.classifier import Classifier
from ...representation.representation import Representation
from .check import Given


def refuse(rep: Representation) -> None:
    """Raise InputError for a representation that timm has no form for."""
    if not rep.encoder.name.startswith("timm:"):
        raise bad("--format", f"timm for {rep.encoder.name}", "a network of timm", "Use onnx, openvino or torchscript.")
    if norm := rep.encoder.config.get("norm"):
        what = f"timm for {rep.encoder.name} with --norm {norm}"
        raise bad("--format", what, "a network as timm builds it", "Use onnx, openvino or torchscript.")
    if rep.pooled is not None or rep.transform is not None or rep.encoder.ends:
        what = "pools" if rep.pooled is not None else "whitens" if rep.transform is not None else "ends"
        raise bad(
            "--format",
            f"timm for {rep.name}, which {what} in a way of its own",
            "a network with its own pooling and no transform",
            "Use onnx, openvino or torchscript, which hold all of it.",
        )


def write(rep: Representation, classifier: Classifier | None, folder: Path, about: Mapping[str, Any]) -> None:
    """Write `config.json`, `model.safetensors` and `card.json` into a folder.

    Raises:
        InputError: the network has no classifier of a form that a linear one fits.
    """
    rep.save(folder)
    config = read_json(folder / "config.json")
    config.pop("regard")  # timm's own form: size and crop follow from `pretrained_cfg`
    if classifier is not None:
        count = len(classifier.classes)
        config |= {"num_classes": count, "label_names": list(classifier.classes)}
        config["pretrained_cfg"]["num_classes"] = count
        write_json(folder / "config.json", config)
        model = _model(folder, pretrained=False)
        tensors = dict(rep.encoder.network.state_dict())
        tensors |= _head(model, classifier, tensors, rep.encoder.name)
        save_tensors(folder / "model.safetensors", tensors, {"format": "pt"})
    write_json(folder / "config.json", config)
    written = ("config.json", "model.safetensors")
    card = {"name": rep.name, "fingerprint": rep.fingerprint, checksums.KEY: checksums.of_files(folder, written)}
    write_json(folder / "card.json", card | {"exported": dict(about)})


def reader(folder: Path, rep: Representation) -> Given:
    """Logits, or vectors, that timm's network gives for pictures (n, h, w, 3), which are prepared as regard does."""
    model = _model(folder, pretrained=True).eval()
    mean, std = (torch.tensor(rep.encoder.config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))

    @torch.inference_mode()
    def run(images: np.ndarray) -> list[np.ndarray]:
        x = torch.stack([rep.preprocess.apply(torch.from_numpy(one).permute(2, 0, 1)) for one in images])
        return [model((x.float() / 255 - mean) / std).numpy()]

    return run


def _model(folder: Path, pretrained: bool) -> Any:
    import timm

    architecture = read_json(folder / "config.json")["architecture"]
    if architecture in names("backbone"):
        load("backbone", architecture)  # ours are known to timm once they are imported
    try:
        return timm.create_model(f"local-dir:{folder}", pretrained=pretrained)
    except Exception as error:  # each network fails in its own way
        raise RunError(f"timm cannot build {architecture} with a classifier: {error}") from error


def _head(model: nn.Module, classifier: Classifier, own: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of timm's classifier: those of its network that an encoder has not, in their shape."""
    given = {"weight": torch.from_numpy(classifier.weight), "bias": torch.from_numpy(classifier.bias)}
    found = {}
    for key, value in model.state_dict().items():
        if key in own:
            continue
        part = given.get(key.rpartition(".")[2])
        if part is None or part.numel() != value.numel():
            raise InputError(
                f"--format timm: {name} has a classifier that no linear one fits ({key} of shape "
                f"{tuple(value.shape)}). Use onnx, openvino or torchscript."
            )
        found[key] = part.reshape(value.shape)
    return found
