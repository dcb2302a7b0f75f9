"""Conventions for pixels: RGB, float32 in [0, 1], (N, 3, H, W) inside; uint8 (H, W, 3) at the edge."""

import numpy as np

from .checks import bad

IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .jfi .pjpeg .pjp .png .apng .webp .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm "
    ".avif .heic .heif .hif .jp2 .j2k .jpx .jpf".split()
)
MAX_PIXELS = 178_000_000  # such a picture takes 534 MB as RGB: above that it is a bomb or a map


def as_rgb(array: np.ndarray, argument: str = "image") -> np.ndarray:
    """Return one image as uint8 (H, W, 3): grey is repeated, alpha is laid on white, 16 bits are scaled to 8.

    Floats must lie in [0, 1]. Raises InputError for another shape, type or range.
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
    channels = pixels.shape[2]
    if channels in (2, 4):
        alpha = pixels[..., -1:].astype(np.float32) / 255
        pixels = (pixels[..., :-1] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)
