"""A figure: what was published in the years before, and at the right what was measured here, with intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.intervals import Interval
from . import _style
from ._style import INK, MUTED, PALETTE

_SPREAD = 0.62  # of a year, over which its points lie beside each other


class Past(NamedTuple):
    """A published figure: its year, a share, whether it was checked, and a name where it shall have one."""

    year: int
    value: float
    checked: bool
    name: str = ""


def years_beside(
    past: Sequence[Past],
    here: Sequence[tuple[str, Interval]],
    alt: str,
    *,
    references: Mapping[str, float] | None = None,
    emphasis: Sequence[str] = (),
    y: str = "average precision",
) -> Markup:
    """Draw year against a share, and beside the years the arms of a measurement of one's own.

    Args:
        past: published figures; those that were not checked are hollow.
        here: (name, interval), from left to right.
        alt: what the picture shows, for readers who cannot see it.
        references: published values that are no method's, drawn as dashed lines over the years alone.
        emphasis: names of `here` in the accent colour; the others are grey.
        y: name of the vertical axis.

    Raises:
        InputError: nothing published, or nothing measured.
    """
    if not past or not here:
        raise bad("past, here", f"{len(past)} and {len(here)} figures", "at least one of each")
    years = list(range(min(one.year for one in past), max(one.year for one in past) + 1))
    edge, step = len(years), 0.5

    def draw(axes: Axes) -> None:
        for at, year in enumerate(years):
            inside = sorted((one for one in past if one.year == year), key=lambda one: one.value)
            for place, one in enumerate(inside):
                x = at + _SPREAD * ((place + 0.5) / len(inside) - 0.5)
                face = PALETTE[1] if one.checked else "none"
                axes.plot(x, one.value, "o", color=PALETTE[1], markerfacecolor=face, markersize=6, markeredgewidth=1.4)
                if one.name:
                    _told(axes, one.name, x, one.value, -18, ha="center")
        for name, level in (references or {}).items():
            axes.plot([-0.5, edge - 0.4], [level, level], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
            _told(axes, name, -0.45, level, 4, color=MUTED)
        axes.axvline(edge - 0.25, color=MUTED, linewidth=1)
        places = [edge + 0.1 + step * at for at in range(len(here))]
        for x, (name, value) in zip(places, here):
            colour = PALETTE[0] if name in emphasis else "#8a96a3"
            if value.known:
                axes.plot([x, x], [value.low, value.high], color=colour, linewidth=2)
            axes.plot(x, value.mean, "s", color=colour, markersize=7)
        axes.set_xlim(-0.5, places[-1] + 0.3)
        tops = [value.high if value.known else value.mean for _, value in here]
        axes.set_ylim(0, min(1.08, 1.14 * max(*tops, *(one.value for one in past), *(references or {}).values())))
        names = [written(name) for name, _ in here]
        axes.set_xticks([*range(edge), *places], [*map(str, years), *names])
        for label in axes.get_xticklabels()[edge:]:
            label.set(rotation=55, ha="right", rotation_mode="anchor", color=INK, fontsize=11.5)
        axes.grid(axis="y")
        axes.spines["left"].set_visible(False)
        _style.percent_axis(axes.yaxis)
        axes.set_title(f"{y}: published, and yours", loc="left", fontsize=13, color=MUTED)

    return _style.figure(400, draw, alt)


def _told(axes: Axes, name: str, x: float, y: float, above: float, **how: str) -> None:
    """Write a name above a point."""
    axes.annotate(written(name), (x, y), (0, above), textcoords="offset points", fontsize=11.5, **how)
