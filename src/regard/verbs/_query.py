"""What can be searched with: images, a part of one, vectors."""

from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..core.checks import bad
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..representation.embeddings import Embeddings
from ..representation.sources import is_vectors
from ..reuse.search.query.crop import cut_out, read_box

Images = str | Path | ImageSet | Image.Image | np.ndarray | Sequence[Any]


def read_query(given: object) -> ImageSet | Embeddings | np.ndarray:
    """A query as images, as vectors with names, or as bare vectors (d,) or (q, d).

    A path is an image, a folder, a table or a file of vectors; an array of uint8 is one image (H, W) or (H, W, 3), or
    several (N, H, W, 3); any other array, or a list of numbers, is a vector or a matrix of vectors.

    Raises:
        InputError: nothing of these.
    """
    one = given[0] if isinstance(given, list | tuple) and len(given) == 1 else given
    if isinstance(one, Embeddings):
        return one
    if isinstance(one, str | Path) and is_vectors(one):
        return Embeddings.load(one)
    if isinstance(given, np.ndarray) and given.dtype != np.uint8:
        return given
    if isinstance(given, list | tuple) and given and all(isinstance(value, Real) for value in given):
        return np.array(given, np.float32)
    return read_images("QUERY", given)


def read_images(argument: str, given: object, box: str | Sequence[float] | None = None) -> ImageSet:
    """Images however they are given; with a box, that part of the only one.

    Raises:
        InputError: as `open_images`; a box with several images, or that is not inside the image.
    """
    images: Any = given
    if isinstance(given, list | tuple) and len(given) == 1 and isinstance(given[0], str | Path | ImageSet):
        (images,) = given
    elif isinstance(given, Image.Image) or (isinstance(given, np.ndarray) and given.ndim in (2, 3)):
        images = [given]
    found = open_images(images, argument=argument)
    return found if box is None else boxed(found, box)


def boxed(images: ImageSet, box: str | Sequence[float]) -> ImageSet:
    """A part of the only image, under its name."""
    if len(images) != 1:
        raise bad("--box", f"{len(images)} query images", "one query image")
    return ImageSet([cut_out(images.items[0], read_box(box))], images.ids, name=images.name)
