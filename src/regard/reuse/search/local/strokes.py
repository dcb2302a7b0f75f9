"""A stroke more or less on a paper: figures as small as print that cells of 16 x 16 pixels do not tell apart."""

import numpy as np

from .agreement import Box, Laid
from .tones import same_blur

SIDE = 2048  # of the part that both show, in pixels, at most
_MORE = 0.13  # of the range of levels; copies show up to 0.1, a 3 made an 8 at 14 pixels 0.15 and more
_SOFT = 0.7  # pixels of blur, so that a map that is off by a fraction of a pixel leaves little
_LEAST = 24.0  # levels
_SPOT = 3  # pixels a side of a spot, over whose mean grain and the seams of compression cancel
_ABOUT = 17  # pixels a side of what may lie beside its place as one
_BESIDE = np.arange(-1.5, 1.6, 0.5)  # pixels


def other_stroke(placed: Laid) -> Box | None:
    """Where two papers laid on each other differ in a stroke, in b's pixels; None where they do not.

    Means of 3 x 3 pixels are compared at the resolution of the coarser one, after blur and tones were brought to each
    other. What lies about a pixel may lie up to 1.5 pixels beside its place, in steps of half a pixel: the map is not
    exact. The place is where most is left at the best of these.
    """
    import cv2

    height, width = placed.here.shape[:2]
    if min(height, width) < _ABOUT:
        return None
    # what the edge of the map leaves out, and what the shifts bring in from beyond it
    edge = np.zeros((height, width), np.uint8)
    edge[2:-2, 2:-2] = placed.covered[2:-2, 2:-2]
    covered = cv2.erode(edge, np.ones((5, 5), np.uint8)).astype(np.float32)
    one, two = (cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32) for part in (placed.there, placed.here))
    if not covered.any():
        return None
    one, two = same_blur(*(cv2.GaussianBlur(part, (0, 0), _SOFT) for part in (one, two)))
    # a paper has two tones, so that the level of the paper and the contrast say all
    inside = covered > 0
    paper_one, paper_two = (float(np.median(part[inside])) for part in (one, two))
    spread_one, spread_two = (max(float(part[inside].std()), 1e-3) for part in (one, two))
    spread = max(spread_one, spread_two)
    if spread < 1.35 * min(spread_one, spread_two):
        spread_one = spread_two = spread  # what is left of blur is no contrast
    one, two = (one - paper_one) * (spread / spread_one), (two - paper_two) * (spread / spread_two)
    inked = two[covered > 0]
    enough = max(_LEAST, _MORE * float(inked.max() - inked.min()))
    left: np.ndarray | None = None
    around = np.ones((_ABOUT, _ABOUT), np.uint8)
    for down in sorted(_BESIDE, key=abs):
        for across in sorted(_BESIDE, key=abs):
            shift = np.array([[1, 0, across], [0, 1, down]], np.float32)
            moved = cv2.warpAffine(one, shift, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            apart = cv2.dilate(np.abs(cv2.blur((moved - two) * covered, (_SPOT, _SPOT))), around)
            left = apart if left is None else np.minimum(left, apart)
            if float(left.max()) <= enough:
                return None
    assert left is not None
    y, x = (int(value) for value in np.unravel_index(int(left.argmax()), left.shape))
    half = _ABOUT // 2
    box = (max(0, x - half), max(0, y - half), min(width, x + half), min(height, y + half))
    return placed.box_in_b(box, 1, 1)
