"""Files to pixels, fast: torchcodec decodes, Pillow takes what torchcodec refuses, and whatever fails says why.

Whichever reads it, a picture comes out by the same rules: upright (EXIF's or XMP's orientation); in sRGB (a colour
profile that is another one is applied); alpha laid on white, or on black or grey where white would hide it
(`core.images.ground_of`); CMYK, palettes, grey and 16 bits as 8-bit RGB; of an animation the first frame.

Of a JPEG much larger than what is asked for, only every second, fourth or eighth frequency is decoded: a 12-megapixel
photograph costs a fifth. The picture stays at least three times as large as asked, so that a careful resize follows.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.images import MAX_PIXELS, as_rgb, ground_of, laid_on
from ..core.storage import hash_bytes
from . import _profile, _turn
from ._heif import heif_problem

# a reduced decode keeps the short side at least this many times as long as the one asked for
HEADROOM = 3
# what `decode` tells of a picture that it reads
ON_BLACK = "laid on black, as white would hide it"
ON_GREY = "laid on grey, as white would hide it"
CLEAR = "blank: every pixel is transparent"
ONE_COLOUR = "of one colour"
NOTES = (ON_BLACK, CLEAR, ONE_COLOUR, _profile.PROFILE, ON_GREY)  # kept by their places: new ones go last
_EVEN = 2  # levels that a picture of one colour may vary by, from compression
_WIDTH, _LENGTH = 256, 257  # a TIFF's tags


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


def decode(item: Path | bytes | np.ndarray, short_side: int | None = None, notes: list[str] | None = None) -> Tensor:
    """Decode one image to a uint8 tensor (3, H, W), sRGB, upright.

    Args:
        item: a file, its bytes, or an array as `core.images.as_rgb` takes it.
        short_side: the side that a resize will bring the picture to next; allows a decode at reduced scale.
        notes: takes what should be told of the picture, from `NOTES`: that it is blank, for example.

    Raises:
        DecodeError: not an image, cut short, or a decompression bomb: more than 178 megapixels, a quarter of that
            where it is not plain 8-bit grey or RGB and takes more memory on the way.
    """
    told: list[str] = []
    content = read(item)
    if isinstance(content, np.ndarray):
        try:
            decoded = torch.from_numpy(as_rgb(_grounded(content, told)).copy()).permute(2, 0, 1)
        except ValueError as error:
            raise DecodeError(str(error)) from error
    else:
        decoded = _decode(content, short_side, told)
    if notes is not None:
        if CLEAR not in told and _even(decoded):
            told.append(ONE_COLOUR)
        notes += told
    return decoded


def decode_pillow(image: Any) -> np.ndarray:
    """A Pillow image as (H, W, 3) uint8, by the rules of `decode`; raises DecodeError where it cannot be loaded."""
    return np.asarray(_pillow(image, []).permute(1, 2, 0)).copy()


def upright_size(item: Path | bytes | np.ndarray) -> tuple[int, int]:
    """Width and height that `decode` gives, read without the pixels; raises DecodeError as it does."""
    content = read(item)
    if isinstance(content, np.ndarray):
        return content.shape[1], content.shape[0]
    header = _open(content)
    width, height = header.size
    if header.format == "TIFF":
        # Pillow gives the size of a TIFF as it will be when it is upright; its tags say how it is stored
        width, height = header.tag_v2.get(_WIDTH, width), header.tag_v2.get(_LENGTH, height)
    if header.format == "PNG" and _turn.told_late(content):
        try:
            header.load()
        except Exception as error:  # as in _pillow
            raise DecodeError(f"damaged or cut short ({error})") from error
    return (height, width) if _turn.orientation(header) >= 5 else (width, height)


def _decode(content: bytes, short_side: int | None, told: list[str]) -> Tensor:
    header = _open(content)
    width, height = header.size
    limit = MAX_PIXELS if header.mode in ("RGB", "L", "1") else MAX_PIXELS // 4
    if width * height > limit:
        raise DecodeError(f"{width}x{height} pixels ({header.mode}), more than {limit // 10**6} megapixels")
    plain = header.mode == "RGB" and header.format in ("JPEG", "PNG", "WEBP") and not getattr(header, "n_frames", 1) > 1
    if plain and "transparency" not in header.info:
        if header.format == "JPEG" and short_side and min(width, height) >= 2 * HEADROOM * short_side:
            return _reduced(header, short_side, told)
        late = header.format == "PNG" and _turn.told_late(content)
        if not late and not _profile.is_foreign(header) and _turn.in_exif(header):
            try:
                decoded = _torchcodec(content)
            except RuntimeError:
                pass  # Pillow below says in plain words what is wrong, or reads it after all
            else:
                told += [_profile.PROFILE] if _profile.is_broken(header) else []
                return decoded
    return _pillow(header, told)


def _even(decoded: Tensor) -> bool:
    """Whether all pixels are of one colour; nearly every picture is known not to be from a few of its pixels."""
    for step in (16, 1):
        flat = decoded[:, ::step, ::step].reshape(3, -1)
        low, high = flat.amin(dim=1).int(), flat.amax(dim=1).int()
        if int((high - low).max()) > _EVEN:
            return False
    return True


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
        warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)
        try:
            return Image.open(BytesIO(content))
        except Image.DecompressionBombError as error:
            raise DecodeError(f"decompression bomb ({error})") from error
        except Exception as error:  # a damaged header can raise nearly anything
            raise DecodeError("not an image that can be read") from error


def _reduced(image: Any, short_side: int, told: list[str]) -> Tensor:
    target = HEADROOM * short_side
    image.draft("RGB", (target, target))
    return _pillow(image, told)


def _pillow(image: Any, told: list[str]) -> Tensor:
    try:
        image.load()
        told += [_profile.PROFILE] if _profile.is_broken(image) else []
        pixels = np.asarray(_turn.upright(_profile.to_srgb(_simple(image)), _turn.orientation(image)))
        pixels = as_rgb(_grounded(pixels, told))
    except Exception as error:  # damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DecodeError(f"damaged or cut short ({error})") from error
    return torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).permute(2, 0, 1)


def _grounded(pixels: np.ndarray, told: list[str]) -> np.ndarray:
    """Pixels of 8 bits with alpha laid on their ground, and what is to be told of it; others as they are."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[2] not in (2, 4):
        return pixels
    ground = ground_of(pixels)
    clear = [] if pixels[..., -1].any() else [CLEAR]
    told += {0: [ON_BLACK], 128: [ON_GREY]}.get(ground, clear)
    return laid_on(pixels, ground)


def _simple(image: Any) -> Any:
    """A loaded picture in one of L, LA, RGB and RGBA, or CMYK where a profile says what its inks are; same info."""
    from PIL import Image

    info, mode, clear = image.info, image.mode, image.info.get("transparency")
    if mode in ("I", "F") or mode.startswith("I;16"):
        values = np.asarray(image)
        simple = Image.fromarray(np.ascontiguousarray(as_rgb(_wide(values))[..., 0]))
        if isinstance(clear, int):
            # PNG's one grey level, of 16 bits, that stands for nothing
            simple.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    elif mode in ("P", "PA") or clear is not None:
        simple = image.convert("RGBA")
    elif mode in ("RGB", "RGBA", "L", "LA") or (mode == "CMYK" and _profile.is_foreign(image)):
        return image
    else:
        simple = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
    # a profile of ink or grey does not fit what was made of them
    simple.info = {} if mode == "CMYK" else {key: info[key] for key in ("icc_profile",) if key in info}
    return simple


def _wide(values: np.ndarray) -> np.ndarray:
    """Grey values of over 8 bits: whole ones from 0 to 65,535, or floats from 0 to 1; others have no known scale."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    whole = np.issubdtype(values.dtype, np.integer)
    if not (low >= 0 and high <= (65535 if whole else 1)):
        kind = "65535" if whole else "1, as floating point"
        raise ValueError(f"grey values from {low:g} to {high:g}, expected 0 to {kind}")
    return values.astype(np.uint16 if whole else np.float32)
