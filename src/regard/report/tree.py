"""A tree as inline SVG: a line for each thing, what stands below what, and a figure at the right.

Drawn by hand and not by matplotlib, as a tree of many lines is text above all: each line keeps its whole text as a
title, for a pointer that rests on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..core.shown import visible
from ._style import PALETTE, WIDTH

STEP, TALL, EDGE = 18, 40, 10  # units: a level to the right, a line, the margin
DEEPEST = 14  # levels that are drawn apart; deeper ones stand below each other and tell their level
LETTER = 6.6  # units of a letter of 13 units, on average
COLOURS = {"named": PALETTE[0], "fresh": PALETTE[6], "missing": PALETTE[1], "loop": PALETTE[1]}


@dataclass(frozen=True)
class Leaf:
    """One line.

    Attributes:
        depth: levels below the left edge.
        title: in bold.
        detail: below it.
        figure: at the right, such as a score.
        kind: `node`, or one of `COLOURS`, whose mark is hollow.
    """

    depth: int
    title: str
    detail: str = ""
    figure: str = ""
    kind: str = "node"


def tree(leaves: Sequence[Leaf], alt: str) -> Markup:
    """Draw the lines from top to bottom; each stands below the nearest one above it that is one level less deep.

    Args:
        leaves: the first at depth 0, none more than one level deeper than the one before it.
        alt: what the picture shows, for readers who cannot see it.
    """
    height = max(TALL * len(leaves), TALL) + EDGE
    parts: list[Markup] = []
    above: dict[int, int] = {}  # by level, the line that was drawn last
    for row, leaf in enumerate(leaves):
        depth = min(leaf.depth, DEEPEST)
        x, y = EDGE + STEP * depth, EDGE + TALL * row + 12
        if leaf.depth:
            over = above.get(leaf.depth - 1, row - 1)
            left = EDGE + STEP * min(leaf.depth - 1, DEEPEST)
            top = EDGE + TALL * over + 18
            parts.append(
                Markup('<path d="M{} {}V{}H{}" fill="none" stroke="var(--muted, #667080)" stroke-width="1.2"/>').format(
                    left, top, y, max(x - 6, left)
                )
            )
        above[leaf.depth] = row
        parts.append(_leaf(leaf, x, y))
    return Markup(
        '<svg class="plot" viewBox="0 0 {} {}" role="img" xmlns="http://www.w3.org/2000/svg" '
        'font-family="var(--sans, sans-serif)" font-size="13"><title>{}</title>{}</svg>'
    ).format(WIDTH, height, visible(alt), Markup("").join(parts))


def _leaf(leaf: Leaf, x: int, y: int) -> Markup:
    colour, hollow = COLOURS.get(leaf.kind, PALETTE[2]), leaf.kind not in ("node", "loop")
    whole = "\n".join(filter(None, (leaf.title, leaf.detail, leaf.figure)))
    deep = f"[level {leaf.depth}] " if leaf.depth > DEEPEST else ""
    figure = _cut(leaf.figure, WIDTH / 2)
    room = WIDTH - x - 20 - LETTER * len(figure)
    return Markup(
        '<g><title>{}</title><circle cx="{}" cy="{}" r="4.5" fill="{}" stroke="{}" stroke-width="1.8"/>'
        '<text x="{}" y="{}" fill="var(--ink, #1c2430)" font-weight="{}">{}</text>'
        '<text x="{}" y="{}" fill="var(--muted, #667080)" font-size="11.5">{}</text>'
        '<text x="{}" y="{}" text-anchor="end" fill="var(--ink, #1c2430)">{}</text></g>'
    ).format(
        visible(whole, keep="\n"),
        x,
        y,
        "none" if hollow else colour,
        colour,
        x + 11,
        y + 4.5,
        "normal" if hollow else "bold",
        _cut(deep + leaf.title, room),
        x + 11,
        y + 19,
        _cut(leaf.detail, 1.1 * (WIDTH - x - 11)),
        WIDTH - 4,
        y + 4.5,
        figure,
    )


def _cut(text: str, room: float) -> str:
    """As much of a text as fits, its middle left out, since names differ at their ends."""
    text, most = visible(text), max(int(room / LETTER), 8)
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[len(text) - half :]}"
