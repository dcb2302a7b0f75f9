"""What screens, cameras and files do: contrast, elastic change of shape, large pixels, JPEG.

Hendrycks and Dietterich 2019.
"""

import io

import numpy as np

from .._opened import open_pillow
from ._common import fewer, fitted, layer_size, scale, softened, taken

_CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)  # what is left of it
_ELASTIC = ((0.6, 4), (1.0, 6), (1.5, 8), (2.2, 11), (3.0, 14))  # pixels: of single places, of the whole
_SMOOTH = 4.0  # pixels over which neighbouring places move alike
_PIXELS = (0.6, 0.5, 0.4, 0.3, 0.25)  # what is left of the number of pixels of a side
_QUALITY = (25, 18, 15, 10, 7)


def contrast(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Values nearer to the mean of their channel: mean + c (x - mean)."""
    mean = x.mean(axis=(0, 1), keepdims=True, dtype=np.float64)
    return np.asarray(mean + _CONTRAST[severity - 1] * (x - mean))


def elastic_transform(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Every place moves a little, its neighbours alike, and the whole by a map of three points (Simard et al. 2003).

    The authors move the whole far and places little at severities 1 and 2, and the other way round from 3 to 5; here
    both grow with the severity.
    """
    local, whole = _ELASTIC[severity - 1]
    size = layer_size(x)
    field = softened(rng.uniform(-1, 1, (*size, 2)).astype(np.float32), _SMOOTH)
    down, right = (fitted(field[..., one], x) for one in (0, 1))
    down, right = (local * scale(x) * one / max(float(one.std()), 1e-6) for one in (down, right))
    # the map that moves three corners of a square in the middle, a third of the side from it
    corners = np.array([[1, 1, 1], [1, -1, 1], [-1, 1, 1]])
    change = np.linalg.solve(corners, rng.uniform(-whole, whole, (3, 2)) * scale(x))
    height, width = x.shape[:2]
    third = min(height, width) / 3
    rows = ((np.arange(height) - (height - 1) / 2) / third)[:, None]
    columns = ((np.arange(width) - (width - 1) / 2) / third)[None]
    down, right = (
        one + change[0, axis] * rows + change[1, axis] * columns + change[2, axis]
        for axis, one in enumerate((down, right))
    )
    return taken(x, down, right)


def pixelate(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Averaged over squares of 1.7 to 4 pixels, whatever the size of the picture; the last of a row may be smaller."""
    side = 1 / _PIXELS[severity - 1]
    for _ in range(2):
        pixels = np.arange(len(x) + 1.0)
        edges = np.append(np.arange(0, len(x) - 1e-6, side), len(x))
        x = _averaged(_averaged(x, pixels, edges), edges, pixels).swapaxes(0, 1)
    return x


def _averaged(x: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Means over the intervals between new edges of what is constant between the old ones, along the first axis."""
    parts = x * np.diff(old)[:, None, None]
    total = np.concatenate([np.zeros((1, *x.shape[1:])), np.cumsum(parts, axis=0, dtype=np.float64)])
    at = np.clip(np.searchsorted(old, new, "right") - 1, 0, len(old) - 2)
    share = (new - old[at]) / (old[at + 1] - old[at])
    upto = total[at] + share[:, None, None] * parts[at]
    return np.asarray(np.diff(upto, axis=0) / np.diff(new)[:, None, None])


def jpeg_compression(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Written as JPEG and read again; steps between values are finer in small pictures, as eight pixels are a block."""
    from PIL import Image

    # of quality q the tables of steps are multiplied by 50 / q below 50 and by 2 - q / 50 above
    steps = 50 / _QUALITY[severity - 1] * fewer(x)
    quality = round(50 / steps if steps > 1 else 100 - 50 * steps)
    pixels = np.round(x * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "JPEG", quality=quality)
    made = np.asarray(open_pillow(file.getvalue()), dtype=np.float32) / 255
    return made.reshape(x.shape)


CORRUPTIONS = {
    "contrast": contrast,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
}
