"""Packages that are verbs, too: `regard.create` and `regard.adapt` hold their room's files, and can be called.

The verb is a function in `regard.verbs`, above the room; it is looked up by name when somebody calls, so that the room
itself imports nothing from above it.
"""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A package that passes calls on to the verb of its own name, and shows that verb's arguments and help."""

    def __call__(self, *args: object, **given: object) -> object:
        """Do what the verb does."""
        return _verb(self)(*args, **given)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(_verb(self))

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return inspect.getdoc(_verb(self))


def make_callable(name: str) -> None:
    """Make the package of that name callable; to be called in its `__init__.py` with `__name__`."""
    sys.modules[name].__class__ = CallablePackage


def _verb(package: ModuleType) -> Callable[..., Any]:
    root, _, name = package.__name__.partition(".")
    found: Callable[..., Any] = getattr(import_module(f"{root}.verbs.{name}"), name)
    return found
