"""What learning from labels does to images before the network gets them: views of some strength, and mixing."""

from typing import Literal

from torch import Generator, Tensor

from ...core.checks import bad, check_number
from ...data.views import view
from ...learning.batch import Batch
from ...learning.mixing import mixed
from ...learning.recipes import recipe_of

RecipeName = Literal["auto", "photo", "digit", "none"]
Level = Literal["none", "light", "standard", "strong"]


def check_views(recipe: str, augment: str, mixup: float, cutmix: float) -> None:
    """Refuse settings that say nothing, or two things."""
    check_number("--set mixup", mixup, 0, 10)
    check_number("--set cutmix", cutmix, 0, 10)
    if recipe == "none" and augment in ("light", "strong"):
        raise bad("--set augment", f"{augment} with recipe none", "a recipe with views", "Leave one of the two out.")


def trained_on(
    batch: Batch, targets_NC: Tensor, recipe: str, augment: str, mixup: float, cutmix: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """A random view of each image of a training batch, mixed if asked for, and what should be said of it."""
    x = view(batch.images, recipe_of(recipe, batch.images, augment), generator)
    return mixed(x, targets_NC, mixup, cutmix, generator) if mixup or cutmix else (x, targets_NC)
