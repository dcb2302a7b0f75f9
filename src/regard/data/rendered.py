"""Digits drawn with fonts: a labelled source domain that costs nothing, for handwritten digits as the target domain.

Every number is drawn large from one of the fonts that come with matplotlib, varied as print and scans vary, and then
averaged down to 8x8, white on black: the form of scikit-learn's handwritten digits. What is left between the two
domains is the difference between fonts and hands.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import check_number
from ..core.runtime import numpy_rng
from .imageset import ImageSet

# the text fonts of matplotlib; the others of its folder hold symbols in the places of the digits
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-BoldOblique",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralBolIta",
    "STIXGeneralItalic",
    "cmb10",
    "cmmi10",
    "cmr10",
    "cmss10",
    "cmti10",
    "cmtt10",
)
_SIDE = 64  # pixels of the canvas before it is averaged down
_POINTS = 128  # font size: digits come about 93 pixels high


def rendered_digits(n: int = 2000, seed: int = 0, size: int = 8) -> ImageSet:
    """Draw n digits, as many of each, as grey uint8 arrays (size, size), with labels "0" to "9" and a column `font`.

    Each is varied by itself: height 85 to 100 % of the canvas and width up to 15 % more or less (handwritten digits
    are cut to their box too, so place and size carry little), strokes up to 4 pixels of 64 thicker (never thinner: the
    hairlines of print would vanish at 8x8), rotation up to 12 degrees and slant up to 15 degrees either way, shift up
    to 5 %, blur of up to 1.5 pixels of 64, brightness 75 to 100 %.

    >>> images = rendered_digits(20)
    >>> len(images), images.items[0].shape, images.classes[:3]
    (20, (8, 8), ['0', '1', '2'])
    """
    check_number("n", n, 10, whole=True)
    check_number("size", size, 8, _SIDE, whole=True)
    rng = numpy_rng(seed, "rendered_digits", n, size)
    digits = rng.permutation(np.arange(n) % 10)
    fonts = np.array(FONTS)[rng.integers(len(FONTS), size=n)]
    items = [_drawn(str(font), int(digit), size, rng) for font, digit in zip(fonts, digits)]
    ids = np.array([f"rendered_digits/{place:04d}" for place in range(n)])
    return ImageSet(items, ids, digits.astype(str), {"font": fonts}, "rendered_digits")


def _drawn(font: str, digit: int, size: int, rng: np.random.Generator) -> np.ndarray:
    from PIL import Image, ImageFilter

    glyph = _glyph(font, digit, int(rng.integers(4)))
    height = rng.uniform(0.85, 1.0) * _SIDE
    width = min(height * glyph.width / glyph.height * rng.uniform(0.85, 1.15), _SIDE)
    angle, slant = np.radians(rng.uniform(-12, 12)), np.tan(np.radians(rng.uniform(-15, 15)))
    shift = rng.uniform(-0.05, 0.05, 2) * _SIDE
    # from the canvas back to the glyph: undo shift, rotation and slant about the middle, then size
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    back = np.diag([glyph.width / width, glyph.height / height]) @ np.array([[1, slant], [0, 1]]) @ turn
    middle = np.array([glyph.width, glyph.height]) / 2 - back @ (_SIDE / 2 + shift)
    canvas = glyph.transform(
        (_SIDE, _SIDE),
        Image.Transform.AFFINE,
        (*back[0], middle[0], *back[1], middle[1]),
        Image.Resampling.BILINEAR,
    )
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5))).resize((size, size), Image.Resampling.BOX)
    return (np.asarray(canvas) * rng.uniform(0.75, 1.0)).round().astype(np.uint8)


@lru_cache(maxsize=1024)
def _glyph(font: str, digit: int, weight: int) -> Any:
    """A digit, white on black, cut to its box; strokes 2 pixels thicker for each step of weight."""
    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    letters = ImageFont.truetype(font_file(font), _POINTS)
    left, top, right, bottom = letters.getbbox(str(digit))
    image = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))  # with room for thicker strokes
    ImageDraw.Draw(image).text((4 - left, 4 - top), str(digit), fill=255, font=letters)
    image = image.filter(ImageFilter.MaxFilter(2 * weight + 1))
    return image.crop(image.getbbox())


def font_file(name: str) -> Path:
    """Where one of matplotlib's fonts lies, found without importing matplotlib."""
    spec = find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise ModuleNotFoundError("rendered_digits needs matplotlib, for its fonts: pip install matplotlib")
    return Path(folders[0]) / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"
