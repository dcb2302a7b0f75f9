"""One picture of the toy: which points there are, where the source ends up, and what is answered where.

A class differs from the other by its colour (a red and a blue that stay apart for colour-blind readers) and by its
mark, a domain by whether the marks are filled. Lines and regions are those of the answers, at even odds.
"""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from ..core.plots import drawing

SIDE = 200  # units of a picture
COLOURS = ("#d23f14", "#0072b2")
RADIUS = 2.9
LARGEST = 2.6  # times the usual radius, of a point that weighs much
Box = tuple[float, float, float, float]


def toy_drawn(
    alt: str,
    box: Box,
    source: tuple[np.ndarray, np.ndarray],
    target: tuple[np.ndarray, np.ndarray],
    after: np.ndarray,
    before: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    known: Sequence[int] | np.ndarray = (),
) -> Markup:
    """Draw regions, the boundary before, hollow target points and filled source points.

    Args:
        alt: what the picture shows, for readers who cannot see it.
        box: left, right, bottom, top; a square.
        source: points (n, 2), and their classes (n,) of 0 and 1; what lies outside the box is cut off.
        target: the same of the target.
        after: the probability of class 1 on a grid over the box, the lowest row first; regions are shaded by it.
        before: the same, whose boundary is a dashed line; None: there is none.
        weights: of source points (n,), by which their marks' areas go.
        known: target points that are ringed.
    """
    parts = [
        Markup('<path d="{}" style="fill: {}; fill-opacity: .2; fill-rule: evenodd"/>').format(path, colour)
        for path, colour in zip(regions(after), COLOURS)
    ]
    if before is not None:
        parts.append(
            Markup('<path d="{}" style="fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 6 4"/>')
            .format(boundary(before))
        )  # fmt: skip
    of_target, of_source = _placed(target[0], box), _placed(source[0], box)
    for code, colour in enumerate(COLOURS):
        marks = _marks(of_target[target[1] == code], code, np.full((target[1] == code).sum(), RADIUS))
        parts.append(Markup('<path d="{}" style="fill: none; stroke: {}; stroke-width: 1.3"/>').format(marks, colour))
    sizes = np.full(len(of_source), 1.0) if weights is None else np.sqrt(weights).clip(0.25, LARGEST)
    for code, colour in enumerate(COLOURS):
        mine = source[1] == code
        marks = _marks(of_source[mine], code, 0.9 * RADIUS * sizes[mine])
        parts.append(Markup('<path d="{}" style="fill: {}; fill-opacity: .85"/>').format(marks, colour))
    if len(known):
        rings = _marks(of_target[known], 0, np.full(len(known), 2.2 * RADIUS))
        parts.append(Markup('<path d="{}" style="fill: none; stroke: var(--ink); stroke-width: 1.6"/>').format(rings))
    return Markup('<svg class="plot" viewBox="0 0 {0} {0}" role="img"><title>{1}</title>{2}</svg>').format(
        SIDE, alt, Markup("").join(parts)
    )


def toy_legend() -> Markup:
    """What the marks, regions and lines mean."""
    rows = []
    for code, name in enumerate(("red", "blue")):
        two = np.array([[9.0, 8.0], [25.0, 8.0]])
        filled, hollow = (_marks(two[at : at + 1], code, np.array([5.0])) for at in (0, 1))
        drawn = Markup(
            '<path d="{0}" style="fill: {2}; stroke: none"/><path d="{1}" style="stroke: {2}; stroke-width: 1.8"/>'
        ).format(filled, hollow, COLOURS[code])
        rows.append((drawn, f"{name}: filled in the source, hollow in the target"))
    shaded = Markup('<rect width="17" height="16" style="fill: {}; fill-opacity: .2"/>').format(COLOURS[0])
    shaded += Markup('<rect x="17" width="17" height="16" style="fill: {}; fill-opacity: .2"/>').format(COLOURS[1])
    rows.append((shaded, "what is answered where, after"))
    dashed = Markup('<path d="M0 8H34" style="stroke: var(--ink); stroke-width: 1.8; stroke-dasharray: 6 4"/>')
    rows.append((dashed, "the boundary before"))
    ring = Markup('<path d="{}" style="stroke: var(--ink); stroke-width: 1.8"/>').format(
        _marks(np.array([[17.0, 8.0]]), 0, np.array([6.0]))
    )
    rows.append((ring, "a target point whose class was given"))
    return Markup('<ul class="legend">{}</ul>').format(
        Markup("").join(
            Markup(
                '<li><svg class="swatch plot" viewBox="0 0 34 16" aria-hidden="true">{}</svg><span>{}</span></li>'
            ).format(*row)
            for row in rows
        )
    )


def regions(grid: np.ndarray) -> tuple[str, str]:
    """Outlines of where a grid (g, g) is below .5, and where it is not, as SVG paths over the picture.

    >>> regions(np.zeros((3, 3)))
    ('M200 200L200 0L0 0L0 200Z', '')
    """
    below, above = _contours(grid, (-1.0, 0.5, 2.0), filled=True)
    return below, above


def boundary(grid: np.ndarray) -> str:
    """The lines on which a grid (g, g) is .5, as an SVG path over the picture."""
    return _contours(grid, (0.5,), filled=False)[0]


def _contours(grid: np.ndarray, levels: tuple[float, ...], filled: bool) -> list[str]:
    from matplotlib.figure import Figure

    places = np.linspace(0, SIDE, len(grid))
    if not filled and not (grid.min() < levels[0] < grid.max()):  # matplotlib would warn that there is no line
        return [""]
    with drawing():
        axes = Figure().subplots()
        made = (axes.contourf if filled else axes.contour)(places, places, grid, levels=levels)
    return [
        "".join(_line(corners, filled) for corners in path.to_polygons(closed_only=filled)) for path in made.get_paths()
    ]


def _line(corners: np.ndarray, closed: bool) -> str:
    """A polygon as an SVG path, without corners on a straight line."""
    corners = np.round(np.asarray(corners), 1)
    corners = corners[np.concatenate([[True], (np.diff(corners, axis=0) != 0).any(axis=1)])]
    if closed:  # the first is there once more at the end, and may itself be no corner
        corners = np.concatenate([corners[-2:-1], corners])
    step, ahead = corners[1:-1] - corners[:-2], corners[2:] - corners[1:-1]
    turns = np.abs(step[:, 0] * ahead[:, 1] - step[:, 1] * ahead[:, 0]) > 1e-6
    kept = corners[1:-1][turns] if closed else corners[np.concatenate([[True], turns, [True]])]
    if closed and len(kept) < 3:
        return ""
    text = "L".join(f"{x:g} {SIDE - y:g}" for x, y in kept)
    return f"M{text}Z" if closed else f"M{text}"


def _placed(X: np.ndarray, box: Box) -> np.ndarray:
    """Points (n, 2) of the plane in units of the picture, with down as the second direction."""
    left, right, bottom, top = box
    return np.stack([(X[:, 0] - left) / (right - left), (top - X[:, 1]) / (top - bottom)], axis=1) * SIDE


def _marks(places: np.ndarray, code: int, radii: np.ndarray) -> str:
    """Circles for class 0, triangles for class 1, as one SVG path."""
    if code == 0:
        return "".join(
            f"M{x - r:.1f} {y:.1f}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0"
            for (x, y), r in zip(places, radii)
        )
    return "".join(
        f"M{x:.1f} {y - 1.25 * r:.1f}l{1.15 * r:.1f} {2 * r:.1f}h{-2.3 * r:.1f}z" for (x, y), r in zip(places, radii)
    )
