"""What an error is made of, as inline SVG: the parts as steps of a stair, and errors by size, capacity and length."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.intervals import Interval
from . import _style
from ._style import INK, MARKERS, MUTED, PALETTE


@dataclass(frozen=True)
class Step:
    """A step of the stair: where it starts, how far it goes, and its interval; None where it cannot be told."""

    name: str
    start: float
    found: Interval | None


@dataclass(frozen=True)
class Sized:
    """A curve by size: (n, error) measured, the fitted band, and where it leads."""

    name: str
    measured: Sequence[tuple[float, Interval]]
    band: Sequence[tuple[float, Interval]] = ()
    limit: Interval | None = None


@dataclass(frozen=True)
class Placed:
    """A series over named places."""

    name: str
    points: Sequence[Interval | None]


def stair(steps: Sequence[Step], total: Interval, alt: str, *, cannot: str) -> Markup:
    """Draw the parts of a total as bars, each beginning where the one before ends, with its interval at its end.

    Args:
        steps: from top to bottom.
        total: what was measured; the last bar.
        alt: what the picture shows, for readers who cannot see it.
        cannot: what stands in the place of a bar that cannot be told.

    Raises:
        InputError: no steps.
    """
    if not steps:
        raise bad("steps", "none", "at least one to draw")

    def draw(axes: Axes) -> None:
        ends = [0.0, total.mean, total.high if total.known else total.mean]
        for at, step in enumerate(steps):
            colour = PALETTE[at % len(PALETTE)]
            if step.found is None:
                axes.annotate(
                    cannot, (0, at), (4, 0), textcoords="offset points", va="center", color=MUTED, style="italic"
                )
                continue
            end, low, high = (step.start + one for one in (step.found.mean, step.found.low, step.found.high))
            axes.barh(at, step.found.mean, left=step.start, height=0.62, color=colour, linewidth=0)
            axes.plot([low, high], [at, at], color=INK, linewidth=1.6, solid_capstyle="butt")
            if at < len(steps) - 1 or len(steps) > 1:
                axes.plot([end, end], [at - 0.31, at + 0.69], color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
            axes.annotate(
                f"{100 * step.found.mean:.1f}", (max(high, end, step.start), at), (8, 0),
                textcoords="offset points", va="center", color=INK,
            )  # fmt: skip
            ends += [end, low, high]
        last = len(steps)
        axes.barh(last, total.mean, height=0.62, color="#9aa5b1", linewidth=0)
        if total.known:
            axes.plot([total.low, total.high], [last, last], color=INK, linewidth=1.6, solid_capstyle="butt")
        axes.annotate(
            f"{100 * total.mean:.1f}", (total.high if total.known else total.mean, last), (8, 0),
            textcoords="offset points", va="center", weight="bold", color=INK,
        )  # fmt: skip
        names = [*(written(one.name) for one in steps), "error, measured"]
        axes.set_yticks(range(len(names)), names, color=INK)
        axes.set_ylim(last + 0.5, -0.5)
        low, high = min(ends), max(ends)
        axes.set_xlim(low * 1.1, high * 1.14 or 1)
        axes.axvline(0, color=MUTED, linewidth=1)
        axes.spines["bottom"].set_visible(False)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        _style.percent_axis(axes.xaxis)

    return _style.figure(46 + 40 * (len(steps) + 1), draw, alt)


def by_size(curves: Sequence[Sized], alt: str, *, x: str, y: str) -> Markup:
    """Draw measured errors against sizes on a logarithmic axis, fitted bands, and where they lead at the right edge.

    Args:
        curves: one for each capacity.
        alt: what the picture shows, for readers who cannot see it.
        x: name of the axis of sizes.
        y: name of the vertical axis.
    """
    from matplotlib.ticker import NullLocator

    if not curves:
        raise bad("curves", "none", "at least one to draw")
    sizes = sorted({n for curve in curves for n, _ in curve.measured})
    edge = max([n for curve in curves for n, _ in curve.band] + sizes) * 1.6

    def draw(axes: Axes) -> None:
        axes.set_xscale("log", base=2)
        ends, tops = [], []
        for at, curve in enumerate(curves):
            colour, aside = PALETTE[at % len(PALETTE)], 1 + 0.04 * (at - (len(curves) - 1) / 2)
            if curve.band:
                where = [n for n, _ in curve.band]
                low, high = ([getattr(one, end) for _, one in curve.band] for end in ("low", "high"))
                axes.fill_between(where, low, high, color=colour, alpha=0.14, linewidth=0)
                axes.plot(where, [one.mean for _, one in curve.band], color=colour, linewidth=1.8)
            for n, one in curve.measured:
                if one.known:
                    axes.plot([n * aside] * 2, [one.low, one.high], color=colour, linewidth=1.6, alpha=0.6)
                axes.plot(n * aside, one.mean, MARKERS[at % len(MARKERS)], color=colour, markersize=6)
                tops.append(one.high if one.known else one.mean)
            last = curve.measured[0][1].mean if curve.limit is None else curve.limit.mean
            if curve.limit is not None:
                place = edge * (1 + 0.18 * (at - (len(curves) - 1) / 2))
                axes.plot([place] * 2, [curve.limit.low, curve.limit.high], color=colour, linewidth=4, alpha=0.5)
                axes.plot(place, curve.limit.mean, "_", color=colour, markersize=14, markeredgewidth=2.4)
            ends.append((edge * 1.2, last, curve.name, colour))
        axes.axvline(max(sizes), color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks([*sizes, edge], [*(f"{n:g}" for n in sizes), "∞"])
        axes.set_xlim(min(sizes) / 1.2, edge * 1.25)
        axes.set_ylim(0, 1.05 * max(tops))
        _finish(axes, ends, x, y)

    return _style.figure(320, draw, alt)


def by_place(series: Sequence[Placed], places: Sequence[str], chosen: int, alt: str, *, x: str, y: str) -> Markup:
    """Draw series over named places, such as capacities or lengths, with intervals; one place is marked.

    Args:
        series: as many points as places; None where there is none.
        places: their names, in order.
        chosen: the place that is marked.
        alt: what the picture shows, for readers who cannot see it.
        x: name of the axis of places.
        y: name of the vertical axis.
    """
    if not series or any(len(one.points) != len(places) for one in series):
        raise bad("series", f"{[len(one.points) for one in series]} points", f"{len(places)}, one for each place")

    def draw(axes: Axes) -> None:
        ends, tops = [], []
        for at, one in enumerate(series):
            colour, aside = PALETTE[at % len(PALETTE)], 0.06 * (at - (len(series) - 1) / 2)
            there = [(place, point) for place, point in enumerate(one.points) if point is not None]
            if not there:
                continue
            axes.plot([place + aside for place, _ in there], [p.mean for _, p in there], color=colour, linewidth=1.8)
            for place, point in there:
                if point.known:
                    axes.plot([place + aside] * 2, [point.low, point.high], color=colour, linewidth=1.6, alpha=0.6)
                axes.plot(place + aside, point.mean, MARKERS[at % len(MARKERS)], color=colour, markersize=6)
                tops.append(point.high if point.known else point.mean)
            ends.append((len(places) - 1.0, there[-1][1].mean, one.name, colour))
        axes.axvline(chosen, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set_xticks(range(len(places)), [written(one) for one in places])
        axes.set_ylim(0, 1.05 * max(tops) or 1)
        axes.set_xlim(-0.3, len(places) - 0.85)
        _finish(axes, ends, x, y)

    return _style.figure(280, draw, alt)


def _finish(axes: Axes, ends: list[tuple[float, float, str, str]], x: str, y: str) -> None:
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    _style.percent_axis(axes.yaxis)
    axes.set_xlabel(written(x))
    axes.set_title(written(y), loc="left", fontsize=13, color=MUTED)
    _style.end_labels(axes, ends)
