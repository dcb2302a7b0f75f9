"""One picture in the page: decoded once, made small, and carried in the page itself as a data URI."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..data.builtin import builtin_item
from ..data.decode import HEADROOM, DecodeError, decode, decode_pillow

SIDE = 160  # pixels of a thumbnail's longer side: twice what the page shows, for dense screens
_TINY = 64  # pictures up to this many pixels keep every pixel (PNG, shown with hard edges)


def loaded(image: Any, side: int) -> Any:
    """A picture as a PIL image whose sides suffice for `side` pixels, or text: why it cannot be read.

    Args:
        image: a path, an array as `core.images.as_rgb` takes it, or a PIL image.
        side: of what will be made of it.
    """
    from PIL import Image

    item = image if isinstance(image, Path | bytes | np.ndarray) else Path(image) if isinstance(image, str) else None
    if isinstance(item, Path) and (pixels := builtin_item(item)) is not None:
        item = pixels  # an index of built-in images has names where others have files
    try:
        if isinstance(image, Image.Image):
            return Image.fromarray(decode_pillow(image))
        # a reduced decode leaves three times what is asked for, which is enough as it is for a large copy
        short = side if side <= SIDE else side // HEADROOM
        pixels = decode(np.asarray(image) if item is None else item, short_side=short).permute(1, 2, 0).numpy()
    except DecodeError as error:
        return str(error)
    return Image.fromarray(pixels)


def embedded(picture: Any, alt: str = "", side: int = SIDE) -> Markup:
    """An `<img>` that carries a copy of `loaded`'s picture, at most `side` pixels long; a tile says what failed."""
    if isinstance(picture, str):
        return Markup('<span class="unreadable" role="img" aria-label="{}" title="{}">not readable</span>').format(
            f"{alt}: {picture}", picture
        )
    address, size = data_uri(picture, side)
    return Markup('<img{} src="{}" width="{}" height="{}" alt="{}">').format(
        Markup(' class="tiny"') if address.startswith("data:image/png") else "", address, *size, alt
    )


def data_uri(picture: Any, side: int = SIDE) -> tuple[str, tuple[int, int]]:
    """A copy of `loaded`'s picture, at most `side` pixels long, as a `data:` address, and its width and height."""
    from PIL import Image

    small = picture.copy()
    tiny = max(small.size) <= _TINY
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if tiny:
        small.save(buffer, "PNG", optimize=True)
    else:
        small.save(buffer, "JPEG", quality=82, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{'png' if tiny else 'jpeg'};base64,{data}", small.size
