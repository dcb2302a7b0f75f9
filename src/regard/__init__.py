"""regard: create visual representations, reuse them, adapt them, keep them, and measure what each step was worth.

Each verb of the command line is a function of its name (`regard.probe`, `regard.compare_adapt` ...), found by its file
in `regard/verbs`; `regard.create` and `regard.adapt` are the packages of that name, which can be called.
"""

import os
import warnings
from importlib import import_module
from typing import Any

from .core import moved

__version__ = "0.1.0"

# Public name -> module. Loaded on first use, so that `import regard` does not import torch.
_PUBLIC = {
    "Embeddings": "regard.representation.embeddings",
    "TrainSettings": "regard.learning.settings",
    "UNKNOWN": "regard.adapt.contract",
    "split": "regard.data.sampling",
    "Representation": "regard.representation.representation",
    "open_images": "regard.data.sources",
    "InputError": "regard.core.checks",
    "RunError": "regard.core.checks",
    "SearchIndex": "regard.reuse.search.index.search_index",
    "adapter": "regard.adapt.worth.run",
}
# names of before, with a DeprecationWarning until version 0.2; `compare` is a verb of its own by now
_BEFORE = {"train": "regard.create.run"}
_HERE = os.path.dirname(__file__)
_VERBS = [name[:-3] for name in os.listdir(os.path.join(_HERE, "verbs")) if name.endswith(".py") and name[0] != "_"]
__all__ = sorted([*_PUBLIC, *_VERBS])
moved.install()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _BEFORE:
        warnings.warn(f"regard.{name} is now {_BEFORE[name]}.{name}", DeprecationWarning, stacklevel=2)
        return getattr(import_module(_BEFORE[name]), name)
    if name not in _VERBS:
        raise AttributeError(f"module 'regard' has no attribute {name!r}")
    if os.path.isdir(os.path.join(_HERE, name)):  # a package of that name, which is callable
        return import_module(f"regard.{name}")
    return getattr(import_module(f"regard.verbs.{name}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
