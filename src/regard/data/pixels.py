"""A picture from wherever it comes as one array of pixels."""

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from ..core.images import as_rgb
from .decode import decode, decode_pillow

Image = str | Path | bytes | np.ndarray | Pillow.Image


def pixels(image: Image, short_side: int | None = None) -> np.ndarray:
    """A path, bytes, array or Pillow image as uint8 (H, W, 3), upright; raises DecodeError or InputError.

    With `short_side`, the side that a resize will bring it to, a large JPEG is decoded at reduced scale.
    """
    if isinstance(image, str | Path):
        image = Path(image)
    elif not isinstance(image, bytes):
        return decode_pillow(image) if isinstance(image, Pillow.Image) else as_rgb(np.asarray(image))
    return np.ascontiguousarray(decode(image, short_side).permute(1, 2, 0).numpy())
