"""Conventions for pixels: RGB, float32 in [0, 1], (N, 3, H, W) inside; uint8 (H, W, 3) at the edge."""

from collections.abc import Iterator

import numpy as np

from .checks import bad

# the formats that are read, by Pillow's names, with their suffixes: nothing else is handed to a decoder, as some of
# Pillow's others start a program of the machine (EPS: Ghostscript)
FORMATS = {
    "JPEG": ".jpg .jpeg .jpe .jfif .jif .jfi .pjpeg .pjp",
    "PNG": ".png .apng",
    "WEBP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "DIB": ".dib",
    "TIFF": ".tif .tiff",
    "PPM": ".ppm .pgm .pbm .pnm",
    "AVIF": ".avif",
    "HEIF": ".heic .heif .hif",
    "JPEG2000": ".jp2 .j2k .jpx .jpf",
}
IMAGE_SUFFIXES = frozenset(" ".join(FORMATS.values()).split())
MAX_PIXELS = 178_000_000  # such a picture takes 534 MB as RGB: above that it is a bomb or a map
_FAINT = 16  # levels from the ground that are not seen
_STRAY = 200  # one seen pixel in so many does not make a picture
_STRIP = 1 << 20  # pixels that are looked at or mixed at once
_GROUNDS = (255, 0, 128)  # white, black, grey: of two that show as much, the first is taken


def as_rgb(array: np.ndarray, argument: str = "image") -> np.ndarray:
    """Return one image as uint8 (H, W, 3): grey is repeated, alpha is laid on a ground, 16 bits are scaled to 8.

    The ground is white, or black or grey where white would hide the picture (`ground_of`). Floats must lie in [0, 1].
    Raises InputError for another shape, type or range.
    """
    pixels = np.asarray(array)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    elif pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all() or pixels.min(initial=0) < 0 or pixels.max(initial=0) > 1:
            raise bad(argument, "floats outside [0, 1]", "uint8, or floats in [0, 1]", "Divide 8-bit values by 255.")
        pixels = (pixels * 255).round().astype(np.uint8)
    elif pixels.dtype != np.uint8:
        raise bad(argument, f"type {pixels.dtype}", "uint8, or floats in [0, 1]")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[2] not in (1, 2, 3, 4):
        raise bad(argument, f"shape {np.shape(array)}", "shape (H, W) or (H, W, channels) with 1 to 4 channels")
    if pixels.shape[2] in (2, 4):
        pixels = laid_on(pixels, ground_of(pixels))
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)


def ground_of(pixels_HWC: np.ndarray) -> int:
    """The level, 255, 0 or 128, on which a picture with alpha is laid: white, unless white would hide it.

    A pixel is hidden on a ground from which it differs by at most 16 levels. White hides a picture where

    - it hides all visible pixels but one in 200: white glyphs on nothing; or
    - it hides more than half of them and of the outline, which is where they border on nothing: white glyphs with a
      black part. A white sheet with a dark outline is seen on white.

    Then the one of white, black and grey (128) is taken on which the most pixels are seen. Where alpha tells no pixels
    apart, it is white. It depends on the picture alone.

    Args:
        pixels_HWC: uint8 (H, W, 2 or 4), alpha last and not multiplied into the colours.

    >>> glyph = np.array([[[255, 255], [255, 0]]], np.uint8)
    >>> ground_of(glyph), ground_of(255 - glyph), ground_of(np.full((1, 2, 2), 255, np.uint8))
    (0, 255, 255)
    >>> ground_of(np.array([[[255, 255], [255, 0], [255, 255], [0, 255]]], np.uint8))
    128
    """
    alpha = pixels_HWC[..., -1]
    if int(alpha.max()) - int(alpha.min()) <= _FAINT:
        return 255
    visible, seen = 0, dict.fromkeys(_GROUNDS, 0)
    for part in _strips(pixels_HWC):
        visible += int((part[..., -1] > _FAINT).sum())
        for ground in _GROUNDS:
            seen[ground] += int(_seen(part, ground).sum())
    if seen[255] * _STRAY > visible:
        hidden = 1 - seen[255] / visible
        if hidden <= 0.5 or _outline_on_white(pixels_HWC) >= 0.5:
            return 255
    # a stray pixel does not make a ground
    most = max(seen.values()) - visible // _STRAY
    return next(ground for ground in _GROUNDS if seen[ground] and seen[ground] >= most) if max(seen.values()) else 255


def _outline_on_white(pixels_HWC: np.ndarray) -> float:
    """Share of the places where something visible borders on nothing at which white shows it; 1 if there are none."""
    borders = shown = 0
    for part in _strips(pixels_HWC, more=1):
        there, seen = part[..., -1] > _FAINT, _seen(part, 255)
        for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
            edge = there[one] != there[other]
            borders += int(edge.sum())
            shown += int((edge & (seen[one] | seen[other])).sum())
    return shown / borders if borders else 1.0


def _seen(pixels_HWC: np.ndarray, ground: int) -> np.ndarray:
    """Which pixels, mixed with a ground, differ from it by more than 16 levels."""
    low, high = (getattr(pixels_HWC[..., :-1], which)(axis=-1).astype(np.int32) for which in ("min", "max"))
    apart = np.maximum(ground - low, high - ground)
    return apart * pixels_HWC[..., -1] > _FAINT * 255


def _strips(pixels_HWC: np.ndarray, more: int = 0) -> Iterator[np.ndarray]:
    """Rows by the million pixels; each strip with so many rows of the next."""
    rows = max(1, _STRIP // pixels_HWC.shape[1])
    for start in range(0, len(pixels_HWC), rows):
        yield pixels_HWC[start : start + rows + more]


def laid_on(pixels_HWC: np.ndarray, ground: int) -> np.ndarray:
    """Mix pixels with alpha (H, W, 2 or 4) with a ground level: uint8 (H, W, 1 or 3), round(c a + ground (1 - a))."""
    colours, alpha = pixels_HWC[..., :-1], pixels_HWC[..., -1:]
    if alpha.min() == 255:
        return np.ascontiguousarray(colours)
    mixed = np.empty(colours.shape, np.uint8)
    rows = max(1, _STRIP // pixels_HWC.shape[1])
    for start in range(0, len(mixed), rows):
        part = slice(start, start + rows)
        strength = alpha[part].astype(np.uint16)
        # 255 is odd, so that no share falls on a half; 255 * 255 + 127 fits into 16 bits
        mixed[part] = (colours[part] * strength + ground * (255 - strength) + 127) // 255
    return mixed
