"""What arms reached against the minutes that they took, as inline SVG (see `_style` for how it looks)."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.intervals import Interval
from . import _style
from ._style import MARKERS, MUTED, PALETTE, PAPER

LEAST = 0.01  # minutes; what took less is drawn there, as a logarithmic axis has no 0


@dataclass(frozen=True)
class Spent:
    """A point: what an arm reached, and how long that took.

    Attributes:
        name: of the arm.
        minutes: of its pretraining and of what was learned after it; without pretraining where that is not known.
        reached: its score.
        whole: whether the minutes are all that it took; else the point is hollow.
    """

    name: str
    minutes: float
    reached: Interval
    whole: bool


def against_minutes(points: Sequence[Spent], alt: str, *, y: str = "accuracy", percent: bool = True) -> Markup:
    """Draw a point for each arm, with its interval, on a logarithmic axis of minutes.

    Args:
        points: one for each arm, in the order of its colour.
        alt: what the picture shows, for readers who cannot see it.
        y: name of the vertical axis.
        percent: scores are shares.

    Raises:
        InputError: no points.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if not points:
        raise bad("points", "none", "at least one to draw")

    def draw(axes: Axes) -> None:
        axes.set_xscale("log")
        places = [max(one.minutes, LEAST) for one in points]
        ends = []
        for at, (one, x) in enumerate(zip(points, places)):
            colour, mean = PALETTE[at % len(PALETTE)], one.reached.mean
            if one.reached.known:
                axes.plot([x, x], [one.reached.low, one.reached.high], color=colour, linewidth=2.2, alpha=0.5)
            face = colour if one.whole else PAPER
            axes.plot(
                [x], [mean], MARKERS[at % len(MARKERS)], color=colour, markerfacecolor=face, markersize=9, mew=2, ls=""
            )
            ends.append((1.0, mean, one.name, colour))
        axes.set_xlim(min(places) / 2, max(places) * 2)
        right = axes.get_xlim()[1]
        axes.xaxis.set_major_locator(LogLocator(10))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        if percent:
            _style.percent_axis(axes.yaxis)
        axes.set_xlabel(written("minutes"))
        axes.set_title(written(y), loc="left", fontsize=13, color=MUTED)
        axes.set_ylim(*axes.get_ylim())
        _style.end_labels(axes, [(right, mean, name, colour) for _, mean, name, colour in ends])

    return _style.figure(260, draw, alt)
