"""Real images that come with packages which are installed anyway: for a first run, demonstrations and tests.

Nothing is downloaded and nothing is copied: files are read where the packages keep them.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.checks import check_choice, check_number
from ..core.runtime import numpy_rng
from ._opened import open_pillow
from ._photos import package_folder, photos
from .blended import digits_photos
from .handwritten import digits
from .imageset import ImageSet
from .rendered import rendered_digits
from .scenes import scenes


def builtin(name: str) -> ImageSet:
    """Open a built-in set by its name; raises InputError with the nearest name where there is none such.

    >>> builtin("digit")
    Traceback (most recent call last):
    regard.core.checks.InputError: builtin: expected one of digits, digits_photos, faces, photo_crops, photos, \
rendered_digits, scenes, scenes_b, got 'digit'. Did you mean 'digits'?
    """
    return _SETS[check_choice("builtin", name, builtin_names())]()


def builtin_item(name: str | Path) -> Path | np.ndarray | None:
    """The picture of a built-in set that has this id, such as `digits/0001`; None where there is none, or such a file.

    >>> builtin_item("digits/0001").shape, builtin_item("holiday/0001.jpg")
    ((8, 8), None)
    """
    known = Path(name).as_posix()
    if known.partition("/")[0] not in _SETS or os.path.lexists(name):
        return None
    items, rows = _by_id(known.partition("/")[0])
    return items[rows[known]] if known in rows else None


@lru_cache(4)
def _by_id(name: str) -> tuple[Sequence[Path | np.ndarray], dict[str, int]]:
    """The pictures of a set, and the place of each by its id; rendered ones are made when they are asked for."""
    found = builtin(name)
    return found.items, {str(one): row for row, one in enumerate(found.ids)}


def builtin_names() -> list[str]:
    """The names that `builtin` knows, sorted."""
    return sorted(_SETS)


def faces() -> ImageSet:
    """200 grey pictures of 25x25: 100 faces and 100 patches of background from the same photographs.

    From Labeled Faces in the Wild (Huang et al. 2007), as scikit-image ships them.
    """
    pixels = np.load(package_folder("skimage") / "data" / "lfw_subset.npy", allow_pickle=False)
    labels = np.repeat(["face", "background"], 100)
    ids = np.array([f"faces/{place:03d}" for place in range(len(pixels))])
    return ImageSet(list((pixels * 255).round().astype(np.uint8)), ids, labels, name="faces")


def photo_crops(n: int = 400, size: int = 64, seed: int = 0) -> ImageSet:
    """Cut n squares out of the photographs: (size, size, 3) uint8; the label and column `identity` say from which.

    The side is log-uniform from `size`, or a quarter of the photograph's shorter side where that is more, to 60 % of
    the shorter side; the place is uniform; each photograph gives as many (to within one). Crops of one photograph
    may overlap.
    """
    from PIL import Image

    check_number("n", n, 1, whole=True)
    check_number("size", size, 8, 256, whole=True)
    rng = numpy_rng(seed, "photo_crops", n, size)
    files = photos().items
    items, ids, labels = [], [], []
    for place, path in enumerate(files):
        photo = open_pillow(Path(str(path))).convert("RGB")
        name, short = Path(str(path)).stem, min(photo.size)
        low = min(max(size, short / 4), short)
        high = min(max(low, 0.6 * short), short)
        for count in range(len(range(place, n, len(files)))):
            side = round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))
            left, top = (int(rng.integers(length - side + 1)) for length in photo.size)
            crop = photo.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side))
            items.append(np.asarray(crop))
            ids.append(f"photo_crops/{name}/{count:04d}")
            labels.append(name)
    return ImageSet(items, np.array(ids), np.array(labels), {"identity": np.array(labels)}, "photo_crops")


def scenes_a() -> ImageSet:
    """200 rendered scenes of solids before photographs, with boxes, masks, depth and boxes in space."""
    return scenes(200)


def scenes_b() -> ImageSet:
    """60 more, before other photographs, to score on what learned from `scenes`."""
    found = scenes(60, seed=1, family="b")
    ids = np.array([f"scenes_b/{place:05d}" for place in range(len(found))])
    return replace(found, ids=ids, name="scenes_b")


_SETS: dict[str, Callable[[], ImageSet]] = {
    "digits": digits,
    "digits_photos": digits_photos,
    "faces": faces,
    "photo_crops": photo_crops,
    "photos": photos,
    "rendered_digits": rendered_digits,
    "scenes": scenes_a,
    "scenes_b": scenes_b,
}
