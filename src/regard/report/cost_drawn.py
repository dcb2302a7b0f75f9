"""What arms reached against what that cost, as inline SVG (see `_style` for how it looks)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
