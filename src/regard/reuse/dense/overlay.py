"""A picture with what was found drawn over it: boxes, outlines of masks, names and scores, the class of each pixel.

Of depth the map itself is drawn, in colours. Small pictures are enlarged and large ones made smaller, so that lines and
letters have a size that is seen whatever the picture's is. Lines have a dark and a light side, and letters a plate, so
that they are seen on any ground.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.checks import bad, check_number
from ...data.annotations import rle
from ...data.annotations.masks import BACKGROUND
from .answer import Answer
from .colours import Colour, class_colour
from .depth_colours import limits, painted, with_bar
from .lettering import Lettering, with_legend
from .space_drawn import draw_boxes, rows_of
from .told import LOOKED_AT, Told, told

SHORTEST, LONGEST = 480, 1600  # pixels of the longer side
_SMALLEST, _LARGEST = 13, 24  # pixels of letters
_MASK, _MAP = 0.4, 0.55  # share of the colour


def overlay(
    pixels_HWC: np.ndarray,
    answer: Answer,
    names: Sequence[str],
    *,
    threshold: float = LOOKED_AT,
    labels: bool = True,
    legend: bool = True,
    longest: int = LONGEST,
) -> Any:
    """Draw an answer over its picture.

    Args:
        pixels_HWC: (h, w, 3) uint8, the upright picture at any scale.
        answer: what was found in it, in its own pixels.
        names: the classes of the model.
        threshold: the least score of an object that is drawn.
        labels: write the name and score of each object where there is room, the surest first.
        legend: add a strip that tells the classes by their colours.
        longest: pixels of the longer side; a picture shorter than 480 is enlarged to that, or to `longest`.

    Returns:
        A PIL image, RGB.

    Raises:
        InputError: a picture of another shape than the answer's.
    """
    from PIL import Image, ImageDraw

    check_number("longest", longest, 32, whole=True)
    own = answer.size
    given = np.asarray(pixels_HWC)
    if given.ndim != 3 or given.shape[2] != 3 or given.dtype != np.uint8:
        raise bad("pixels", f"{given.dtype} of shape {given.shape}", "uint8, (h, w, 3)")
    if abs(given.shape[0] * own[1] - given.shape[1] * own[0]) > 2 * max(own) + 2 * max(given.shape):
        raise bad("pixels", f"a picture of {given.shape[:2]}", f"one of the answer's shape, {own}, at any scale")
    scale = min(max(max(own), min(SHORTEST, longest)), longest) / max(own)
    wide, high = (max(1, round(scale * one)) for one in own[::-1])
    size = min(max(round(max(wide, high) / 40), _SMALLEST), _LARGEST)
    way = Image.Resampling.LANCZOS if wide <= given.shape[1] else Image.Resampling.BICUBIC
    picture = Image.fromarray(given).resize((wide, high), way)
    made = told(answer, names, threshold)
    if answer.depth is not None:
        return _depth(answer.depth.numpy(), wide, high, size if legend else None)
    if made.carried.boxes3d is not None:
        return _space(picture, made, names, scale, size, labels, legend, threshold)
    if made.carried.semantic is not None:
        painted, rows = _map(np.asarray(picture), made.carried.semantic.values, names)
        return with_legend(painted, rows if legend else [], size)
    numbers = [names.index(name) for name in made.carried.boxes.classes.tolist()]  # type: ignore[union-attr]
    picture = Image.fromarray(_masks(np.asarray(picture), made, numbers))
    draw, thick = ImageDraw.Draw(picture), max(3, size // 6)
    corners = _corners(made, wide, high, scale)
    for box, number in reversed(list(zip(corners, numbers))):
        _box(draw, box, class_colour(number), thick)
    letters = Lettering(draw, wide, high, size)
    if labels:
        for box, number, score in zip(corners, numbers, made.scores.tolist()):
            letters.name(f"{names[number]} {score:.2f}", box, class_colour(number))
    counts = Counter(numbers)
    legend_rows = [(class_colour(one), f"{names[one]}: {counts[one]}") for one in sorted(counts)]
    if legend and not legend_rows:
        legend_rows = [((255, 255, 255), f"nothing with a score of at least {threshold:g}")]
    return with_legend(picture, legend_rows if legend else [], size)


def _space(
    picture: Any, made: Told, names: Sequence[str], scale: float, size: int, labels: bool, legend: bool, least: float
) -> Any:
    """Boxes in space, with a cross on the front side of each."""
    from PIL import ImageDraw

    boxes, camera = made.carried.boxes3d, made.answer.camera
    assert boxes is not None and camera is not None
    numbers = [names.index(name) for name in boxes.classes.tolist()]
    draw, colours = ImageDraw.Draw(picture), [class_colour(number) for number in numbers]
    draw_boxes(draw, rows_of(boxes), camera, scale, colours, max(2, size // 6))
    letters = Lettering(draw, picture.width, picture.height, size)
    if labels:
        for box, number, score, away in zip(boxes.xyxy * scale, numbers, made.scores.tolist(), boxes.bottom[:, 2]):
            left, top, right, bottom = box.round().astype(int).tolist()
            letters.name(f"{names[number]} {score:.2f} {away:.1f} m", (left, top, right, bottom), class_colour(number))
    counts = Counter(numbers)
    rows = [(class_colour(one), f"{names[one]}: {counts[one]}") for one in sorted(counts)]
    rows = rows or [((255, 255, 255), f"nothing with a score of at least {least:g}")]
    return with_legend(picture, rows if legend else [], size)


def _corners(made: Told, wide: int, high: int, scale: float) -> list[tuple[int, int, int, int]]:
    """The boxes in whole pixels of the drawing, the last of them inside."""
    assert made.carried.boxes is not None
    corners = []
    for left, top, right, bottom in np.rint(made.carried.boxes.xyxy * scale).astype(int).tolist():
        left, top = min(left, wide - 2), min(top, high - 2)
        corners.append((max(0, left), max(0, top), max(left + 1, right - 1), max(top + 1, bottom - 1)))
    return corners


def _box(draw: Any, box: tuple[int, int, int, int], colour: Colour, thick: int) -> None:
    """A frame inside the box: its colour between a light and a dark line, one of which is seen on any ground."""
    left, top, right, bottom = box
    if min(right - left, bottom - top) <= 2:
        draw.rectangle(box, outline=colour)
        return
    for inset, width, paint in ((0, 1, (255, 255, 255)), (1, thick, colour), (1 + thick, 1, (0, 0, 0))):
        if right - left > 2 * inset and bottom - top > 2 * inset:
            draw.rectangle((left + inset, top + inset, right - inset, bottom - inset), outline=paint, width=width)


def _masks(pixels: np.ndarray, made: Told, numbers: Sequence[int]) -> np.ndarray:
    """Masks as a veil with an outline, the surest last."""
    if made.carried.masks is None:
        return pixels
    painted = pixels.astype(np.float32)
    masks, (high, wide) = made.carried.masks, pixels.shape[:2]
    rows, columns = _nearest(masks.size[0], high), _nearest(masks.size[1], wide)
    for row in reversed(range(len(masks))):
        runs = masks.runs[row]
        if runs is None:
            continue
        there, colour = rle.decode(runs, masks.size)[np.ix_(rows, columns)], class_colour(numbers[row])
        painted[there] += _MASK * (np.array(colour, dtype=np.float32) - painted[there])
        painted[_near(there) & ~there] = 255
        painted[there & _near(_near(~there))] = colour
    return painted.round().clip(0, 255).astype(np.uint8)


def _map(pixels: np.ndarray, values: np.ndarray, names: Sequence[str]) -> tuple[Any, list[tuple[Colour, str]]]:
    """Each pixel in the colour of its class but for the background's, outlines, and the rows of the legend."""
    from PIL import Image

    rows, columns = _nearest(values.shape[0], pixels.shape[0]), _nearest(values.shape[1], pixels.shape[1])
    seen = values[np.ix_(rows, columns)].astype(np.intp)
    known = np.array([class_colour(place) for place in range(len(names))], dtype=np.float32)
    shares = np.where([name == BACKGROUND for name in names], 0, _MAP).astype(np.float32)[seen][..., None]
    painted = pixels + shares * (known[seen] - pixels)
    edge = np.zeros(seen.shape, dtype=bool)
    edge[:, 1:] |= seen[:, 1:] != seen[:, :-1]
    edge[1:] |= seen[1:] != seen[:-1]
    painted[edge] = 255
    counts = np.bincount(values.ravel(), minlength=len(names)) / values.size
    order = [place for place in np.argsort(-counts, kind="stable").tolist() if counts[place]]
    legend = [
        (
            (255, 255, 255) if names[place] == BACKGROUND else class_colour(place),
            f"{names[place]}: {share_text(counts[place])}",
        )
        for place in order
    ]
    return Image.fromarray(painted.round().clip(0, 255).astype(np.uint8)), legend


def _depth(metres: np.ndarray, wide: int, high: int, size: int | None) -> Any:
    """The map of depth at this width and height, with a bar below it in letters of this size; None: without one."""
    from PIL import Image

    near, far = limits(metres)
    rows, columns = _nearest(metres.shape[0], high), _nearest(metres.shape[1], wide)
    shown = Image.fromarray(painted(metres[np.ix_(rows, columns)], near, far))
    return shown if size is None else with_bar(shown, near, far, size)


def share_text(value: float) -> str:
    """A share in words.

    >>> share_text(0.126), share_text(0.004)
    ('13%', 'under 1%')
    """
    return f"{value:.0%}" if value >= 0.01 else "under 1%"


def _near(there: np.ndarray) -> np.ndarray:
    """Pixels of which one beside, above or below is there."""
    grown = there.copy()
    grown[1:] |= there[:-1]
    grown[:-1] |= there[1:]
    grown[:, 1:] |= there[:, :-1]
    grown[:, :-1] |= there[:, 1:]
    return grown


def _nearest(old: int, new: int) -> np.ndarray:
    """For each new pixel the old one in which its middle lies."""
    return (2 * np.arange(new) + 1) * old // (2 * new)
