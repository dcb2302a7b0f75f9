"""The views of its images that a task learns from, by name and strength, and which suit a set of images."""

from dataclasses import replace
from typing import Any

from torch import Tensor

from ..data.views import Recipe, digit_recipe, photo_recipe
from .objective import Split

LEVELS = {"none": 0.0, "light": 0.5, "standard": 1.0, "strong": 1.5}
ERASED = 0.25  # of images under strong views (Zhong et al. 2020, Random erasing data augmentation, section 4: 0.5)


def recipe_of(name: str, x_NCHW: Tensor, level: str = "standard") -> Recipe:
    """The views of this name (photo | digit | none) for images of this size; `pick_recipe` resolves `auto`."""
    side = min(x_NCHW.shape[-2:])
    recipe = {"photo": photo_recipe(side), "digit": digit_recipe(), "none": Recipe()}[name]
    return recipe if level == "standard" else leveled(recipe, level)


def leveled(recipe: Recipe, level: str) -> Recipe:
    """The same changes at another strength: none, light (half), standard, strong (half as much again, and erasing).

    Sizes of changes and the shares of images that get them are multiplied, shares up to 1; the crop and the zoom keep
    their distance from 1 multiplied, a crop at least a tenth of the area. The flip is as it is, or not at all.

    >>> leveled(Recipe(crop=(0.4, 1.0), jitter=0.8, flip=0.5), "light")
    Recipe(degrees=0.0, shear=0.0, translate=0.0, zoom=(1.0, 1.0), crop=(0.7, 1.0), crop_ratio=(1.0, 1.0), flip=0.5, \
brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0, jitter=0.4, gray=0.0, blur=(0.0, 0.0), blurred=0.0, noise=0.0, \
erase=0.0)
    """
    by = LEVELS[level]
    if by == 0:
        return Recipe()
    r = recipe
    return replace(
        r,
        degrees=r.degrees * by,
        shear=r.shear * by,
        translate=r.translate * by,
        zoom=(1 - (1 - r.zoom[0]) * by, 1 + (r.zoom[1] - 1) * by),
        crop=(max(0.1, 1 - (1 - r.crop[0]) * by), r.crop[1]),
        brightness=min(r.brightness * by, 1.0),
        contrast=min(r.contrast * by, 1.0),
        saturation=min(r.saturation * by, 1.0),
        hue=min(r.hue * by, 0.5),
        jitter=min(r.jitter * by, 1.0),
        gray=min(r.gray * by, 1.0),
        blurred=min(r.blurred * by, 1.0),
        noise=r.noise * by,
        erase=ERASED if level == "strong" else r.erase,
    )


def pick_recipe(name: str, known: Split) -> Any:
    """Resolve `auto`: views that keep left, right and the whole for small grey symbols, photographers' ones else."""
    return name if name != "auto" else "digit" if known.symbols else "photo"
