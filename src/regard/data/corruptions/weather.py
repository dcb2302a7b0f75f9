"""Weather: snow, frost, fog, and too much light.

Hendrycks and Dietterich 2019. Layers of snow, frost and fog are drawn for a shorter side of 224 pixels and brought to
the picture's size. The authors lay photographs of frosted panes over a picture; here the panes are drawn: crystals that
branch at 60 degrees, in haze.
"""

from functools import lru_cache

import numpy as np

from ._common import SIDE, clouds, fitted, layer_size, spread_out
from .blur import trailed

# mean and spread of the noise, size of a flake, threshold, half the length and sigma of its trail, what is left of the
# picture's colours
_SNOW = (
    (0.10, 0.3, 3.0, 0.50, 10, 4, 0.80),
    (0.20, 0.3, 3.0, 0.60, 12, 4, 0.75),
    (0.55, 0.3, 4.0, 0.90, 12, 8, 0.70),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 3.0, 0.85, 12, 12, 0.55),
)
_FROST = ((1.0, 0.35), (0.9, 0.5), (0.8, 0.6), (0.7, 0.7), (0.6, 0.8))  # weight of the picture, of the pane
_FOG, _DECAY = (1.25, 1.5, 2.0, 2.5, 3.0), 1.75  # how much; how much weaker each finer octave is
_BRIGHTER = (0.1, 0.2, 0.3, 0.4, 0.5)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_PANES, _PANE, _FINE = 6, 512, 2  # how many, their side, how many times finer they are drawn
_TINT = np.array([0.84, 0.94, 1.0], dtype=np.float32)  # ice is blue


def snow(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Flakes with trails, twice, once turned by 180 degrees, before a picture that has grown pale."""
    mean, spread, flake, threshold, half, sigma, kept = _SNOW[severity - 1]
    height, width = size = layer_size(x)
    angle = np.radians(rng.uniform(45, 135))
    grid = rng.standard_normal([int(n / flake) + 2 for n in size], dtype=np.float32) * spread + mean
    layer = spread_out(grid, (height, width), flake)
    layer = np.clip(np.where(layer < threshold, 0, layer), 0, 1)
    layer = fitted(trailed(layer[..., None], half, sigma, angle)[..., 0], x)[..., None]
    pale = np.maximum(x, _grey(x) * 1.5 + 0.5)
    return np.asarray(kept * x + (1 - kept) * pale + layer + layer[::-1, ::-1])


def frost(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """A piece of a frosted pane over the picture: a x + b pane; bluish over colours."""
    kept, strength = _FROST[severity - 1]
    height, width = layer_size(x)
    pane = _pane(int(rng.integers(_PANES)))
    top, left = rng.integers(0, _PANE - SIDE + 1, 2)
    pane = pane[:, ::-1] if rng.random() < 0.5 else pane
    pane = np.pad(
        pane[top:, left:], ((0, max(0, height + top - _PANE)), (0, max(0, width + left - _PANE))), "symmetric"
    )
    layer = fitted(pane[:height, :width], x)[..., None]
    return np.asarray(kept * x + strength * layer * (_TINT if x.shape[2] == 3 else _TINT @ _LUMA))


def fog(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Fractal clouds: (x + c clouds) / (1 + c).

    The authors bring the picture to its own brightest value m in place of 1, by m / (m + c): on black nothing is seen.
    """
    much = _FOG[severity - 1]
    layer = fitted(clouds(layer_size(x), _DECAY, rng), x)[..., None]
    return np.asarray((x + much * layer) / (1 + much))


def brightness(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """The value of HSV, which is the largest of red, green and blue, is raised; hue and saturation stay."""
    value = x.max(axis=2, keepdims=True)
    raised = np.minimum(value + np.float32(_BRIGHTER[severity - 1]), 1)
    return np.where(value > 0, x * (raised / np.maximum(value, 1e-6)), raised)


def _grey(x: np.ndarray) -> np.ndarray:
    return (x @ _LUMA)[..., None] if x.shape[2] == 3 else x


@lru_cache(_PANES)
def _pane(number: int) -> np.ndarray:
    """One of the frosted panes, (512, 512) float32 in [0, 1]: the same ones always."""
    from PIL import Image, ImageDraw, ImageFilter

    rng = np.random.default_rng(number)
    side = _PANE * _FINE
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    for lines, width, light in _crystals(rng, side):
        for line in lines.tolist():
            pen.line(line, fill=light, width=width)
    glow = canvas.filter(ImageFilter.GaussianBlur(6 * _FINE))
    sharp, soft = (np.asarray(one.reduce(_FINE), dtype=np.float32) / 255 for one in (canvas, glow))
    haze = clouds((_PANE, _PANE), 1.5, rng)
    pane: np.ndarray = np.clip(0.45 * sharp + 0.55 * soft + 0.6 * haze**2, 0, 1)
    return pane


def _crystals(rng: np.random.Generator, side: int) -> list[tuple[np.ndarray, int, int]]:
    """Lines (n, 4) of arms, of their branches, and of the branches' branches, with width and light."""
    n, arms = 40, 6
    start = np.repeat(rng.uniform(0, side, (n, 2)), arms, axis=0)
    angle = (rng.uniform(0, np.pi, n)[:, None] + np.arange(arms) * np.pi / 3).ravel()
    length = (rng.uniform(0.05, 0.2, n) * side)[:, None] * rng.uniform(0.5, 1.2, (n, arms))
    length = length.ravel()
    found = []
    for branches, width, light in ((12, 3, 255), (6, 2, 225), (0, 1, 190)):
        way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        found.append((np.concatenate([start, start + length[:, None] * way], axis=1), width, light))
        at = np.linspace(0.12, 0.92, branches)
        start = (start[:, None] + (at * length[:, None])[..., None] * way[:, None]).repeat(2, axis=1).reshape(-1, 2)
        sides = np.tile([np.pi / 3, -np.pi / 3], branches)
        angle = (angle[:, None] + sides).ravel()
        length = (length[:, None] * (1 - at.repeat(2)) * 0.5).ravel()
        length = length * rng.uniform(0.6, 1.1, len(length))
    return found


CORRUPTIONS = {"snow": snow, "frost": frost, "fog": fog, "brightness": brightness}
