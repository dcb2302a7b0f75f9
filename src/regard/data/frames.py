"""What a file holds beside its first picture, frames or pages: two that begin alike need not be the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .decode import DecodeError, _checked, _open, _plainly, decode_pillow, read

_SUBFILE, _OLD_SUBFILE = 254, 255  # a TIFF's tags
_SMALLER, _MASK = 1, 4  # bits of the first: the same picture reduced, and what is clear in it
_DRAWN = 2 * 10**9  # pixels of frames that are gone through to reach the last one: half a minute
_PAGES = 10_000


def later_frames(item: Path | bytes | np.ndarray) -> list[np.ndarray]:
    """The middle and the last frame of an animation, as (H, W, 3) uint8; none of a still picture.

    Animations are GIF, WebP, PNG and AVIF. A TIFF's further pictures are pages (`later_pages`), an MPO's are views of
    one scene.

    Raises:
        DecodeError: a frame cannot be read, or there are more than 2 billion pixels of frames.
    """
    if isinstance(content := read(item), np.ndarray):
        return []
    with _plainly():
        image = _open(content)
        if image.format not in ("GIF", "WEBP", "PNG", "AVIF") or not getattr(image, "is_animated", False):
            return []
        width, height = image.size
        count = image.n_frames
        if count * width * height > _DRAWN:
            raise DecodeError(f"an animation of {count} frames of {width}x{height} pixels, more than are looked at")
        with _checked(image, content):
            found = [_at(image, place) for place in sorted({count // 2, count - 1} - {0})]
    return found if len(found) != 1 else found * 2


def later_pages(item: Path | bytes | np.ndarray) -> Iterator[np.ndarray]:
    """The further pages of a TIFF, one after the other, as (H, W, 3) uint8; none of other files.

    Reduced copies of a page (as in a pyramid) and masks are no pages. Raises DecodeError where one cannot be read, or
    there are more than 10,000.
    """
    if isinstance(content := read(item), np.ndarray):
        return
    with _plainly():
        image = _open(content)
        if image.format != "TIFF":
            return
        count = image.n_frames
        if count > _PAGES:
            raise DecodeError(f"{count} pages, more than {_PAGES}")
    for place in range(1, count):
        with _plainly():
            image.seek(place)
            page = None
            if _is_page(image.tag_v2):
                with _checked(image, content):
                    page = _at(image, place)
        if page is not None:
            yield page


def _is_page(tags: Any) -> bool:
    return not int(tags.get(_SUBFILE, 0)) & (_SMALLER | _MASK) and int(tags.get(_OLD_SUBFILE, 1)) != 2


def _at(image: Any, place: int) -> np.ndarray:
    image.seek(place)
    return decode_pillow(image.copy())
