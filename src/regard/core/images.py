"""Conventions for pixels: RGB, float32 in [0, 1], (N, 3, H, W) inside; uint8 (H, W, 3) at the edge."""

import numpy as np

from .checks import bad

IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .jfi .pjpeg .pjp .png .apng .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm "
    ".avif .heic .heif .hif .jp2 .j2k .jpx .jpf".split()
)
MAX_PIXELS = 178_000_000  # such a picture takes 534 MB as RGB: above that it is a bomb or a map
_FAINT = 16  # levels from the ground that are not seen
_STRAY = 200  # one seen pixel in so many does not make a picture
_STRIP = 1 << 20  # pixels that are looked at or mixed at once


def as_rgb(array: np.ndarray, argument: str = "image") -> np.ndarray:
    """Return one image as uint8 (H, W, 3): grey is repeated, alpha is laid on a ground, 16 bits are scaled to 8.

    The ground is white, or black where nothing would be seen on white (`ground_of`). Floats must lie in [0, 1]. Raises
    InputError for another shape, type or range.
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
    """The level, 255 or 0, on which a picture with alpha is laid: white, or black where white would hide it.

    Black is taken where on white at most one in 200 of the visible pixels lies more than 16 levels from the ground,
    more of them do on black, and alpha itself tells pixels apart: white glyphs on nothing. It depends on the picture
    alone.

    Args:
        pixels_HWC: uint8 (H, W, 2 or 4), alpha last and not multiplied into the colours.

    >>> glyph = np.array([[[255, 255], [255, 0]]], np.uint8)
    >>> ground_of(glyph), ground_of(255 - glyph), ground_of(np.full((1, 2, 2), 255, np.uint8))
    (0, 255, 255)
    """
    alpha = pixels_HWC[..., -1]
    low, high = int(alpha.min()), int(alpha.max())
    if high - low <= _FAINT:
        return 255
    visible = on_white = on_black = 0
    rows = max(1, _STRIP // pixels_HWC.shape[1])
    for start in range(0, len(pixels_HWC), rows):
        strip = pixels_HWC[start : start + rows]
        strength = strip[..., -1].astype(np.uint16)
        colours = strip[..., :-1]
        visible += int((strength > _FAINT).sum())
        on_white += int((strength * (255 - colours.min(axis=-1)) > _FAINT * 255).sum())
        on_black += int((strength * colours.max(axis=-1) > _FAINT * 255).sum())
        if on_white * _STRAY > pixels_HWC.shape[0] * pixels_HWC.shape[1]:
            return 255  # more than one in 200 of all pixels, visible or not
    return 0 if on_white * _STRAY <= visible and on_black > on_white else 255


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
