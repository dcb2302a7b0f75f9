"""Depth in colours: yellow is near and dark blue far, on a logarithmic scale, with a bar that tells the metres."""

from functools import lru_cache
from math import log
from typing import Any

import numpy as np

from .lettering import letters

UNKNOWN = (58, 62, 70)  # grey, which is no colour of the scale
TICKS = (1, 2, 5)  # of each power of ten


@lru_cache(maxsize=1)
def _scale() -> np.ndarray:
    """(256, 3) uint8, from far to near."""
    import matplotlib

    return (255 * matplotlib.colormaps["viridis"](np.arange(256))[:, :3]).round().astype(np.uint8)


def painted(metres_HW: np.ndarray, near: float, far: float) -> np.ndarray:
    """A map as (H, W, 3) uint8; grey where the depth is NaN, the ends of the scale beyond `near` and `far`."""
    known = ~np.isnan(metres_HW)
    logs = np.log(np.where(known, metres_HW, near).astype(np.float64).clip(near, far))
    share = (log(far) - logs) / max(log(far) - log(near), 1e-9)
    made = _scale()[(255 * share).round().astype(np.intp)]
    made[~known] = UNKNOWN
    return made


def limits(*maps: np.ndarray) -> tuple[float, float]:
    """The nearest and the farthest depth of maps, but for half a per cent at both ends; (1, 2) where none is known."""
    known = np.concatenate([one[~np.isnan(one)].ravel() for one in maps])
    if not len(known):
        return 1.0, 2.0
    near, far = (float(one) for one in np.quantile(known, (0.005, 0.995)))
    return near, max(far, 1.01 * near)


def ticks(near: float, far: float, most: int = 6) -> list[float]:
    """Round depths between two ends, of which a bar shows at most so many.

    >>> ticks(0.8, 9.0)
    [1.0, 2.0, 5.0]
    >>> ticks(2.1, 2.9)
    [2.1, 2.9]
    """
    found = [one * 10.0**power for power in range(-3, 5) for one in TICKS if near <= one * 10.0**power <= far]
    if len(found) < 2:
        return [float(f"{near:.2g}"), float(f"{far:.2g}")]
    return found[:: -(-len(found) // most)]


def with_bar(picture: Any, near: float, far: float, size: int) -> Any:
    """The PIL picture with a strip below it: the scale from near to far, and what its places are in metres."""
    from PIL import Image, ImageDraw

    wide, high = picture.size
    gap, thick = size // 2, size
    strip = Image.new("RGB", (wide, high + thick + 2 * gap + round(1.4 * size)), (255, 255, 255))
    strip.paste(picture, (0, 0))
    inner = max(wide - 2 * gap, 2)
    row = np.exp(np.linspace(log(near), log(far), inner))[None]
    strip.paste(Image.fromarray(painted(np.repeat(row, thick, axis=0), near, far)), (gap, high + gap))
    draw, font = ImageDraw.Draw(strip), letters(size)
    free = 0.0
    for metres in ticks(near, far):
        text = f"{metres:g} m"
        length = font.getlength(text)
        place = gap + inner * min(max(log(metres / near) / log(far / near), 0.0), 1.0)
        left = min(max(place - length / 2, 0), wide - length)
        if left < free or left < 0:
            continue
        draw.line((place, high + gap + thick - 3, place, high + gap + thick + 2), fill=(0, 0, 0), width=2)
        draw.text((left, high + gap + thick + 3), text, fill=(0, 0, 0), font=font)
        free = left + length + gap
    return strip
