"""Pictures of a look inside a network: mosaics of patches and filters, signed pictures, heat over a picture."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from PIL import Image

from ..report.picture import embedded
from ..representation.seeing.receptive import Rectangle

TILE, GAP = 96, 3  # pixels of one of nine patches, and between two of them
COARSE = 14  # cells of a side of a map that squares made
_GROUND = (226, 229, 233)
_MARK = (10, 106, 166)  # of the place that a cell stands over
# from nothing to much: dark violet, red, yellow; light rises all the way, so that it reads without colour too
_HEAT = np.array([(13, 8, 50), (87, 15, 109), (164, 40, 103), (229, 84, 68), (252, 158, 53), (250, 235, 140)], float)
_LUMA = np.array([0.299, 0.587, 0.114])


def signed(values_HWC: np.ndarray, side: int = 0, share: float = 99.0) -> np.ndarray:
    """Values of either sign as uint8 (h, w, 3): 0 is grey, and all but the largest in 100 fit the scale.

    Args:
        values_HWC: (H, W, 3).
        side: what a larger picture is brought down to first, so that thin lines keep their contrast; 0: as it is.
        share: of the values that the scale holds, in per cent.
    """
    height, width = values_HWC.shape[:2]
    shrink = side / max(height, width) if side else 1
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        planes = [Image.fromarray(values_HWC[..., one].astype(np.float32)) for one in range(3)]
        values_HWC = np.stack([np.asarray(one.resize(size, Image.Resampling.BOX)) for one in planes], axis=2)
    most = float(np.percentile(np.abs(values_HWC), share)) or float(np.abs(values_HWC).max()) or 1.0
    return ((0.5 + 0.5 * np.clip(values_HWC / most, -1, 1)) * 255).round().astype(np.uint8)


def heated(pixels_HWC: np.ndarray, heat_hw: np.ndarray) -> np.ndarray:
    """A picture in grey under a map of at least 0, on its own scale: uint8 (H, W, 3)."""
    height, width = pixels_HWC.shape[:2]
    most = float(heat_hw.max())
    scaled = Image.fromarray((np.clip(heat_hw, 0, None) / (most if most > 0 else 1)).astype(np.float32))
    if max(scaled.size) > COARSE:  # squares that slid over the picture: their edges are nothing of the picture's
        scaled = scaled.resize((COARSE, COARSE), Image.Resampling.BOX)
    heat = np.clip(np.asarray(scaled.resize((width, height), Image.Resampling.BICUBIC)), 0, 1)[..., None]
    place = heat[..., 0] * (len(_HEAT) - 1)
    colour = np.stack([np.interp(place, range(len(_HEAT)), _HEAT[:, one]) for one in range(3)], axis=2)
    grey = (pixels_HWC @ _LUMA)[..., None].repeat(3, axis=2)
    light = 0.35 + 0.65 * heat
    return np.clip((1 - light) * (0.4 * grey) + light * colour * (0.55 + 0.45 * grey / 255), 0, 255).astype(np.uint8)


def outlined(pixels_HWC: np.ndarray, box: Rectangle) -> np.ndarray:
    """A copy with the outline of a rectangle, white outside and blue inside, that stays seen on a tile."""
    made = pixels_HWC.copy()
    thick = max(1, round(max(made.shape[:2]) / TILE))
    top, left, bottom, right = box
    for colour in ((255, 255, 255), _MARK):
        for one in (slice(top, top + thick), slice(bottom - thick, bottom)):
            made[one, left:right] = colour
        for one in (slice(left, left + thick), slice(right - thick, right)):
            made[top:bottom, one] = colour
        top, left, bottom, right = top + thick, left + thick, bottom - thick, right - thick
    return made


def mosaic(tiles: Sequence[np.ndarray], columns: int, tile: int = TILE, *, smooth: bool = True) -> Image.Image:
    """Pictures (h, w, 3) uint8 in rows, each brought to one size without changing its shape."""
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (tile + GAP) - GAP, rows * (tile + GAP) - GAP), _GROUND)
    for place, one in enumerate(tiles):
        height, width = one.shape[:2]
        scale = tile / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        kind = Image.Resampling.LANCZOS if smooth or scale < 1 else Image.Resampling.NEAREST
        small = Image.fromarray(one).resize(size, kind)
        row, column = divmod(place, columns)
        corner = (column * (tile + GAP) + (tile - size[0]) // 2, row * (tile + GAP) + (tile - size[1]) // 2)
        sheet.paste(small, corner)
    return sheet


def framed(picture: Image.Image | np.ndarray, alt: str, side: int = 0) -> Markup:
    """An image that the page carries in itself, at most `side` pixels long; 0: as large as it is."""
    whole = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    return embedded(whole, alt, side or max(whole.size))
