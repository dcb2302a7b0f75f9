"""Files to pixels, fast: torchcodec decodes, Pillow takes what torchcodec refuses, and whatever fails says why.

Whichever reads it, a picture comes out by the same rules: upright (EXIF's or XMP's orientation); in sRGB (a colour
profile that is another one is applied); alpha laid on white, or on black or grey where white would hide it
(`core.images.ground_of`); CMYK, palettes, grey and 16 bits as 8-bit RGB; of an animation the first frame.

Of a JPEG much larger than what is asked for, only every second, fourth or eighth frequency is decoded: a 12-megapixel
photograph costs a fifth. Other pictures of over 16 megapixels are decoded whole and averaged over squares right away.
Either stays at least three times as large as asked, so that a careful resize follows.

Nothing of a file is believed: only the accepted formats are tried, what a header promises is counted before anything is
decoded (`_room.py`), and whatever goes wrong is a DecodeError.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.images import MAX_PIXELS, as_rgb
from ..core.storage import hash_bytes
from . import _profile, _turn
from ._files import name_problem
from ._heif import heif_problem
from ._kinds import kind_of
from ._opened import accepted, open_pillow
from ._pillow import CLEAR, ON_BLACK, ON_GREY, STRIP, grounded, pixels_of
from ._quiet import quiet
from ._room import CAP, MAX_BYTES, Refused, need, room, size_of_jpeg2000

# a reduced decode keeps the short side at least this many times as long as the one asked for
HEADROOM = 3
# what `decode` tells of a picture that it reads
ONE_COLOUR = "of one colour"
NOTES = (ON_BLACK, CLEAR, ONE_COLOUR, _profile.PROFILE, ON_GREY)  # kept by their places: new ones go last
_EVEN = 2  # levels that a picture of one colour may vary by, from compression
STRIDED = 128 * 128  # pixels; fewer are all looked at, as fast
_WIDTH, _LENGTH = 256, 257  # a TIFF's tags
_LARGE = 2**24  # pixels: a picture of more is brought down before it is handed on


class DecodeError(ValueError):
    """One image cannot be read; the text is the cause in plain words. Runs set it aside and go on."""


def read(item: Path | bytes | np.ndarray) -> bytes | np.ndarray:
    """The bytes of a file, or the array as it is.

    Raises:
        DecodeError: out of reach, empty, over 400 MiB, or no file but a pipe or device, which is not opened.
    """
    if not isinstance(item, Path):
        return item
    with _plainly():
        try:
            there = item.stat()
            if not stat.S_ISREG(there.st_mode):
                raise DecodeError("a folder" if stat.S_ISDIR(there.st_mode) else "not a file")
            if there.st_size > MAX_BYTES:
                raise DecodeError(f"{there.st_size // 10**6:,} MB, more than {MAX_BYTES // 10**6} MB")
            # should it have become a pipe in between, opening it does not wait
            with open(
                os.open(item, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
            ) as f:
                content = f.read(there.st_size + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, DecodeError):
                raise
            cause = name_problem(str(item)) or getattr(error, "strerror", None) or str(error)
            raise DecodeError(cause) from error
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
        DecodeError: not an image of an accepted format, cut short, or a decompression bomb: more than 178 megapixels,
            a quarter of that where it is not plain 8-bit grey or RGB, or more than 537 MB that its format takes on the
            way (JPEG 2000 in one piece: 25 megapixels).
    """
    told: list[str] = []
    content = read(item)
    with _plainly():
        if isinstance(content, np.ndarray):
            try:
                decoded = torch.from_numpy(as_rgb(grounded(content, told)).copy()).permute(2, 0, 1)
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
    if not accepted(image):
        raise DecodeError(f"{image.format}, which is not loaded here as it may start another program: load it first")
    with _plainly():
        return np.asarray(pixels_of(image, []).permute(1, 2, 0)).copy()


def upright_size(item: Path | bytes | np.ndarray) -> tuple[int, int]:
    """Width and height that `decode` gives, read without the pixels; raises DecodeError as it does."""
    content = read(item)
    if isinstance(content, np.ndarray):
        return content.shape[1], content.shape[0]
    with _plainly():
        header = _open(content)
        width, height = header.size
        if header.format == "TIFF":
            # Pillow gives the size of a TIFF as it will be when it is upright; its tags say how it is stored
            width, height = header.tag_v2.get(_WIDTH, width), header.tag_v2.get(_LENGTH, height)
        if header.format == "PNG" and _turn.told_late(content):
            with _checked(header, content):
                header.load()
        return (height, width) if _turn.orientation(header) >= 5 else (width, height)


@contextmanager
def _plainly() -> Iterator[None]:
    """Whatever goes wrong inside is told as a DecodeError, and decoders are quiet."""
    try:
        with quiet():
            yield
    except DecodeError:
        raise
    except MemoryError as error:
        raise DecodeError("too little memory to read it") from error
    except RecursionError as error:
        raise DecodeError("damaged (nested too deep)") from error
    except Refused as error:
        raise DecodeError(str(error)) from error
    except Exception as error:  # damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise DecodeError(f"damaged or cut short ({error})") from error


@contextmanager
def _checked(header: Any, content: bytes, *, fast: bool = False, shrink: int = 1, by: int = 1) -> Iterator[None]:
    """Refuse a picture that promises too much, and have the room that the others need while it is decoded."""
    width, height = header.size
    limit = MAX_PIXELS if header.mode in ("RGB", "L", "1") else MAX_PIXELS // 4
    if header.format == "JPEG2000":
        within = size_of_jpeg2000(content)
        width, height = max(width, within[0]), max(height, within[1])
    if width * height > limit:
        raise DecodeError(f"{width}x{height} pixels ({header.mode}), more than {limit // 10**6} megapixels")
    amount = need(header, content, fast=fast, shrink=shrink, by=by)
    if amount > CAP:
        raise DecodeError(
            f"{width}x{height} pixels ({header.format}, {header.mode}), for which {amount // 10**6:,} MB of memory are "
            f"needed, more than {CAP // 10**6}"
        )
    with room(amount):
        yield


def _decode(content: bytes, short_side: int | None, told: list[str]) -> Tensor:
    header = _open(content)
    width, height = header.size
    target = HEADROOM * (short_side or 0)
    by = max(1, min(width, height) // target) if target and width * height > _LARGE else 1
    plain = header.mode == "RGB" and header.format in ("JPEG", "PNG", "WEBP") and not getattr(header, "n_frames", 1) > 1
    if plain and "transparency" not in header.info:
        if header.format == "JPEG" and short_side and min(width, height) >= 2 * target:
            shrink = next(one for one in (8, 4, 2) if min(width, height) >= one * target)
            with _checked(header, content, shrink=shrink):
                header.draft("RGB", (target, target))
                return pixels_of(header, told)
        late = header.format == "PNG" and _turn.told_late(content)
        if not late and not _profile.is_foreign(header) and _turn.in_exif(header):
            with _checked(header, content, fast=True):
                try:
                    decoded = _torchcodec(content)
                except (RuntimeError, MemoryError):
                    pass  # Pillow below says in plain words what is wrong, or reads it after all
                else:
                    told += [_profile.PROFILE] if _profile.is_broken(header) else []
                    return decoded if by == 1 else _brought_down(decoded, by)
    with _checked(header, content, by=by):
        return pixels_of(header, told, by)


def _brought_down(decoded: Tensor, by: int) -> Tensor:
    """A picture (3, H, W) averaged over squares of a side."""
    from PIL import Image

    rows = max(1, STRIP // (by * decoded.shape[2])) * by
    strips = (decoded[:, start : start + rows].permute(1, 2, 0) for start in range(0, decoded.shape[1], rows))
    made = [np.asarray(Image.fromarray(np.ascontiguousarray(strip)).reduce(by)) for strip in strips]
    return torch.from_numpy(np.concatenate(made)).permute(2, 0, 1)


def _even(decoded: Tensor) -> bool:
    """Whether all pixels are of one colour; nearly every picture is known not to be from a few of its pixels."""
    for step in (16, 1) if decoded[0].numel() > STRIDED else (1,):
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

    if not content:
        raise DecodeError("no bytes, and no path that can be read")
    if cause := heif_problem(content):
        raise DecodeError(cause)
    try:
        return open_pillow(content)
    except (MemoryError, RecursionError):
        raise
    except Image.DecompressionBombError as error:
        raise DecodeError(f"decompression bomb ({error})") from error
    except Exception as error:  # a damaged header can raise nearly anything
        kind = kind_of(content)
        raise DecodeError(f"{kind}, which is not read" if kind else "not an image that can be read") from error
