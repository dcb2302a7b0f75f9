"""The 15 common corruptions of pictures, at 5 severities: how much a representation bears that has not seen them.

Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, Hendrycks and Dietterich, ICLR 2019.
Our own code, with the authors' strengths where nothing else is said, in one file a family: `noise`, `blur`, `weather`,
`digital`.

What differs. The authors corrupted pictures of 224 pixels, and chose other strengths for smaller ones. Here one rule
holds for all sizes: lengths go with the shorter side; noise and JPEG are weaker below 224 pixels, with the root of the
side; squares of `pixelate`, contrast, brightness and weather are as at 224. Frost is drawn, since the authors'
photographs are not ours to ship. Snow, fog, frost and elastic change have constants of ours, so that each severity is
farther from the clean picture than the one before. Figures are therefore not those of ImageNet-C.
"""

import numpy as np

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import numpy_rng
from . import blur, digital, noise, weather

__all__ = ["FAMILIES", "NAMES", "SEVERITIES", "corrupted"]

_BY_FAMILY = {
    "noise": noise.CORRUPTIONS,
    "blur": blur.CORRUPTIONS,
    "weather": weather.CORRUPTIONS,
    "digital": digital.CORRUPTIONS,
}
_FUNCTIONS = {name: function for functions in _BY_FAMILY.values() for name, function in functions.items()}

FAMILIES: dict[str, tuple[str, ...]] = {family: tuple(functions) for family, functions in _BY_FAMILY.items()}
NAMES: tuple[str, ...] = tuple(_FUNCTIONS)
SEVERITIES = (1, 2, 3, 4, 5)
_SIDES = (8, 65_500)  # pixels; a JPEG is not larger


def corrupted(image: np.ndarray, name: str, severity: int = 3, seed: int = 0) -> np.ndarray:
    """One picture, corrupted: uint8 of the same shape. The same arguments give the same bytes.

    A grey picture, with one channel or three equal ones, stays grey. The severities of one seed share their draws, as
    far as they draw the same.

    Args:
        image: (H, W), (H, W, 1) or (H, W, 3) uint8; sides of 8 to 65,500 pixels. It is not changed.
        name: one of `NAMES`, such as `fog`.
        severity: 1 to 5.
        seed: of what is drawn.

    Raises:
        InputError: another type, shape or size, an unknown name, a severity that is none of the five.

    >>> corrupted(np.full((8, 8), 100, np.uint8), "contrast", 5)[0, :3]
    array([100, 100, 100], dtype=uint8)
    >>> corrupted(np.zeros((8, 8, 3), np.uint8), "fogg")
    Traceback (most recent call last):
    regard.core.checks.InputError: name: expected one of 15 names, got 'fogg'. Did you mean 'fog'?
    """
    check_choice("name", name, NAMES)
    check_number("severity", severity, min(SEVERITIES), max(SEVERITIES), whole=True)
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (1,), (3,)):
        got = f"type {pixels.dtype}, shape {pixels.shape}"
        raise bad("image", got, "uint8 of shape (H, W), (H, W, 1) or (H, W, 3)", "core.images.as_rgb makes it so.")
    if not all(_SIDES[0] <= side <= _SIDES[1] for side in pixels.shape[:2]):
        raise bad("image", f"{pixels.shape[1]}x{pixels.shape[0]} pixels", f"sides of {_SIDES[0]} to {_SIDES[1]:,}")
    colours = pixels[..., None] if pixels.ndim == 2 else pixels
    if colours.shape[2] == 3 and (colours == colours[..., :1]).all():
        colours = colours[..., :1]
    x = colours.astype(np.float32) / np.float32(255)
    made = _FUNCTIONS[name](x, int(severity), numpy_rng(seed, "corruption", name))
    values = np.round(np.clip(made, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(
        np.broadcast_to(values, (*pixels.shape[:2], values.shape[2] if pixels.ndim == 2 else pixels.shape[2])).reshape(
            pixels.shape
        )
    )
