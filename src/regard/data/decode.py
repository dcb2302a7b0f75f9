"""Files to pixels, fast: torchcodec decodes, Pillow takes what torchcodec refuses, and whatever fails says why.

EXIF orientation is always applied; alpha is laid on white, CMYK, palettes, grey and 16 bits become 8-bit RGB. Of a
JPEG much larger than what is asked for, only every second, fourth or eighth frequency is decoded: a 12-megapixel
photograph costs a fifth. The picture stays at least three times as large as asked, so that a careful resize follows.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.images import MAX_PIXELS, as_rgb

# a reduced decode keeps the short side at least this many times as long as the one asked for
HEADROOM = 3
_EXIF_ORIENTATION = 0x0112


class DecodeError(ValueError):
    """One image cannot be read; the text is the cause in plain words. Runs set it aside and go on."""


def read(item: Path | bytes | np.ndarray) -> bytes | np.ndarray:
    """The bytes of a file, or the array as it is; raises DecodeError where the file is empty or out of reach."""
    if not isinstance(item, Path):
        return item
    try:
        content = item.read_bytes()
    except OSError as error:
        raise DecodeError(error.strerror or str(error)) from error
    if not content:
        raise DecodeError("empty file")
    return content


def decode(item: Path | bytes | np.ndarray, short_side: int | None = None) -> Tensor:
    """Decode one image to a uint8 tensor (3, H, W), RGB, upright.

    Args:
        item: a file, its bytes, or an array as `core.images.as_rgb` takes it.
        short_side: the side that a resize will bring the picture to next; allows a decode at reduced scale.

    Raises:
        DecodeError: not an image, cut short, or more than 200 megapixels (a decompression bomb).
    """
    content = read(item)
    if isinstance(content, np.ndarray):
        try:
            return torch.from_numpy(as_rgb(content).copy()).permute(2, 0, 1)
        except ValueError as error:
            raise DecodeError(str(error)) from error
    header = _open(content)
    width, height = header.size
    if width * height > MAX_PIXELS:
        raise DecodeError(f"{width}x{height} pixels, more than {MAX_PIXELS // 10**6} megapixels")
    plain = header.mode == "RGB" and header.format in ("JPEG", "PNG", "WEBP") and not getattr(header, "n_frames", 1) > 1
    if plain and "transparency" not in header.info:
        if header.format == "JPEG" and short_side and min(width, height) >= 2 * HEADROOM * short_side:
            return _reduced(header, short_side)
        try:
            return _torchcodec(content)
        except RuntimeError:
            pass  # Pillow below says in plain words what is wrong, or reads it after all
    return _pillow(header)


def _torchcodec(content: bytes) -> Tensor:
    from torchcodec.decoders import decode_image

    return decode_image(torch.frombuffer(bytearray(content), dtype=torch.uint8), mode="RGB")


def _open(content: bytes) -> Any:
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow warns of bombs at half of its limit; ours is checked on the size right after this
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(BytesIO(content))
        except Image.DecompressionBombError as error:
            raise DecodeError(f"decompression bomb ({error})") from error
        except Exception as error:  # a damaged header can raise nearly anything
            raise DecodeError("not an image that can be read") from error


def _reduced(image: Any, short_side: int) -> Tensor:
    target = HEADROOM * short_side
    image.draft("RGB", (target, target))
    return _pillow(image)


def _pillow(image: Any) -> Tensor:
    from PIL import ImageOps

    try:
        image.load()
        image = ImageOps.exif_transpose(image) if image.getexif().get(_EXIF_ORIENTATION, 1) != 1 else image
        if image.mode in ("P", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            # 16-bit pictures: the values are 0-65535 whatever Pillow calls the mode
            wide = np.asarray(image).astype(np.float64)
            top = 65535.0 if wide.max(initial=0) > 255 else 255.0
            pixels = as_rgb((np.clip(wide, 0, top) / top).astype(np.float32))
        elif image.mode in ("RGB", "RGBA", "L", "LA", "1"):
            pixels = as_rgb(np.asarray(image))
        else:
            pixels = as_rgb(np.asarray(image.convert("RGB")))
    except Exception as error:  # damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DecodeError(f"damaged or cut short ({error})") from error
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)
