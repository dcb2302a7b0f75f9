"""Numbers in, a figure out: bars and curves as inline SVG (see `_style` for how they look).

An interval is drawn wherever there is one. Shares (accuracies) are written in per cent with `percent=True`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.intervals import Interval
from . import _style
from ._style import INK, MARKERS, MUTED, PALETTE


@dataclass(frozen=True)
class Curve:
    """A named curve: `points[i]` (a number, or an `Interval`) at `x[i]`."""

    label: str
    x: Sequence[float]
    points: Sequence[float | Interval]

    def __post_init__(self) -> None:
        if len(self.x) != len(self.points) or not len(self.x):
            raise bad(self.label, f"{len(self.x)} x and {len(self.points)} points", "as many x as points, at least one")


def bars_with_intervals(
    rows: Sequence[tuple[str, float | Interval]],
    alt: str,
    *,
    percent: bool = True,
    references: Mapping[str, float] | None = None,
    emphasis: str | None = None,
) -> Markup:
    """Draw a horizontal bar from 0 for each row, with its interval and its value.

    Args:
        rows: (name, value or `Interval`), drawn from top to bottom.
        alt: what the picture shows, for readers who cannot see it.
        percent: the values are shares; write them in per cent.
        references: values to compare with, such as {"chance": 0.1}, drawn as dashed lines.
        emphasis: the name of the one row in the accent colour; all, if None.

    Raises:
        InputError: no rows, or a value that is not finite.
    """
    if not rows:
        raise bad("rows", "none", "at least one row to draw")
    values = [_interval(value, name) for name, value in rows]
    lines = references or {}

    def draw(axes: Axes) -> None:
        for at, ((name, _), value) in enumerate(zip(rows, values)):
            strong = emphasis is None or name == emphasis
            axes.barh(at, value.mean, height=0.62, color=PALETTE[0] if strong else "#9aa5b1", linewidth=0)
            if value.high > value.low:
                axes.plot([value.low, value.high], [at, at], color=INK, linewidth=1.6, solid_capstyle="butt")
            text = f"{100 * value.mean:.1f} %" if percent else f"{value.mean:.3g}"
            axes.annotate(
                text, (max(value.high, value.mean, 0), at), (8, 0), textcoords="offset points", va="center",
                weight="bold" if strong else "normal",
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [written(name) for name, _ in rows], color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        top = max([value.high for value in values] + list(lines.values()) + [0])
        low = min([value.low for value in values] + [0])
        axes.set_xlim(low * 1.1, top * 1.14 or 1)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_color(MUTED)
        axes.grid(axis="x")
        if percent:
            _style.percent_axis(axes.xaxis)
        for name, place in lines.items():
            axes.axvline(place, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
            axes.annotate(
                written(name), (place, 1), (0, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
                ha="center", color=MUTED, fontsize=12,
            )  # fmt: skip

    return _style.figure(46 + 36 * len(rows) + (18 if lines else 0), draw, alt)


def learning_curves(
    curves: Sequence[Curve],
    alt: str,
    *,
    x: str = "step",
    y: str = "loss",
    percent: bool = False,
    references: Mapping[str, float] | None = None,
    within: tuple[float, float] | None = None,
) -> Markup:
    """Draw curves over the steps of training, each named at its end, with bands where points are intervals.

    Args:
        curves: one for each run or arm.
        alt: what the picture shows, for readers who cannot see it.
        x: name of the horizontal axis.
        y: name of the vertical axis.
        percent: the values are shares; write them in per cent.
        references: values to compare with, such as {"chance": 0.25}, drawn as dashed lines.
        within: ends of the vertical axis; None: by the curves.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        if within is not None:
            room = 0.03 * (within[1] - within[0])
            axes.set_ylim(within[0] - room, within[1] + room)
        _draw_curves(axes, curves, references or {}, percent, markers=False)
        if all(float(place).is_integer() for curve in curves for place in curve.x):
            axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
        axes.set_xlabel(written(x))
        axes.set_title(written(y), loc="left", fontsize=13, color=MUTED)

    _need_curves(curves)
    return _style.figure(270, draw, alt)


def label_efficiency(
    curves: Sequence[Curve],
    alt: str,
    *,
    x: str = "labels per class",
    y: str = "accuracy",
    references: Mapping[str, float] | None = None,
) -> Markup:
    """Draw accuracy against the number of labels per class on a logarithmic axis, one curve for each arm.

    Args:
        curves: one for each arm; x are counts of at least 1, points are shares.
        alt: what the picture shows, for readers who cannot see it.
        x: name of the horizontal axis.
        y: name of the vertical axis.
        references: values to compare with, such as {"all labels": 0.97}, drawn as dashed lines.

    Raises:
        InputError: no curves, or a count below 1.
    """
    from matplotlib.ticker import NullLocator

    _need_curves(curves)
    counts = sorted({count for curve in curves for count in curve.x})
    if counts[0] < 1:
        raise bad("x", counts[0], "numbers of labels of at least 1")

    def draw(axes: Axes) -> None:
        axes.set_xscale("log", base=2)
        _draw_curves(axes, curves, references or {}, percent=True, markers=True)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.set_xlabel(written(x))
        axes.set_title(written(y), loc="left", fontsize=13, color=MUTED)

    return _style.figure(300, draw, alt)


def _draw_curves(
    axes: Axes, curves: Sequence[Curve], references: Mapping[str, float], percent: bool, markers: bool
) -> None:
    ends = []
    for at, curve in enumerate(curves):
        colour, values = PALETTE[at % len(PALETTE)], [_interval(point, curve.label) for point in curve.points]
        means = [value.mean for value in values]
        few = markers or len(means) < 3
        axes.plot(
            curve.x,
            means,
            color=colour,
            linewidth=2.2,
            marker=MARKERS[at % len(MARKERS)] if few else None,
            markersize=6,
        )
        if any(value.high > value.low for value in values):
            lows, highs = [value.low for value in values], [value.high for value in values]
            axes.fill_between(curve.x, lows, highs, color=colour, alpha=0.16, linewidth=0)
        ends.append((curve.x[-1], means[-1], curve.label, colour))
    last = max(x for x, *_ in ends)
    for name, value in references.items():
        axes.axhline(value, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        ends.append((last, value, name, MUTED))
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    if percent:
        _style.percent_axis(axes.yaxis)
    axes.margins(x=0.02)
    axes.set_ylim(*axes.get_ylim())
    _style.end_labels(axes, ends)


def _need_curves(curves: Sequence[Curve]) -> None:
    if not curves:
        raise bad("curves", "none", "at least one curve to draw")


def _interval(value: float | Interval, name: str) -> Interval:
    found = value if isinstance(value, Interval) else Interval(float(value), float(value), float(value), 1)
    if not found.known:  # drawn without an interval
        found = Interval(found.mean, found.mean, found.mean, found.n)
    if not np.isfinite([found.mean, found.low, found.high]).all():
        raise bad(name, "NaN or infinity", "finite numbers to draw", "Leave the point out.")
    return found
