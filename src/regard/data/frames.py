"""Later frames of an animation: two that begin alike need not be the same."""

from pathlib import Path

import numpy as np

from .decode import DecodeError, _open, decode_pillow, read


def later_frames(item: Path | bytes | np.ndarray) -> list[np.ndarray]:
    """The middle and the last frame of an animation (GIF, WebP, PNG), as (H, W, 3) uint8; none of a still picture.

    A TIFF's or MPO's further pictures are pages and views, not frames. Raises DecodeError where a frame cannot be read.
    """
    content = read(item)
    if isinstance(content, np.ndarray):
        return []
    image = _open(content)
    if image.format not in ("GIF", "WEBP", "PNG", "AVIF") or not getattr(image, "is_animated", False):
        return []
    try:
        count = image.n_frames
        found = []
        for place in sorted({count // 2, count - 1} - {0}):
            image.seek(place)
            found.append(decode_pillow(image.copy()))
    except DecodeError:
        raise
    except Exception as error:  # as in decode
        raise DecodeError(f"damaged or cut short ({error})") from error
    return found if len(found) != 1 else found * 2
