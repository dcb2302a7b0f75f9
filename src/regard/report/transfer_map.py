"""Which representation helps which task: a matrix of gains with their intervals and verdicts, as a figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from . import _style
from ._style import INK, MUTED, PALETTE

LINES = 21  # units of height of a line of text
SHADES = {"gain": PALETTE[2], "loss": PALETTE[1]}  # what is not told apart from nothing stays grey
GREY = "#9aa5b1"


@dataclass(frozen=True)
class Cell:
    """One representation on one task.

    Attributes:
        verdict: gain | loss | no gain | too few to say.
        strength: in [0, 1], how deep the cell is shaded.
        lines: what stands in it: the verdict is written by itself.
    """

    verdict: str
    strength: float
    lines: Sequence[str] = ()


def transfer_map(
    rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell | None]], alt: str
) -> Markup:
    """Draw the matrix.

    Args:
        rows: representations.
        columns: tasks.
        cells: by row and column; None where nothing is known.
        alt: what the picture shows, for readers who cannot see it.

    Raises:
        InputError: nothing to draw, or cells that do not fit.
    """
    if not rows or not columns or [len(row) for row in cells] != [len(columns)] * len(rows):
        raise bad("cells", f"{[len(row) for row in cells]} by row", f"{len(rows)} rows of {len(columns)}")
    most = max([1 + len(cell.lines) for row in cells for cell in row if cell is not None], default=1)
    tall = 12 + LINES * most

    def draw(axes: Axes) -> None:
        for y, row in enumerate(cells):
            for x, cell in enumerate(row):
                _draw(axes, x, y, cell)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(range(len(columns)), [written(name, 24) for name in columns], color=INK)
        axes.set_yticks(range(len(rows)), [written(name, 24) for name in rows], color=INK)
        axes.xaxis.tick_top()
        for side in ("left", "bottom", "top", "right"):
            axes.spines[side].set_visible(False)

    return _style.figure(40 + tall * len(rows), draw, alt)


def _draw(axes: Axes, x: int, y: int, cell: Cell | None) -> None:
    from matplotlib.patches import Rectangle

    colour = GREY if cell is None else SHADES.get(cell.verdict, GREY)
    depth = 0.08 if cell is None else 0.15 + 0.45 * float(np.clip(cell.strength, 0, 1)) * (cell.verdict in SHADES)
    axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour, alpha=depth, linewidth=0))
    lines = ["not told"] if cell is None else [cell.verdict, *cell.lines]
    for place, line in enumerate(lines):
        down = (place - (len(lines) - 1) / 2) * -LINES
        axes.annotate(
            line, (x, y), (0, down), textcoords="offset points", ha="center", va="center",
            fontsize=12.5 if place == 0 else 11.5, color=MUTED if cell is None else INK,
            weight="bold" if place == 0 else "normal",
        )  # fmt: skip
