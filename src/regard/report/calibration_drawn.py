"""Do probabilities mean what they say, before and after a temperature: two reliability diagrams side by side."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.score_calibration import Bin
from . import _style
from ._style import GRID, MUTED, PALETTE

MOST = 2  # panels


def reliability_panels(panels: Sequence[tuple[str, Sequence[Bin]]], alt: str) -> Markup:
    """Draw for each panel the share of right answers over their probability; on the dashed line both are equal.

    Grey columns in the background say how many of the answers lie where.

    Args:
        panels: (title, bins) of one or two diagrams.
        alt: what the picture shows, for readers who cannot see it.

    Raises:
        InputError: no panel, more than two, or one without bins.
    """
    if not 1 <= len(panels) <= MOST or not all(bins for _, bins in panels):
        raise bad("panels", f"{len(panels)}, or one without bins", f"1 to {MOST} panels with bins")

    def draw(drawn: Any) -> None:
        axes: list[Axes] = list(drawn.flat) if len(panels) > 1 else [drawn]
        for place, (each, (title, bins)) in enumerate(zip(axes, panels)):
            total = sum(one.count for one in bins)
            for one in bins:
                middle, width = (one.low + one.high) / 2, one.high - one.low
                each.bar(middle, one.count / total, width=width, color=GRID, linewidth=0)
                each.bar(middle, one.right, width=0.55 * width, color=PALETTE[place], linewidth=0)
            each.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
            each.set_xlim(0, 1)
            each.set_ylim(0, 1.03)
            for axis in (each.xaxis, each.yaxis):
                _style.percent_axis(axis, 0.5)
            each.tick_params(axis="x", pad=6)
            each.set_xlabel("probability")
            each.set_title(written(title), loc="left", fontsize=13)

    return _style.figure(290, draw, alt, columns=len(panels))
