"""What a verb is given, in Python as on the command line: paths, tables, image sets, embeddings, arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from ..core.checks import bad
from ..core.runtime import pick_device, pick_precision
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from ..representation.sources import Source, open_source

Rep = Representation | str | Path
Words = str | Sequence[str]
SHOWN = 20  # images that were set aside, of those that a terminal names


@runtime_checkable
class HoldsEmbeddings(Protocol):
    """What `regard.embed` gives, which other verbs take."""

    @property
    def embeddings(self) -> Embeddings:
        """The vectors."""


def check_machine(device: str, precision: str = "auto") -> None:
    """Refuse a device or precision that is not there, before anything is read.

    Raises:
        InputError: as `core.runtime.pick_device` and `pick_precision`.
    """
    pick_device(device)
    pick_precision(precision, "cpu")


def given_images(argument: str, given: object) -> Any:
    """What `open_images` takes, of images: also (X, y), arrays or paths with their labels.

    Raises:
        InputError: vectors, which hold no pixels.
    """
    held = isinstance(given, Embeddings | HoldsEmbeddings)
    if held or (_pair(given) is None and _is_matrix(given)):
        raise bad(argument, f"vectors ({named(given)})", "images", "This verb looks at pixels; vectors hold none.")
    pair = _pair(given)
    if pair is None:
        return given
    if _is_matrix(pair[0]):
        raise bad(argument, f"vectors ({named(given)})", "images", "This verb looks at pixels; vectors hold none.")
    return replace(open_images(pair[0], argument=argument), labels=np.asarray(pair[1]))


def given_source(argument: str, given: object) -> Embeddings | ImageSet:
    """Open images, or vectors as a file, as `Embeddings`, as an array (n, d), or as (X, y) with labels.

    Raises:
        InputError: nothing that can be used, or as `open_source`.
    """
    if isinstance(given, HoldsEmbeddings):
        return given.embeddings
    x, y = _pair(given) or (given, None)
    if isinstance(x, np.ndarray) and _is_matrix(x):
        ids = np.array([f"{argument.lower()} {row}" for row in range(len(x))])
        return Embeddings(np.asarray(x), ids, None if y is None else np.asarray(y))
    return open_source(cast(Source, given) if y is None else given_images(argument, given), argument=argument)


def named(given: object) -> str:
    """What to call an argument in a result: a path as it was given, a set by its name, arrays by their shape.

    >>> named(Path("photos")), named((np.zeros((3, 2)), [0, 1, 0]))
    ('photos', 'array (3, 2)')
    """
    if isinstance(given, str | Path):
        return str(given)
    pair = _pair(given)
    if pair is not None:
        return named(pair[0])
    if isinstance(given, Representation):
        return given.loaded_from or given.name
    if isinstance(given, HoldsEmbeddings):
        return named(given.embeddings)
    if isinstance(given, Embeddings):
        return f"embeddings {given.vectors.shape}"
    if isinstance(given, ImageSet):
        return given.name
    if isinstance(given, np.ndarray):
        return f"array {given.shape}"
    return f"{len(given)} images" if isinstance(given, Sequence) else type(given).__name__


def at_layer(given: Rep, layer: str | int | None) -> Rep:
    """A representation as it is given, or the one that ends at a layer of it (`--layer`).

    Raises:
        InputError: as `Representation.at`.
    """
    if layer is None:
        return given
    return (given if isinstance(given, Representation) else Representation.load(given)).at(layer)


def words(given: Words) -> list[str]:
    """Names with commas between them, or a list of names.

    >>> words("linear, knn"), words(["linear"])
    (['linear', 'knn'], ['linear'])
    """
    parts = given.split(",") if isinstance(given, str) else list(given)
    return [part.strip() for part in parts if part.strip()]


def whole_numbers(argument: str, given: str | Sequence[int]) -> list[int]:
    """Whole numbers, as a list or with commas between them.

    >>> whole_numbers("--shots", "1,5"), whole_numbers("--shots", (1, 5))
    ([1, 5], [1, 5])

    Raises:
        InputError: anything else.
    """
    if not isinstance(given, str):
        return list(given)
    parts = words(given)
    if not all(part.isdigit() for part in parts):
        raise bad(argument, repr(given), "whole numbers with commas between them", f"For example: {argument} 1,5,10.")
    return [int(part) for part in parts]


def several(given: object) -> list[Any]:
    """One thing as a list of one; a list as it is."""
    return list(given) if isinstance(given, list | tuple) else [given]


def told_aside(aside: Sequence[Mapping[str, str]], more: str) -> Iterator[str]:
    """Lines that name what was set aside, the first of many; `more` is what names all."""
    for fault in aside[:SHOWN]:
        yield f"set aside: {fault['path']}: {fault['cause']}"
    if len(aside) > SHOWN:
        yield f"... and {len(aside) - SHOWN} more; {more} names all"


def set_aside(*embedded: Embeddings) -> list[dict[str, str]]:
    """The images that were set aside when these were embedded."""
    return [fault for one in embedded for fault in one.card.get("set_aside", ())]


def _pair(given: object) -> tuple[Any, Any] | None:
    """(X, y): samples and as many labels; else None."""
    if not (isinstance(given, tuple) and len(given) == 2):
        return None
    x, y = given
    return (x, y) if isinstance(x, np.ndarray | list) and not isinstance(y, str | Path) else None


def _is_matrix(given: object) -> bool:
    return isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind in "biuf"
