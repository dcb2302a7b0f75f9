"""Boxes in space drawn on their picture, with the front marked, and seen from above."""

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
import torch

from ...data.annotations.boxes3d import Boxes3D
from .camera import Camera
from .colours import Colour
from .in_space import corners
from .lettering import letters
from .target_space import middles

NEAREST = 0.05  # metres before the camera, where lines are cut
_RING = ((0, 1), (1, 2), (2, 3), (3, 0))
EDGES = (*_RING, *((a + 4, b + 4) for a, b in _RING), *((a, a + 4) for a in range(4)))
FRONT = ((0, 5), (1, 4))  # the diagonals of the front side
BACKGROUND, GRID, INK = (255, 255, 255), (222, 226, 232), (70, 76, 86)


def rows_of(boxes: Boxes3D) -> np.ndarray:
    """Objects of annotations as (n, 7), see `in_space`."""
    return np.concatenate([middles(boxes), boxes.size, boxes.yaw[:, None]], axis=1)


def lines_seen(space: np.ndarray, camera: Camera, pairs: Sequence[tuple[int, int]] = EDGES) -> np.ndarray:
    """(n, lines, 2, 2): where the lines between these corners of objects (n, 7) begin and end, in pixels.

    From the corner of the first pixel; what lies behind the camera is cut off, and a line wholly there is NaN.
    """
    points = corners(torch.from_numpy(np.asarray(space, dtype=np.float64))).numpy() + camera.beside
    one, two = (points[:, [pair[end] for pair in pairs]] for end in (0, 1))
    ends = []
    for own, other in ((one, two), (two, one)):
        apart = other[..., 2] - own[..., 2]
        share = np.divide(NEAREST - own[..., 2], apart, out=np.zeros_like(apart), where=apart != 0)
        behind = own[..., 2] < NEAREST
        cut = np.where(behind[..., None], own + share[..., None] * (other - own), own)
        seen = cut @ camera.matrix[:, :3].T
        ends.append(seen[..., :2] / seen[..., 2:] + 0.5)
    found = np.stack(ends, axis=-2)
    found[(one[..., 2] < NEAREST) & (two[..., 2] < NEAREST)] = np.nan
    return found


def draw_boxes(
    draw: Any, space: np.ndarray, camera: Camera, scale: float, colours: Sequence[Colour], thick: int = 2
) -> None:
    """Draw objects (n, 7), the farthest first: twelve edges, and a cross on the front side.

    Args:
        draw: PIL's.
        space: the objects.
        camera: who saw them.
        scale: pixels of the drawing to one of the picture.
        colours: of each object.
        thick: width of a line.
    """
    for row in np.argsort(-space[:, 2], kind="stable"):
        each = space[row : row + 1]
        for pairs, width in ((EDGES, thick), (FRONT, max(1, thick // 2))):
            for line in lines_seen(each, camera, pairs)[0] * scale:
                if np.isfinite(line).all() and np.abs(line).max() < 1e5:
                    ends = tuple(line.ravel().tolist())
                    draw.line(ends, fill=(0, 0, 0), width=width + 2)
                    draw.line(ends, fill=tuple(colours[row]), width=width)


def from_above(
    truth: np.ndarray, found: np.ndarray, colours: Sequence[Colour], size: int = 300, ignored: Sequence[bool] = ()
) -> Any:
    """A PIL picture from above: the camera below, true objects (m, 7) filled in grey, found ones (n, 7) as outlines.

    A line goes from the middle of each to its front. Those that count neither way are paler.
    """
    from PIL import Image, ImageDraw

    every = np.concatenate([truth, found])
    reach = float(np.maximum(every[:, 2], 2 * np.abs(every[:, 0])).max(initial=3.0)) + 1.5
    step = 1 if reach < 8 else 2 if reach < 16 else 5 if reach < 40 else 10 * ceil(reach / 80)
    far = step * ceil(reach / step)
    picture = Image.new("RGB", (size, size), BACKGROUND)
    draw, font = ImageDraw.Draw(picture), letters(11)

    def at(x: Any, z: Any) -> np.ndarray:
        by = (size - 8) / far  # the same both ways
        return np.stack([size / 2 + np.asarray(x) * by, size - 4 - np.asarray(z) * by], -1)

    for ring in range(step, far + 1, step):
        turn = np.linspace(0, np.pi, 60)
        draw.line([tuple(one) for one in at(ring * np.cos(turn), ring * np.sin(turn)).tolist()], fill=GRID)
        draw.text(tuple(at(0, ring).tolist()), f"{ring} m", fill=INK, font=font, anchor="mt")
    for row, one in enumerate(truth):
        pale = bool(ignored[row]) if len(ignored) else False
        _outline(draw, one, at, fill=(232, 234, 238) if pale else (190, 195, 204), line=(150, 156, 166))
    for one, colour in zip(found, colours):
        _outline(draw, one, at, fill=None, line=tuple(colour))
    return picture


def _outline(draw: Any, one: np.ndarray, at: Any, fill: Any, line: Any) -> None:
    lower = corners(torch.from_numpy(np.asarray(one, dtype=np.float64))).numpy()[:4]
    shape = [tuple(point) for point in at(lower[:, 0], lower[:, 2]).tolist()]
    if fill is not None:
        draw.polygon(shape, fill=fill)
    draw.line([*shape, shape[0]], fill=line, width=2)
    front = lower[:2].mean(axis=0)
    ends = [tuple(point) for point in at([one[0], front[0]], [one[2], front[2]]).tolist()]
    draw.line(ends, fill=line, width=2)
    draw.line(shape[:2], fill=line, width=4)
