"""scikit-learn's handwritten digits, as they are or enlarged."""

import numpy as np

from ..core.checks import check_number
from .imageset import ImageSet

SIDE = 8  # pixels, as they are


def digits(size: int = SIDE) -> ImageSet:
    """1,797 handwritten digits by 13 people, grey, 8x8, labels "0" to "9" (Alpaydin and Kaynak 1998, UCI's test part).

    scikit-learn keeps them as counts from 0 to 16; here they are round(255 v / 16).

    Args:
        size: another side in pixels, of at most 256: enlarged (bicubic); ids and labels stay.

    >>> digits().items[0].shape, digits(32).items[0].shape
    ((8, 8), (32, 32))
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    check_number("size", size, SIDE, 256, whole=True)
    data = load_digits()
    items = list((data.images * 255 / 16).round().astype(np.uint8))
    if size > SIDE:
        items = [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in items]
    ids = np.array([f"digits/{place:04d}" for place in range(len(items))])
    return ImageSet(items, ids, data.target.astype(str), name="digits")
