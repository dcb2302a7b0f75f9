"""A figure of a line of years: above what was published, below what was measured here, each in its place."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad
from ..core.plots import written
from ..metrics.intervals import Interval
from . import _style
from ._style import INK, MARKERS, MUTED, PALETTE

_APART = 0.16  # of a place, between two forms of one thing


class Place(NamedTuple):
    """A place in the line: its name, its year, what was published (a share, or None), and whether that was checked."""

    name: str
    year: int
    published: float | None
    checked: bool


def line_of_years(
    places: Sequence[Place],
    forms: Mapping[str, Sequence[tuple[int, Interval]]],
    alt: str,
    *,
    references: Mapping[str, float] | None = None,
    above: str = "published",
    below: str = "measured here",
) -> Markup:
    """Draw two panels over the same places, which are in the order of their years and equally far apart.

    Args:
        places: from left to right.
        forms: by name, (place, interval) of what was measured; each form has a colour and a marker.
        alt: what the picture shows, for readers who cannot see it.
        references: measured values that are no part of the line, drawn as dashed lines in the lower panel.
        above: name of the upper panel.
        below: name of the lower panel.

    Raises:
        InputError: nothing measured, or a place that there is not.
    """
    wanted = {at for several in forms.values() for at, _ in several}
    if not wanted or not wanted <= set(range(len(places))):
        raise bad("forms", f"places {sorted(wanted)}", f"some of 0 to {len(places) - 1}")

    def draw(axes: Sequence[Sequence[Axes]]) -> None:
        (upper,), (lower,) = axes
        known = [(at, one.published, one.checked) for at, one in enumerate(places) if one.published is not None]
        upper.plot([at for at, _, _ in known], [y for _, y, _ in known], color=PALETTE[1], linewidth=1.2, alpha=0.6)
        for at, y, checked in known:
            face = PALETTE[1] if checked else "none"
            upper.plot(at, y, "o", color=PALETTE[1], markerfacecolor=face, markersize=7, markeredgewidth=1.5)
            text = f"{100 * y:.1f}"
            upper.annotate(text, (at, y), (0, 9), textcoords="offset points", ha="center", color=MUTED, fontsize=11.5)
        low, high = min(y for _, y, _ in known), max(y for _, y, _ in known)
        upper.set_ylim(low - 0.1 * (high - low) - 0.01, high + 0.3 * (high - low) + 0.01)
        upper.set_xticks(range(len(places)), [""] * len(places))
        many = len(forms)
        for number, (name, several) in enumerate(forms.items()):
            colour, shift = PALETTE[2 * number % len(PALETTE)], _APART * (number - (many - 1) / 2)
            xs, means = [at + shift for at, _ in several], [value.mean for _, value in several]
            lower.plot(xs, means, color=colour, linewidth=1.2, alpha=0.6)
            lower.plot(xs, means, MARKERS[number], color=colour, markersize=7.5, label=written(name), linestyle="")
            for x, (_, value) in zip(xs, several):
                if value.known:
                    lower.plot([x, x], [value.low, value.high], color=colour, linewidth=2.4, alpha=0.75)
        for level in (references or {}).values():
            lower.axhline(level, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        if many > 1:
            lower.legend(frameon=False, loc="best", fontsize=11.5, labelcolor=INK)
        names = ["\n".join([str(one.year), *_lines(written(one.name))]) for one in places]
        lower.set_xticks(range(len(places)), names)
        for label in lower.get_xticklabels():
            label.set(color=INK, fontsize=10.5)
        for panel, title in ((upper, above), (lower, below)):
            panel.set_xlim(-0.55, len(places) - 0.45)
            panel.grid(axis="y")
            panel.spines["left"].set_visible(False)
            _style.percent_axis(panel.yaxis)
            panel.set_title(written(title), loc="left", fontsize=13, color=MUTED)
        lower.set_ylim(*lower.get_ylim())
        end = len(places) - 0.5
        _style.end_labels(lower, [(end, level, name, MUTED) for name, level in (references or {}).items()])

    return _style.figure(480, draw, alt, rows=2)


def _lines(name: str) -> list[str]:
    """A name in two lines, broken where they are of about one length."""
    words = name.split()
    cuts = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words))]
    return list(min(cuts, key=lambda two: max(map(len, two)), default=(name,)))
