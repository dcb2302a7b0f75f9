"""What corruptions share: how strength goes with size, moved and blurred copies, layers that are drawn at one size.

Pictures are float32 (H, W, C) in [0, 1] here. Lengths are told in pixels of a picture whose shorter side is 224, the
size at which the authors chose them.
"""

import numpy as np

SIDE = 224  # pixels, the shorter side to which lengths refer
_LONGEST = 4096  # pixels of a layer


def scale(x: np.ndarray) -> float:
    """How many pixels of this picture are one of 224: lengths are multiplied by it."""
    return float(min(x.shape[:2]) / SIDE)


def fewer(x: np.ndarray) -> float:
    """How strong that is what happens to single pixels: sqrt(shorter side / 224), at most 1.

    One of few pixels says more than one of many. At 32 pixels this gives about what the authors chose for CIFAR-10-C:
    noise of 0.03 to 0.14 (theirs: 0.04 to 0.10), impulses in 1 to 10 % of the values (1 to 7 %).
    """
    return min(1.0, scale(x) ** 0.5)


def moved(x: np.ndarray, down: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted mean of copies that are moved by so many pixels, (k,) each; between pixels, linearly.

    All of them are one kernel, which is zero but for the four pixels about each place; edges are reflected. Each
    channel is worked out by itself, so that equal channels stay equal.
    """
    from scipy.signal import fftconvolve

    reach = int(np.ceil(max(np.abs(down).max(), np.abs(right).max()))) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    top, left = np.floor(down).astype(int), np.floor(right).astype(int)
    below, beside = down - top, right - left
    for one, share in ((0, 1 - below), (1, below)):
        for other, part in ((0, 1 - beside), (1, beside)):
            np.add.at(kernel, (reach + top + one, reach + left + other), weights * share * part)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    wide = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    return np.stack([fftconvolve(wide[..., one], kernel, "valid") for one in range(x.shape[2])], axis=2)


def softened(x: np.ndarray, sigma: float) -> np.ndarray:
    """Blurred by a Gaussian of so many of the picture's own pixels; edges are reflected."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(x, (sigma, sigma, 0)))


def taken(x: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The picture with each pixel taken from a place so far away, (H, W) each; linearly; edges are reflected."""
    rows, below = _places(np.arange(x.shape[0])[:, None] + down, x.shape[0])
    columns, beside = _places(np.arange(x.shape[1]) + right, x.shape[1])
    under, next_to = np.minimum(rows + 1, x.shape[0] - 1), np.minimum(columns + 1, x.shape[1] - 1)
    below, beside = below[..., None], beside[..., None]
    upper = x[rows, columns] * (1 - beside) + x[rows, next_to] * beside
    lower = x[under, columns] * (1 - beside) + x[under, next_to] * beside
    return np.asarray(upper * (1 - below) + lower * below)


def zoomed(x: np.ndarray, factor: float) -> np.ndarray:
    """The picture enlarged about its middle and cut to its size, linearly."""
    for axis in (0, 1):
        n = x.shape[axis]
        middle = (n - 1) / 2
        at, part = _places(middle + (np.arange(n) - middle) / factor, n)
        part = part.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        x = x.take(at, axis) * (1 - part) + x.take(np.minimum(at + 1, n - 1), axis) * part
    return x


def _places(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole place and the share of the next one, for places on a line of n that is mirrored at its ends."""
    turn = 2 * (n - 1)
    within = np.mod(at, turn)
    within = np.where(within > n - 1, turn - within, within)
    whole = np.minimum(within.astype(int), n - 1)
    return whole, (within - whole).astype(np.float32)


def layer_size(x: np.ndarray) -> tuple[int, int]:
    """Height and width of a layer for this picture: its shorter side is 224, and its longer one at most 4096."""
    height, width = x.shape[:2]
    by = min(SIDE / min(height, width), _LONGEST / max(height, width))
    return max(2, round(height * by)), max(2, round(width * by))


def fitted(layer: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A layer (h, w) brought to the size of a picture: averaged where that is smaller, else linearly."""
    from PIL import Image

    size = (x.shape[1], x.shape[0])
    made = Image.fromarray(np.ascontiguousarray(layer, dtype=np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(made)


def spread_out(grid: np.ndarray, size: tuple[int, int], cell: float, *, smooth: bool = False) -> np.ndarray:
    """The values of a grid (r, c), one each `cell` pixels, between them linearly, or smoothly, at `size` pixels."""
    for axis, n in enumerate(size):
        at = np.arange(n) / cell
        whole = at.astype(int)
        part = at - whole
        part = part * part * (3 - 2 * part) if smooth else part
        part = part.reshape((-1, 1) if axis == 0 else (1, -1)).astype(np.float32)
        grid = grid.take(whole, axis) * (1 - part) + grid.take(whole + 1, axis) * part
    return grid


def clouds(size: tuple[int, int], decay: float, rng: np.random.Generator) -> np.ndarray:
    """Fractal noise (h, w) from 0 to 1: octaves of random values, each half as wide and 1/decay as strong."""
    made = np.zeros(size, dtype=np.float32)
    cell, strength = float(SIDE), 1.0
    while cell >= 2:
        grid = rng.random([int(n / cell) + 2 for n in size], dtype=np.float32)
        made += np.float32(strength) * spread_out(grid, size, cell, smooth=True)
        cell, strength = cell / 2, strength / decay
    made -= made.min()
    return np.asarray(made / max(float(made.max()), 1e-6))
