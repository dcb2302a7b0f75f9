"""What arms reached against what that cost, as inline SVG (see `_style` for how it looks)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.intervals import Interval
from . import _style
from ._style import MARKERS, MUTED, PALETTE, PAPER


@dataclass(frozen=True)
class Point:
    """What an arm reached, and at what cost.

    Attributes:
        name: of the arm.
        cost: of at least 0.
        reached: its score.
        whole: whether the cost is all that it took; else the point is hollow.
    """

    name: str
    cost: float
    reached: Interval
    whole: bool = True


def against_cost(
    points: Sequence[Point],
    alt: str,
    *,
    x: str,
    y: str = "accuracy",
    least: float = 0.01,
    percent: bool = True,
    written_as: Callable[[float], str] = "{:g}".format,
) -> Markup:
    """Draw a point for each arm, with its interval, on a logarithmic axis of cost.

    Args:
        points: one for each arm, in the order of its colour.
        alt: what the picture shows, for readers who cannot see it.
        x: name of the axis of cost.
        y: name of the vertical axis.
        least: above 0; what cost less is drawn there, as a logarithmic axis has no 0.
        percent: scores are shares.
        written_as: how a cost is written at the axis.

    Raises:
        InputError: no points.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if not points:
        raise bad("points", "none", "at least one to draw")

    def draw(axes: Axes) -> None:
        axes.set_xscale("log")
        places = [max(one.cost, least) for one in points]
        ends = []
        for at, (one, place) in enumerate(zip(points, places)):
            colour, mean = PALETTE[at % len(PALETTE)], one.reached.mean
            if one.reached.known:
                ends_of = [one.reached.low, one.reached.high]
                axes.plot([place, place], ends_of, color=colour, linewidth=2.2, alpha=0.5)
            face, marker = colour if one.whole else PAPER, MARKERS[at % len(MARKERS)]
            axes.plot([place], [mean], marker, color=colour, markerfacecolor=face, markersize=9, mew=2, ls="")
            ends.append((mean, one.name, colour))
        axes.set_xlim(min(places) / 2, max(places) * 2)
        right = axes.get_xlim()[1]
        steps = (1.0, 2.0, 5.0) if max(places) < 20 * min(places) else (1.0,)  # two ticks or more
        axes.xaxis.set_major_locator(LogLocator(10, subs=steps))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: written_as(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        if percent:
            _style.percent_axis(axes.yaxis)
        axes.set_xlabel(written(x))
        axes.set_title(written(y), loc="left", fontsize=13, color=MUTED)
        axes.set_ylim(*axes.get_ylim())
        _style.end_labels(axes, [(right, mean, name, colour) for mean, name, colour in ends])

    return _style.figure(max(260, 60 + 20 * len(points)), draw, alt)


@dataclass(frozen=True)
class Axis:
    """A kind of cost: the cost of each point in their order, and how it is written at the axis."""

    costs: Sequence[float]
    written_as: Callable[[float], str] = "{:g}".format


def against_costs(points: Sequence[Point], axes: Mapping[str, Axis], alt: str, *, y: str = "accuracy") -> Markup:
    """Draw the same points against four kinds of cost, side by side in two rows, with one legend below them.

    Args:
        points: one for each arm, in the order of its colour; their own `cost` is not used.
        axes: by name, four kinds of cost above 0, each on a logarithmic axis.
        alt: what the picture shows, for readers who cannot see it.
        y: name of the vertical axis, of shares.

    Raises:
        InputError: no points, other than four kinds, or one that has not a cost above 0 for each point.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if not points or len(axes) != 4:
        raise bad("points, axes", f"{len(points)} and {len(axes)}", "points, and four kinds of cost")
    for name, one in axes.items():
        if len(one.costs) != len(points) or min(one.costs) <= 0:
            raise bad(name, list(one.costs), f"{len(points)} costs above 0")

    def draw(panels: Any) -> None:
        handles = []
        for (name, axis), panel in zip(axes.items(), panels.flat):
            panel.set_xscale("log")
            handles = [_mark(panel, at, one, cost) for at, (one, cost) in enumerate(zip(points, axis.costs))]
            low, high = min(axis.costs), max(axis.costs)
            panel.set_xlim(low / 1.6, high * 1.6)
            wide = high / low
            panel.xaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0) if wide < 30 else (1.0,), numticks=6))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _, write=axis.written_as: write(value)))
            panel.xaxis.set_minor_locator(NullLocator())
            panel.grid(axis="y")
            panel.spines["left"].set_visible(False)
            _style.percent_axis(panel.yaxis)
            panel.tick_params(labelsize=10.5)
            panel.set_xlabel(written(name), fontsize=11.5)
        panels[0, 0].set_title(written(y), loc="left", fontsize=13, color=MUTED)
        names = [written(one.name) for one in points]
        panels[0, 0].figure.legend(
            handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=11.5, handletextpad=0.3
        )

    return _style.figure(430 + 20 * ((len(points) + 2) // 3), draw, alt, rows=2, columns=2)


def _mark(axes: Axes, at: int, one: Point, cost: float) -> Any:
    """A point with its interval; gives what a legend shows."""
    colour, marker = PALETTE[at % len(PALETTE)], MARKERS[at % len(MARKERS)]
    if one.reached.known:
        axes.plot([cost, cost], [one.reached.low, one.reached.high], color=colour, linewidth=2.2, alpha=0.5)
    face = colour if one.whole else PAPER
    shown = {"color": colour, "markerfacecolor": face, "markersize": 7.5, "mew": 1.8, "ls": ""}
    return axes.plot([cost], [one.reached.mean], marker, **shown)[0]
