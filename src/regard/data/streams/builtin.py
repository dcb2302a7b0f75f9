"""Streams that need no download, from the built-in sets.

| name | tasks |
|---|---|
| `digits_5x2` | five tasks of two handwritten digits each, in an order by the seed |
| `mixed` | classify digits, retrieve pieces of photographs (learned without labels), segment rendered scenes |
"""

from collections.abc import Callable

import numpy as np

from ...core.checks import check_choice
from .._texture import FAMILIES
from ..builtin import builtin
from ..imageset import ImageSet
from .part import Part
from .scenarios import class_incremental, mixed, single
from .stream import Stream


def builtin_stream(name: str, seed: int = 0) -> Stream:
    """One of them by its name; raises InputError with the nearest name where there is none such."""
    return _STREAMS[check_choice("builtin", name, builtin_stream_names())](seed)


def builtin_stream_names() -> list[str]:
    """The names that `builtin_stream` knows, sorted."""
    return sorted(_STREAMS)


def _digits_5x2(seed: int) -> Stream:
    return class_incremental(Part("builtin:digits", name="digits_5x2", seed=seed), 2)


def _mixed(seed: int) -> Stream:
    """Of the photographs, one family is learned from, in pieces and behind scenes, and the other is scored on.

    So no photograph that a task is scored on was seen by any task.
    """
    crops = builtin("photo_crops")
    return mixed(
        "mixed",
        single(Part("builtin:digits", name="digits", seed=seed)),
        single(Part(_of(crops, "a"), _of(crops, "b"), name="photo_crops", kind="retrieve", seed=seed, labelled=False)),
        single(Part("builtin:scenes", "builtin:scenes_b", name="scenes", kind="segment", seed=seed)),
        seed=seed,
    )


def _of(crops: ImageSet, family: str) -> ImageSet:
    """The crops of the photographs of one family of scenes."""
    names = [name for use in FAMILIES[family] for name in use]
    return crops.subset(np.isin(crops.need_labels(), names), f"photo_crops, family {family}")


_STREAMS: dict[str, Callable[[int], Stream]] = {"digits_5x2": _digits_5x2, "mixed": _mixed}
