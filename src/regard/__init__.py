"""regard: create visual representations, reuse them, adapt them, keep them, and measure what each step was worth."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name -> module. Loaded on first use, so that `import regard` does not import torch.
_PUBLIC = {
    "Embeddings": "regard.representation.embeddings",
    "TrainSettings": "regard.learning.settings",
    "UNKNOWN": "regard.adapt.contract",
    "compare": "regard.adapt.worth.run",
    "split": "regard.data.sampling",
    "Representation": "regard.representation.representation",
    "embed": "regard.representation.embed",
    "open_images": "regard.data.sources",
    "InputError": "regard.core.checks",
    "RunError": "regard.core.checks",
    "train": "regard.create.run",
    "probe": "regard.reuse.probe",
    "finetune": "regard.reuse.finetune",
    "predict": "regard.reuse.predict",
    "export": "regard.reuse.export.run",
    "SearchIndex": "regard.reuse.search.index.search_index",
    "adapter": "regard.adapt.worth.run",
    "shift": "regard.adapt.shift.measure",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'regard' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
