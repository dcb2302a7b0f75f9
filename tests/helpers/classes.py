"""What a package offers, found by walking over its files."""

from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType


def public_classes(package: ModuleType, base: type) -> dict[str, type]:
    """The public subclasses of `base` that the public modules of a package define, by name.

    Private is what starts with an underscore: a module, a folder or a class.
    """
    found: dict[str, type] = {}
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        if any(part.startswith("_") for part in module.name.split(".")):
            continue
        for name, one in vars(import_module(module.name)).items():
            own = isinstance(one, type) and issubclass(one, base) and one.__module__ == module.name
            if own and name == one.__name__ and not name.startswith("_"):  # not its alias, `Method`
                assert name not in found, f"two classes are called {name}"
                found[name] = one
    return found
