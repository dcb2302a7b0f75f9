"""A verification as a picture: two images side by side, a line for each match that holds, and the box found."""

import numpy as np

from ....core.checks import check_number
from ....data.pixels import Image, pixels
from .geometry import Verification

_GAP = 8
_BOX = (255, 64, 64)
_COLOURS = ((0, 200, 120), (60, 160, 255), (255, 180, 0), (200, 100, 255), (0, 200, 220), (240, 120, 160))


def draw(a: Image, b: Image, verification: Verification, height: int = 480, lines: int = 60) -> np.ndarray:
    """Draw images a and b beside each other with their inliers joined and the outline of a in b.

    Args:
        a: a path or array, as it was verified.
        b: likewise.
        verification: of a and b.
        height: of the picture in pixels; both images are brought to it.
        lines: how many inliers are drawn at most, evenly picked.

    Returns:
        uint8 (height, width, 3).

    Raises:
        InputError: not an image array, or a height below 16.
    """
    from PIL import Image, ImageDraw

    check_number("height", height, 16, 4096, whole=True)
    check_number("lines", lines, 0, whole=True)
    images = [Image.fromarray(pixels(image)) for image in (a, b)]
    zooms = [height / image.height for image in images]
    small = [image.resize((max(1, round(image.width * zoom)), height)) for image, zoom in zip(images, zooms)]
    start = small[0].width + _GAP
    canvas = Image.new("RGB", (start + small[1].width, height), "white")
    canvas.paste(small[0], (0, 0))
    right = small[1].copy()
    pen = ImageDraw.Draw(right)
    # the outline is drawn into the right image itself, so that what lies outside of it is cut off
    if verification.box is not None and verification.accepted:
        outline = [tuple((corner + 0.5) * zooms[1]) for corner in verification.box]
        pen.line([*outline, outline[0]], fill=_BOX, width=3)
    canvas.paste(right, (start, 0))
    pen = ImageDraw.Draw(canvas)
    held = verification.matches_xy[verification.inlier_mask]
    shown = held[np.unique(np.linspace(0, len(held) - 1, min(lines, len(held))).round().astype(int))]
    for place, (ax, ay, bx, by) in enumerate(shown.tolist()):
        ends = [((ax + 0.5) * zooms[0], (ay + 0.5) * zooms[0]), (start + (bx + 0.5) * zooms[1], (by + 0.5) * zooms[1])]
        pen.line(ends, fill=_COLOURS[place % len(_COLOURS)], width=1)
        for x, y in ends:
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), outline=_COLOURS[place % len(_COLOURS)])
    return np.asarray(canvas)
