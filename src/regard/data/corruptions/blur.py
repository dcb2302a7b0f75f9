"""Blur: out of focus, through frosted glass, in motion, while zooming.

Hendrycks and Dietterich 2019, with their lengths. Kernels are worked out between pixels too, so that they mean
something in a picture of 8 pixels.
"""

import numpy as np

from ._common import moved, scale, softened, taken, zoomed

_RADIUS = (3, 4, 6, 8, 10)
_GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))  # sigma, distance, times
_MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))  # half the length, sigma
_ZOOM = (1.11, 1.16, 1.21, 1.26, 1.31)
_STEPS = (8, 48)  # pictures that a zoom is the mean of: as many as its edge moves pixels, within these


def defocus_blur(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Every point is a disc. The authors soften the disc's edge, against steps; here it has none between pixels."""
    radius = _RADIUS[severity - 1] * scale(x)
    line = np.linspace(-1, 1, 2 * int(np.ceil(max(16, 2 * radius))) + 1)
    down, right = (one.ravel() for one in np.meshgrid(line, line))
    inside = down**2 + right**2 <= 1
    return moved(x, radius * down[inside], radius * right[inside], np.ones(int(inside.sum())))


def glass_blur(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Softened, each pixel taken from somewhere near, several times, and softened again.

    The authors change places with a whole pixel, one after another; here all are taken at once, from between pixels.
    """
    sigma, distance, times = _GLASS[severity - 1]
    made = softened(x, sigma * scale(x))
    for _ in range(times):
        down, right = rng.uniform(-distance * scale(x), distance * scale(x), (2, *x.shape[:2]))
        made = taken(made, down, right)
    return softened(made, sigma * scale(x))


def motion_blur(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """A trail that fades as half a Gaussian, within 45 degrees of the horizontal."""
    half, sigma = _MOTION[severity - 1]
    return trailed(x, half * scale(x), sigma * scale(x), np.radians(rng.uniform(-45, 45)))


def trailed(x: np.ndarray, half: float, sigma: float, angle: float) -> np.ndarray:
    """The picture with a trail of 2 `half` pixels in a direction, of weight exp(-t^2 / 2 sigma^2)."""
    t = np.linspace(0, 2 * half, max(33, int(np.ceil(8 * half))))
    return moved(x, t * np.sin(angle), t * np.cos(angle), np.exp(-(t**2) / (2 * sigma**2)))


def zoom_blur(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """The mean of enlargements from 1 to a factor, in steps that move the edge by a pixel."""
    factor = _ZOOM[severity - 1]
    steps = int(np.clip(np.ceil((factor - 1) * max(x.shape[:2]) / 2), *_STEPS))
    made = np.zeros_like(x)
    for one in np.linspace(1, factor, steps):
        made += zoomed(x, float(one)) / np.float32(steps)
    return made


CORRUPTIONS = {
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
}
