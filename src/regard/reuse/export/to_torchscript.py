"""TorchScript: one file that torch reads without regard, in Python and in C++; labels in its extra file."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.checks import RunError
from .check import Given
from .graph import Exportable

SUFFIXES = (".pt", ".ts")


def needed() -> None:
    """Torch comes with regard."""


def traced(graph: Exportable) -> Any:
    """The graph as torch.jit traces it; raises RunError where it cannot."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing warns of every Python branch on a shape, and of its own age
        try:
            return torch.jit.trace(graph, graph.example(), check_trace=False)
        except Exception as error:  # whatever a network does
            raise RunError(f"torch.jit cannot trace this network: {error}") from error


def write(graph: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    """Write the graph; `metadata` goes into extra files of the names NAME.json."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(traced(graph), str(path), {f"{name}.json": text for name, text in metadata.items()})


def reader(path: Path, graph: Exportable) -> Given:
    """What torch gives for pictures (n, h, w, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path), map_location="cpu")

    @torch.inference_mode()
    def run(images: np.ndarray) -> list[np.ndarray]:
        found = module(torch.from_numpy(graph.laid_out(images)))
        return [value.numpy() for value in (found if isinstance(found, tuple) else (found,))]

    return run
