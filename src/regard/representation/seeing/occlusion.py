r"""Occlusion: a grey square slides over the picture, and where the answer falls most, there it came from.

Zeiler and Fergus 2014, section 4.2 and figure 6. It asks the network again for each place and needs nothing of its
inside: any network, and any way of making a vector, will do. With squares S that cover pixel p:

    map(p) = mean over S of score(whole) - score(covered by S)
"""

from collections.abc import Callable, Iterator

import numpy as np

from ...core.checks import bad, check_number

Score = Callable[[np.ndarray], np.ndarray]  # pixels (n, 3, H, W) uint8 to scores (n,)
GREY = 128


def occlusion(
    score: Score, pixels_CHW: np.ndarray, *, side: int, stride: int, batch: int = 16, fill: int = GREY
) -> np.ndarray:
    """How much a score falls where a grey square covers the picture.

    Args:
        score: asked of batches of covered pictures.
        pixels_CHW: (3, H, W) uint8.
        side: of the square, in pixels.
        stride: between two of its places; the last row and column of places touch the edge.
        batch: pictures a call.
        fill: grey level of the square.

    Returns:
        (H, W) float64: the mean fall over all squares that cover a pixel; below 0 where the score rises.

    Raises:
        InputError: a square larger than the picture, or a stride larger than the square, which would leave gaps.
    """
    height, width = pixels_CHW.shape[1:]
    check_number("side", side, 1, min(height, width), whole=True)
    check_number("stride", stride, 1, side, whole=True)
    if pixels_CHW.dtype != np.uint8:
        raise bad("pixels", f"type {pixels_CHW.dtype}", "uint8")
    whole = float(score(pixels_CHW[None])[0])
    total, count = np.zeros((height, width)), np.zeros((height, width))
    for places in _chunks(list(_places(height, width, side, stride)), batch):
        covered = np.repeat(pixels_CHW[None], len(places), axis=0)
        for one, (top, left) in zip(covered, places):
            one[:, top : top + side, left : left + side] = fill
        for fall, (top, left) in zip(whole - np.asarray(score(covered), np.float64), places):
            total[top : top + side, left : left + side] += fall
            count[top : top + side, left : left + side] += 1
    return total / count


def _places(height: int, width: int, side: int, stride: int) -> Iterator[tuple[int, int]]:
    rows, columns = ([*range(0, length - side, stride), length - side] for length in (height, width))
    return ((top, left) for top in rows for left in columns)


def _chunks(places: list[tuple[int, int]], batch: int) -> Iterator[list[tuple[int, int]]]:
    return (places[start : start + batch] for start in range(0, len(places), batch))
