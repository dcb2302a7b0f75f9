"""The photographs that scikit-learn and scikit-image ship, read where the packages keep them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from .imageset import ImageSet

# photographs and micrographs: (package, its folder, file); drawings and test patterns of the same folders are left out
COLOUR = (
    ("sklearn", "datasets/images", "china.jpg"),
    ("sklearn", "datasets/images", "flower.jpg"),
    ("skimage", "data", "astronaut.png"),
    ("skimage", "data", "chelsea.png"),
    ("skimage", "data", "coffee.png"),
    ("skimage", "data", "hubble_deep_field.jpg"),
    ("skimage", "data", "ihc.png"),
    ("skimage", "data", "motorcycle_left.png"),
    ("skimage", "data", "retina.jpg"),
    ("skimage", "data", "rocket.jpg"),
)
GREY = tuple(
    ("skimage", "data", f"{name}.png")
    for name in ("brick", "camera", "cell", "coins", "grass", "gravel", "microaneurysms", "moon", "page", "text")
)


def photos() -> ImageSet:
    """The photographs that scikit-learn and scikit-image ship: 10 in colour, 10 in grey (column `kind`); no labels.

    One that the installed version does not have is set aside.
    """
    files, kinds, aside = [], [], []
    for kind, entries in (("colour", COLOUR), ("grey", GREY)):
        for package, folder, name in entries:
            path = package_folder(package) / folder / name
            if path.is_file():
                files.append(path)
                kinds.append(kind)
            else:
                aside.append({"path": name, "cause": f"not in the installed {package}"})
    ids = np.array([f"photos/{path.name}" for path in files])
    return ImageSet(files, ids, None, {"kind": np.array(kinds)}, "photos", tuple(aside))


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"built-in images need the package {name}")
    return Path(spec.submodule_search_locations[0])
