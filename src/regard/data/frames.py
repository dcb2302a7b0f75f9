"""What a file holds beside its first picture, frames or pages: two that begin alike need not be the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .decode import DecodeError, _open, decode_pillow, read

_SUBFILE, _OLD_SUBFILE = 254, 255  # a TIFF's tags
_SMALLER, _MASK = 1, 4  # bits of the first: the same picture reduced, and what is clear in it


def later_frames(item: Path | bytes | np.ndarray) -> list[np.ndarray]:
    """The middle and the last frame of an animation, as (H, W, 3) uint8; none of a still picture.

    Animations are GIF, WebP, PNG and AVIF. A TIFF's further pictures are pages (`later_pages`), an MPO's are views of
    one scene. Raises DecodeError where a frame cannot be read.
    """
    image = None if isinstance(content := read(item), np.ndarray) else _open(content)
    if image is None or image.format not in ("GIF", "WEBP", "PNG", "AVIF") or not getattr(image, "is_animated", False):
        return []
    with _Plainly():
        count = image.n_frames
        found = [_at(image, place) for place in sorted({count // 2, count - 1} - {0})]
    return found if len(found) != 1 else found * 2


def later_pages(item: Path | bytes | np.ndarray) -> Iterator[np.ndarray]:
    """The further pages of a TIFF, one after the other, as (H, W, 3) uint8; none of other files.

    Reduced copies of a page (as in a pyramid) and masks are no pages. Raises DecodeError where one cannot be read.
    """
    image = None if isinstance(content := read(item), np.ndarray) else _open(content)
    if image is None or image.format != "TIFF":
        return
    with _Plainly():
        count = image.n_frames
    for place in range(1, count):
        with _Plainly():
            image.seek(place)
            page = _at(image, place) if _is_page(image.tag_v2) else None
        if page is not None:
            yield page


def _is_page(tags: Any) -> bool:
    return not int(tags.get(_SUBFILE, 0)) & (_SMALLER | _MASK) and int(tags.get(_OLD_SUBFILE, 1)) != 2


def _at(image: Any, place: int) -> np.ndarray:
    image.seek(place)
    return decode_pillow(image.copy())


class _Plainly:
    """Whatever goes wrong inside is told as a DecodeError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, DecodeError):  # as in decode
            raise DecodeError(f"damaged or cut short ({error})") from error
