"""Handwritten digits blended with pieces of photographs: the recipe of MNIST-M, on data that is there.

Domain-Adversarial Training of Neural Networks, Ganin et al., JMLR 2016: |patch - digit|, channel by channel. Strokes
show the photograph inverted; a network that knows digits on black finds them hardly.

What differs. The digits are scikit-learn's, 8x8, enlarged; the photographs are the ten in colour that scikit-learn and
scikit-image ship, in place of the 500 of BSDS500, brought to a size at which a digit covers as much of one as there.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from ..core.runtime import numpy_rng
from ._opened import open_pillow
from ._photos import COLOUR, package_folder
from .handwritten import digits
from .imageset import ImageSet

SIDE = 32
_PHOTO, _DIGIT = 321, 28  # pixels: the shorter side of a photograph of BSDS500, and of a digit of MNIST


def digits_photos(size: int = SIDE, seed: int = 0) -> ImageSet:
    """Each of the 1,797 digits before a piece of a photograph: (size, size, 3) uint8, labels "0" to "9".

    The column `identity` is the id of the digit, so that `sampling.split` cuts these as it cuts `builtin:digits`;
    `photo` names the photograph. Photograph and place are uniform.

    >>> images = digits_photos()
    >>> len(images), images.items[0].shape, str(images.columns["identity"][0])
    (1797, (32, 32, 3), 'digits/0000')
    """
    grey = digits(size)
    rng = numpy_rng(seed, "digits_photos", size)
    album = _album(size)
    names = np.array(list(album))[rng.integers(len(album), size=len(grey))]
    items = []
    for name, digit in zip(names.tolist(), grey.items):
        photo = album[name]
        top, left = (int(rng.integers(side - size + 1)) for side in photo.shape[:2])
        items.append(blended(np.asarray(digit), photo[top : top + size, left : left + size]))
    ids = np.array([f"digits_photos/{place:04d}" for place in range(len(grey))])
    return ImageSet(items, ids, grey.labels, {"identity": grey.ids, "photo": names}, "digits_photos")


def blended(digit: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """|patch - digit| by channel: a grey digit (H, W) and a patch (H, W, 3), uint8, to (H, W, 3) uint8.

    >>> blended(np.array([[0, 255]], np.uint8), np.full((1, 2, 3), 40, np.uint8))[..., 0]
    array([[ 40, 215]], dtype=uint8)
    """
    return np.abs(patch.astype(np.int16) - digit.astype(np.int16)[..., None]).astype(np.uint8)


@lru_cache(4)
def _album(size: int) -> dict[str, np.ndarray]:
    """The colour photographs that are installed, so large that `size` pixels are as much of one as of BSDS500."""
    from PIL import Image

    short = round(_PHOTO * size / _DIGIT)
    made = {}
    for package, folder, name in COLOUR:
        path = package_folder(package) / folder / name
        if path.is_file():
            photo = open_pillow(path).convert("RGB")
            by = short / min(photo.size)
            wide = [max(short, round(side * by)) for side in photo.size]
            made[Path(name).stem] = np.asarray(photo.resize((wide[0], wide[1]), Image.Resampling.LANCZOS))
    return made
