"""Colours for rendered scenes, cut out of photographs and sampled without aliasing.

Colours are kept as the squares of what is shown, which is light nearly enough (a gamma of 2), so that they can be
averaged and multiplied.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_choice
from ._opened import open_pillow
from ._photos import photos

# two sets that share no photograph: (on the wall, on the ground, on solids besides)
FAMILIES = {
    "a": (
        ("china", "astronaut", "coffee", "motorcycle_left", "hubble_deep_field"),
        ("brick", "grass", "page", "coffee"),
        ("coins", "cell", "retina"),
    ),
    "b": (
        ("flower", "chelsea", "rocket", "camera", "ihc"),
        ("gravel", "moon", "text", "chelsea"),
        ("microaneurysms",),
    ),
}
_SIDE = 64  # texels of a texture; a power of 2
_LEVELS = 7
_MOST = 640  # pixels, the longer side that a photograph is kept with


@lru_cache(2)
def album(family: str) -> dict[str, tuple[Any, ...]]:
    """The photographs of a family that are installed, as Pillow has them, by use: `wall`, `ground`, `solid`."""
    check_choice("family", family, FAMILIES)
    files = {Path(str(item)).stem: Path(str(item)) for item in photos().items}
    wall, ground, more = FAMILIES[family]
    kept: dict[str, Any] = {}
    for name in dict.fromkeys((*wall, *ground, *more)):
        if name in files:
            kept[name] = open_pillow(files[name]).convert("RGB")
            kept[name].thumbnail((_MOST, _MOST))
    uses = {"wall": wall, "ground": ground, "solid": (*wall, *ground, *more)}
    found = {use: tuple(kept[name] for name in dict.fromkeys(names) if name in kept) for use, names in uses.items()}
    if not all(found.values()):
        raise bad("family", f"{family!r}, of whose photographs none is installed", "scikit-image's and scikit-learn's")
    return found


def cut(rng: np.random.Generator, use: str, family: str, side: int, share: tuple[float, float]) -> np.ndarray:
    """A square of a photograph as (side, side, 3) float32 light; its side is U(share) of the shorter one."""
    from PIL import Image

    known = album(family)[use]
    photo = known[int(rng.integers(len(known)))]
    length = min(photo.size) * rng.uniform(*share)
    left, top = rng.uniform(0, photo.size[0] - length), rng.uniform(0, photo.size[1] - length)
    box = (left, top, left + length, top + length)
    made = np.asarray(photo.resize((side, side), Image.Resampling.BILINEAR, box, reducing_gap=2.0), dtype=np.float32)
    made = made[:, ::-1] if rng.random() < 0.5 else made
    light: np.ndarray = (made / np.float32(255)) ** 2
    return light


def tinted(
    rng: np.random.Generator, light: np.ndarray, strength: float, pure: tuple[float, float] = (0.2, 0.9)
) -> np.ndarray:
    """Light whose colour is drawn towards one hue, by a share `strength`, and stretched to be neither dark nor flat."""
    grey = light.mean(axis=2, keepdims=True)
    low, high = np.quantile(grey, [0.02, 0.98])
    grey = np.clip((grey - low) / max(float(high - low), 0.05), 0, 1) * np.float32(0.6) + np.float32(0.12)
    colour = hue(rng, pure)
    made: np.ndarray = (1 - strength) * np.clip(light * 1.2 + 0.02, 0, 1) + strength * grey * colour * 1.6
    return np.clip(made, 0, 1).astype(np.float32)


def hue(rng: np.random.Generator, pure: tuple[float, float] = (0.2, 0.9)) -> np.ndarray:
    """A colour (3,) of any hue, brightest channel 1; `pure` from 0, white, to 1."""
    turn, much = rng.uniform(0, 6), rng.uniform(*pure)
    k = (np.array([5, 3, 1]) + turn) % 6
    return np.asarray(1 - much * np.clip(np.minimum(k, 4 - k), 0, 1), dtype=np.float32)


def pattern(rng: np.random.Generator) -> np.ndarray:
    """Stripes, checks or dots of two colours as (side, side, 3) light."""
    one, other = hue(rng) * np.float32(rng.uniform(0.5, 0.9)), hue(rng) * np.float32(rng.uniform(0.05, 0.4))
    at = np.arange(_SIDE)
    count = int(rng.choice([4, 8]))
    stripes = (at * count // _SIDE) % 2 == 0
    kind = int(rng.integers(3))
    if kind == 0:
        where = np.broadcast_to(stripes[:, None], (_SIDE, _SIDE))
    elif kind == 1:
        where = stripes[:, None] ^ stripes[None, :]
    else:
        step = 2 * _SIDE // count
        near = (at % step - step / 2 + 0.5) ** 2
        where = near[:, None] + near[None, :] < (0.33 * step) ** 2
    return np.where(where[..., None], one, other).astype(np.float32)


@dataclass(frozen=True)
class Texture:
    """A square of light, mirrored on and on, with averages over squares of 2, 4, 8 ... texels.

    Attributes:
        texels: all levels one after another, (k, 3).
        scale: texels to a metre.
    """

    texels: np.ndarray
    scale: float

    @classmethod
    def of(cls, light: np.ndarray, metres: float) -> "Texture":
        """Of a square (side, side, 3) that covers so many metres."""
        levels = [light]
        while len(levels) < _LEVELS:
            last = levels[-1]
            levels.append((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]) / np.float32(4))
        return cls(np.concatenate([one.reshape(-1, 3) for one in levels]), len(light) / metres)

    def at(self, x: np.ndarray, y: np.ndarray, pixel: np.ndarray) -> np.ndarray:
        """Light (..., 3) at places in metres, each averaged over about `pixel` metres."""
        level = np.clip(np.log2(np.maximum(pixel * self.scale, 1e-6)), 0, _LEVELS - 1).astype(np.int32)
        side = np.int32(_SIDE) >> level
        start = (4**_LEVELS - (np.int32(4) ** (_LEVELS - level))) // 3
        down, across = (
            np.asarray(one * self.scale, dtype=np.float32) / (1 << level) - np.float32(0.5) for one in (y, x)
        )
        top, left = np.floor(down), np.floor(across)
        below, right = (down - top)[..., None], (across - left)[..., None]
        rows = [_mirrored(top.astype(np.int32) + one, side) * side + start for one in (0, 1)]
        columns = [_mirrored(left.astype(np.int32) + one, side) for one in (0, 1)]
        texels = self.texels
        upper = texels[rows[0] + columns[0]] * (1 - right) + texels[rows[0] + columns[1]] * right
        lower = texels[rows[1] + columns[0]] * (1 - right) + texels[rows[1] + columns[1]] * right
        made: np.ndarray = upper * (1 - below) + lower * below
        return made


def _mirrored(place: np.ndarray, side: np.ndarray) -> np.ndarray:
    within = place & (2 * side - 1)  # sides are powers of 2
    return np.minimum(within, 2 * side - 1 - within)
