"""How a detector trades precision for recall, and whether its scores mean what they say, as inline SVG."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.score_calibration import Bin
from . import _style
from ._style import INK, MUTED, PALETTE, PAPER

_DASHES = ("-", (0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)), (0, (4, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (10, 4)))
_HEIGHT = 330


def precision_recall(curves: Sequence[tuple[str, np.ndarray]], recalls: np.ndarray, alt: str) -> Markup:
    """Draw precision over recall, the first curve bold; each is named below with its mean, which is its AP.

    Args:
        curves: (name, (r,) precisions), at most 8 of them.
        recalls: (r,).
        alt: what the picture shows, for readers who cannot see it.

    Raises:
        InputError: no curves, too many, or NaN in one.
    """
    if not curves or len(curves) > len(PALETTE) + 1:
        raise bad("curves", len(curves), f"1 to {len(PALETTE) + 1} curves")
    for name, values in curves:
        if np.shape(values) != np.shape(recalls) or not np.isfinite(values).all():
            raise bad(name, "NaN, or another length", f"a precision at each of the {len(recalls)} recalls")

    def draw(axes: Axes) -> None:
        lines = []
        for at, (_, values) in enumerate(curves):
            look: dict[str, Any] = {"color": INK, "linewidth": 3}
            if at:
                look = {"color": PALETTE[at - 1], "linewidth": 1.9, "linestyle": _DASHES[at - 1]}
            lines += axes.plot(recalls, values, drawstyle="steps-post", zorder=3 - 0.1 * at, **look)
        axes.set_xlim(0, 1.01)
        axes.set_ylim(0, 1.02)
        axes.grid(axis="both")
        for axis in (axes.xaxis, axes.yaxis):
            _style.percent_axis(axis, 0.25)
        axes.tick_params(axis="x", pad=8)
        axes.set_xlabel("recall: share of the objects that are found")
        axes.set_title("precision: share of the answers that are right", loc="left", fontsize=13, color=MUTED)
        names = [f"{written(name, 24)} {np.mean(values):.2f}" for name, values in curves]
        _named(axes, lines, names)

    rows = -(-len(curves) // _columns([name for name, _ in curves]))
    return _style.figure(_HEIGHT + 22 * rows, draw, alt)


def reliability_figure(bins: Sequence[Bin], alt: str) -> Markup:
    """Draw the share of right answers over their score, with how many there are; on the dashed line both are equal.

    Raises:
        InputError: no bins.
    """
    if not bins:
        raise bad("bins", "none", "at least one bin of answers")

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        for one in bins:
            middle = (one.low + one.high) / 2
            axes.bar(middle, one.right, width=0.8 * (one.high - one.low), color=PALETTE[0], linewidth=0)
            axes.annotate(
                f"{one.count}", (middle, one.right), (0, 5), textcoords="offset points", ha="center", fontsize=11.5,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8},
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.08)
        axes.grid(axis="y")
        for axis in (axes.xaxis, axes.yaxis):
            _style.percent_axis(axis, 0.25)
        axes.tick_params(axis="x", pad=8)
        axes.set_xlabel("score")
        axes.set_title("share that is right, and how many answers", loc="left", fontsize=13, color=MUTED)

    return _style.figure(290, draw, alt)


def _columns(names: Sequence[str]) -> int:
    return max(1, min(4, 74 // (10 + max(len(written(name, 24)) for name in names))))


def _named(axes: Axes, lines: Sequence[Any], names: Sequence[str]) -> None:
    """A legend below the figure; it leaves names out that start with `_`, so they are put in afterwards."""
    legend = axes.figure.legend(
        lines,
        ["name"] * len(lines),
        loc="outside lower left",
        ncols=_columns([name[:-5] for name in names]),
        frameon=False,
        handlelength=2.6,
        columnspacing=1.4,
    )
    for text, name in zip(legend.get_texts(), names):
        text.set_text(name)
