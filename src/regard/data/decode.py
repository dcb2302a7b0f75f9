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
from ..core.storage import hash_bytes
from ._heif import heif_problem

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


def content_hash(content: bytes | np.ndarray) -> str:
    """Hash of a picture as `read` gives it: of a file's bytes, or of an array's type, shape and values."""
    if isinstance(content, bytes):
        return hash_bytes(content)
    return hash_bytes(f"{content.dtype}|{content.shape}|".encode(), np.ascontiguousarray(content).tobytes())


def decode(item: Path | bytes | np.ndarray, short_side: int | None = None) -> Tensor:
    """Decode one image to a uint8 tensor (3, H, W), RGB, upright.

    Args:
        item: a file, its bytes, or an array as `core.images.as_rgb` takes it.
        short_side: the side that a resize will bring the picture to next; allows a decode at reduced scale.

    Raises:
        DecodeError: not an image, cut short, or a decompression bomb: more than 178 megapixels, a quarter of that
            where it is not plain 8-bit grey or RGB and takes more memory on the way.
    """
    content = read(item)
    if isinstance(content, np.ndarray):
        try:
            return torch.from_numpy(as_rgb(content).copy()).permute(2, 0, 1)
        except ValueError as error:
            raise DecodeError(str(error)) from error
    header = _open(content)
    width, height = header.size
    limit = MAX_PIXELS if header.mode in ("RGB", "L", "1") else MAX_PIXELS // 4
    if width * height > limit:
        raise DecodeError(f"{width}x{height} pixels ({header.mode}), more than {limit // 10**6} megapixels")
    plain = header.mode == "RGB" and header.format in ("JPEG", "PNG", "WEBP") and not getattr(header, "n_frames", 1) > 1
    if plain and "transparency" not in header.info:
        if header.format == "JPEG" and short_side and min(width, height) >= 2 * HEADROOM * short_side:
            return _reduced(header, short_side)
        try:
            return _torchcodec(content)
        except RuntimeError:
            pass  # Pillow below says in plain words what is wrong, or reads it after all
    return _pillow(header)


def upright_size(item: Path | bytes | np.ndarray) -> tuple[int, int]:
    """Width and height that `decode` gives, read from the header alone; raises DecodeError as it does."""
    content = read(item)
    if isinstance(content, np.ndarray):
        return content.shape[1], content.shape[0]
    header = _open(content)
    width, height = header.size
    return (height, width) if header.getexif().get(_EXIF_ORIENTATION, 1) >= 5 else (width, height)


def _torchcodec(content: bytes) -> Tensor:
    from torchcodec.decoders import decode_image

    return decode_image(torch.frombuffer(bytearray(content), dtype=torch.uint8), mode="RGB")


def _open(content: bytes) -> Any:
    from PIL import Image

    if cause := heif_problem(content):
        raise DecodeError(cause)
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
    from PIL import Image, ImageOps

    try:
        image.load()
        image = ImageOps.exif_transpose(image) if image.getexif().get(_EXIF_ORIENTATION, 1) != 1 else image
        if image.mode in ("P", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
        if image.mode in ("RGBA", "LA"):
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            pixels = as_rgb(_wide(np.asarray(image)))
        elif image.mode in ("RGB", "L", "1"):
            pixels = as_rgb(np.asarray(image))
        else:
            pixels = as_rgb(np.asarray(image.convert("RGB")))
    except Exception as error:  # damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DecodeError(f"damaged or cut short ({error})") from error
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


def _wide(values: np.ndarray) -> np.ndarray:
    """Grey values of over 8 bits: whole ones from 0 to 65,535, or floats from 0 to 1; others have no known scale."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    whole = np.issubdtype(values.dtype, np.integer)
    if not (low >= 0 and high <= (65535 if whole else 1)):
        kind = "65535" if whole else "1, as floating point"
        raise ValueError(f"grey values from {low:g} to {high:g}, expected 0 to {kind}")
    return values.astype(np.uint16 if whole else np.float32)
