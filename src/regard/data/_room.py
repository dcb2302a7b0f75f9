"""How much memory a picture takes on its way to pixels, from its header alone, and a gate that adds these up.

A header may promise anything. What a decoder will need is counted before it starts: a picture that needs more than
537 MB is refused, and of pictures that are decoded at the same time those wait that would bring the sum above it.
The figures are bytes a pixel, measured as the peak of a process that decodes 25 megapixels.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, local
from typing import Any

CAP = 512 * 2**20
MAX_BYTES = 400 * 2**20  # of a file: an uncompressed photograph of 130 megapixels
LARGE_FILE = 64 * 2**20
_SCANS = 100  # a progressive JPEG has about ten; each goes through the whole picture
_SCANNED = 10**9  # pixels that many scans may go through, all together
_STRIPS = (256, 257, 258, 259, 277, 278, 322, 323)  # a TIFF's tags: size, bits, compression, samples, rows, tiles
_ORIENTATION = 274
_COD, _SIZ = b"\xff\x52", b"\xff\x4f\xff\x51"  # JPEG 2000's markers


class Refused(ValueError):
    """A picture that would take more memory or time than any should; the text says why."""


def need(image: Any, content: bytes, *, fast: bool = False, shrink: int = 1, by: int = 1) -> int:
    """Bytes that decoding will take at most, the file included: decoder, Pillow's pixels and the result.

    Args:
        image: as Pillow opened it, not loaded.
        content: the file.
        fast: whether torchcodec decodes it, straight to three bytes a pixel.
        shrink: of a JPEG, by how much the decoder itself reduces both sides.
        by: by how much both sides are reduced as the pixels are taken from Pillow.

    Raises:
        Refused: a header that promises what no picture has.
    """
    width, height = image.size
    pixels, mode, kind = width * height, image.mode, image.format
    given = pixels // shrink**2  # that come out of the decoder
    within = _progressive(image, content, pixels) if kind in ("JPEG", "MPO") else 0
    if fast:
        return 2 * len(content) + within + (7 if kind == "WEBP" else 3) * pixels
    stored = 1 if mode in ("1", "L", "P") else 2 if mode.startswith("I;16") else 4
    kept = 12 * pixels if kind == "WEBP" else 0  # the canvases of an animation, which a still picture has as well
    if kind in ("AVIF", "HEIF"):
        within = (14 if kind == "HEIF" or _high_depth(content) else 8) * pixels
    elif kind == "JPEG2000":
        within = _tiles_of_jpeg2000(content)
    elif kind == "TIFF":
        within = _strip_of_tiff(image)
    clear = mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info
    grey = mode in ("1", "L", "I", "F") or mode.startswith("I;16")
    bands = 4 if clear else 1 if grey else 3
    converted = 0 if mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info else bands
    made = converted + 8 * ("icc_profile" in image.info) + 4 * _may_turn(image)
    after = made * given + (bands + 3 * (bands != 3)) * given // by**2
    return 2 * len(content) + stored * given + kept + max(within, after)


def size_of_jpeg2000(content: bytes) -> tuple[int, int]:
    """The largest width and height that a code stream within a JPEG 2000 file has, whatever its boxes say."""
    found = [(its[0], its[1]) for its in _code_streams(content)]
    return max((w for w, _ in found), default=0), max((h for _, h in found), default=0)


def _may_turn(image: Any) -> bool:
    """Whether something is said of how a picture is turned, for which it is copied."""
    if image.format == "TIFF":
        return bool(image.tag_v2.get(_ORIENTATION, 1) != 1)
    return any(name in image.info for name in ("exif", "xmp", "XML:com.adobe.xmp"))


def _progressive(image: Any, content: bytes, pixels: int) -> int:
    """Coefficients of a progressive JPEG, which are kept until all scans are through."""
    if not image.info.get("progressive"):
        return 0
    scans = content.count(b"\xff\xda")
    if scans > _SCANS and scans * pixels > _SCANNED:
        raise Refused(f"{scans} scans of {pixels // 10**6} megapixels, more than a picture has")
    parts = [(down, across) for _, down, across, _ in image.layer]
    most = max((down * across for down, across in parts), default=1)
    return int(2 * pixels * sum(down * across for down, across in parts) / max(most, 1))


def _high_depth(content: bytes) -> bool:
    """Whether an AVIF file has more than 8 bits for a value, by the box av1C."""
    place = content.find(b"av1C")
    return place < 0 or len(content) <= place + 6 or bool(content[place + 6] & 0x40)


def _strip_of_tiff(image: Any) -> int:
    """What libtiff takes out of a compressed TIFF at once: a strip, or a tile, which may be larger than the picture."""
    width, height, bits, compression, samples, rows, across, down = (image.tag_v2.get(tag) for tag in _STRIPS)
    if compression in (None, 1):
        return 0
    depth = max(bits) if isinstance(bits, tuple) else int(bits or 1)
    area = int(across) * int(down) if across and down else int(width) * min(int(rows or height), int(height))
    return area * int(samples or 1) * max(depth, 8) // 8


def _code_streams(content: bytes) -> Iterator[tuple[int, int, int, int, int, int, int]]:
    """Width, height, pixels of a tile, tiles, components and a code block's and precinct's pixels of each stream."""
    place = -1
    for _ in range(64):
        place = content.find(_SIZ, place + 1)
        head = content[place + 8 : place + 42]
        if place < 0 or len(head) < 34:
            return
        right, bottom, left, top, across, down, first, above, = (
            int.from_bytes(head[at : at + 4], "big") for at in range(0, 32, 4)
        )  # fmt: skip
        components = int.from_bytes(head[32:34], "big")
        width, height = right - left, bottom - top
        if min(width, height, across, down, components) <= 0:
            raise Refused("a JPEG 2000 header that makes no sense")
        tiles = math.ceil((right - first) / across) * math.ceil((bottom - above) / down)
        block, precinct = _blocks(content, place)
        yield width, height, min(across, right) * min(down, bottom), tiles, components, block, precinct


def _blocks(content: bytes, place: int) -> tuple[int, int]:
    """Pixels of a code block and of the smallest precinct, by the first COD marker after a stream's beginning."""
    at = content.find(_COD, place)
    said = content[at + 4 : at + 14 + 33]
    if at < 0 or len(said) < 10:
        return 4096, 2**30
    block = 1 << (said[6] + 2 + said[7] + 2 if said[6] + said[7] <= 16 else 4)
    sizes = said[10 : 11 + said[5]] if said[0] & 1 else b""
    return block, 1 << min((size % 16 + size // 16 for size in sizes), default=30)


def _tiles_of_jpeg2000(content: bytes) -> int:
    """OpenJPEG: 5.5 bytes for each value of a tile, 400 for each code block, and what it keeps of every tile."""
    most = 0
    for _, _, area, tiles, components, block, precinct in _code_streams(content):
        if components > 4 or tiles > 65535:
            raise Refused(f"{components} components in {tiles} tiles, more than a picture has")
        cells = area * components // max(1, min(block, precinct))
        most = max(most, int(5.5 * area * components) + 400 * cells + tiles * (6000 + 1200 * components))
    return most


_gate = Condition()
_taken = 0
_mine = local()


@contextmanager
def room(amount: int) -> Iterator[None]:
    """Wait until so many bytes are free of `CAP`; one that needs more goes alone."""
    global _taken
    if getattr(_mine, "alone", False):
        yield
        return
    with _gate:
        _gate.wait_for(lambda: _taken == 0 or _taken + amount <= CAP)
        _taken += amount
    try:
        yield
    finally:
        with _gate:
            _taken -= amount
            _gate.notify_all()


@contextmanager
def room_for(item: Any) -> Iterator[None]:
    """For whoever reads a file, decodes it and goes on with the pixels: a file of over 64 MB goes alone all the way."""
    try:
        large = isinstance(item, Path) and item.stat().st_size > LARGE_FILE
    except (OSError, ValueError):
        large = False
    if not large:
        yield
        return
    with room(CAP):
        _mine.alone = True
        try:
            yield
        finally:
            _mine.alone = False
