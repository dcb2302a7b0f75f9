"""What Pillow has read as the pixels that `decode` promises: every mode, wide grey, profiles, orientation and alpha."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.images import as_rgb, ground_of, laid_on
from . import _profile, _turn

ON_BLACK = "laid on black, as white would hide it"
ON_GREY = "laid on grey, as white would hide it"
CLEAR = "blank: every pixel is transparent"
STRIP = 2**20  # pixels that leave Pillow's memory at once


def pixels_of(image: Any, told: list[str], by: int = 1) -> Tensor:
    """The picture (3, H, W) uint8, upright, in sRGB, alpha laid on its ground; what is to be told is added to `told`.

    Args:
        image: a Pillow image, loaded here.
        told: sentences, such as `ON_BLACK`.
        by: the side of the squares over which it is averaged.
    """
    image.load()
    told += [_profile.PROFILE] if _profile.is_broken(image) else []
    said = _turn.orientation(image)
    array = _array(_turn.upright(_profile.to_srgb(_simple(image)), said), by)
    pixels = as_rgb(grounded(array, told))
    return torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy()).permute(2, 0, 1)


def _array(image: Any, by: int = 1) -> np.ndarray:
    """Pillow's pixels, averaged over squares of a side; strip by strip, as Pillow makes two copies on the way."""
    strips = _strips(image, by)
    pixels, place = next(strips), 0
    if len(pixels) == -(-image.size[1] // by):
        return pixels
    first, pixels = pixels, np.empty((-(-image.size[1] // by), *pixels.shape[1:]), pixels.dtype)
    for strip in chain([first], strips):
        pixels[place : place + len(strip)] = strip
        place += len(strip)
    return pixels


def _strips(image: Any, by: int = 1) -> Iterator[np.ndarray]:
    width, height = image.size
    if width * height <= 4 * STRIP and by == 1:
        yield np.asarray(image)
        return
    rows = max(1, STRIP // (by * width)) * by
    for start in range(0, height, rows):
        strip = image.crop((0, start, width, min(start + rows, height)))
        yield np.asarray(strip if by == 1 else strip.reduce(by))


def grounded(pixels: np.ndarray, told: list[str]) -> np.ndarray:
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
        simple = Image.fromarray(np.concatenate([_levels(values, clear) for values in _strips(image)]))
    elif mode in ("P", "PA") or clear is not None:
        simple = image.convert("RGBA")
    elif mode in ("RGB", "RGBA", "L", "LA") or (mode == "CMYK" and _profile.is_foreign(image)):
        return image
    else:
        simple = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA"}.get(mode, "RGB"))
    # a profile of ink or grey does not fit what was made of them
    simple.info = {} if mode == "CMYK" else {key: info[key] for key in ("icc_profile",) if key in info}
    return simple


def _levels(values: np.ndarray, clear: Any) -> np.ndarray:
    """Grey of over 8 bits as 8 bits, (H, W); with alpha, (H, W, 2), where PNG names a level that stands for nothing."""
    grey = as_rgb(_wide(values))[..., 0]
    return np.stack([grey, np.where(values == clear, 0, 255)], -1).astype(np.uint8) if isinstance(clear, int) else grey


def _wide(values: np.ndarray) -> np.ndarray:
    """Grey values of over 8 bits: whole ones from 0 to 65,535, or floats from 0 to 1; others have no known scale."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    whole = np.issubdtype(values.dtype, np.integer)
    if not (low >= 0 and high <= (65535 if whole else 1)):
        kind = "65535" if whole else "1, as floating point"
        raise ValueError(f"grey values from {low:g} to {high:g}, expected 0 to {kind}")
    return values.astype(np.uint16 if whole else np.float32)
