"""Methods are found by their file names: no table, no decorator, no import until asked.

A kind is a folder or two of modules; a method `coral` of kind `adapt` is `regard/adapt/vectors/coral.py`, whose
name `Method` is what `load` gives. Other packages add theirs by the entry point group `regard.KIND`.
"""

import ast
import os
import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .checks import InputError, check_choice

KINDS: dict[str, tuple[str, ...]] = {
    "task": ("regard.create.supervised", "regard.create.pretext", "regard.create.traditional"),
    "adapt": ("regard.adapt.vectors",),
    "deep": ("regard.adapt.networks",),
    "backbone": ("regard.backbones.networks",),
    "library": ("regard.backbones.libraries",),
    "representation": ("regard.representation.kinds",),
    "pooling": ("regard.representation.pooling",),
    "rerank": ("regard.reuse.search.rerank",),
    "compare": ("regard.studies.compare.tasks",),
    "frozen": ("regard.lifelong.frozen",),
    "learn": ("regard.lifelong.training",),
    "unlabelled": ("regard.lifelong.unlabelled.methods",),
}


def names(kind: str) -> list[str]:
    """List the methods of a kind, in alphabetical order.

    >>> "coral" in names("adapt")
    True
    """
    return sorted(set(_modules(kind)) | {point.name for point in _points(kind)})


def load(kind: str, name: str) -> Any:
    """Import one method by name and return its `Method`; a broken method raises its own error, never "not found"."""
    check_choice(kind, name, names(kind))
    for point in _points(kind):
        if point.name == name:
            return point.load()
    module = import_module(_modules(kind)[name])
    if not hasattr(module, "Method"):
        raise InputError(f"{module.__name__} has no name `Method`, which every method file defines")
    return module.Method


def summary(kind: str, name: str) -> str:
    """Read the first line of a method's docstring, without importing it.

    >>> summary("adapt", "coral").startswith("CORAL")
    True
    """
    module = _modules(kind).get(name)
    if module is None:
        return "from another package"
    package, stem = module.rsplit(".", 1)
    source = (_folder(package) / f"{stem}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").split("\n", 1)[0]


def _modules(kind: str) -> dict[str, str]:
    check_choice("kind", kind, KINDS)
    return {
        path.stem: f"{package}.{path.stem}"
        for package in KINDS[kind]
        for path in _folder(package).glob("*.py")
        if not path.stem.startswith("_")
    }


def _points(kind: str) -> tuple[EntryPoint, ...]:
    return _points_on(kind, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=32)
def _points_on(kind: str, path: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """What the packages on this path say, which takes 7 ms to read: once, until something is installed or removed."""
    return tuple(entry_points(group=f"regard.{kind}"))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


def _folder(package: str) -> Path:
    # find_spec imports the parent packages, whose __init__ files are empty by convention
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"{package} is not a folder of methods")
    return Path(next(iter(spec.submodule_search_locations)))
