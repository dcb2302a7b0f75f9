"""The views of its images that a task learns from, by name, and which suit a set of images."""

from typing import Any

from torch import Tensor

from ..data.views import Recipe, digit_recipe, photo_recipe
from .objective import Split


def recipe_of(name: str, x_NCHW: Tensor) -> Recipe:
    """The views of this name (photo | digit | none) for images of this size; `pick_recipe` resolves `auto`."""
    side = min(x_NCHW.shape[-2:])
    return {"photo": photo_recipe(side), "digit": digit_recipe(), "none": Recipe()}[name]


def pick_recipe(name: str, known: Split) -> Any:
    """Resolve `auto`: views that keep left, right and the whole for small grey symbols, photographers' ones else."""
    return name if name != "auto" else "digit" if known.symbols else "photo"
