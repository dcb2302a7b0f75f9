"""How every figure looks: one palette, little ink, text that the page's own font draws.

Text from outside passes `written` (`core/plots.py`) before it is drawn.

Figures are matplotlib's object interface only, so that nothing global is kept between two of them. They leave as
SVG whose ink colours are CSS variables: the same figure reads well on a light and on a dark page.
"""

import hashlib
import io
import re
from html import escape
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..core.plots import drawing, written
from ..core.shown import visible

# Okabe & Ito's colours, which stay apart for colour-blind readers too; yellow is left out for its poor contrast.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a6f9b")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
INK, MUTED, GRID, PAPER = "#1c2430", "#667080", "#dfe3e8", "#fdfdfd"
WIDTH = 560  # units of the drawing; a page shows it 350 (a telephone) to 700 pixels wide
_UNITS = 72  # an inch of a matplotlib SVG is 72 units
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--line", PAPER: "--paper"}
_SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 13,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.labelsize": 13,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 12.5,
    "ytick.labelsize": 12.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "regard",
}


def figure(height: float, draw: Any, alt: str, *, rows: int = 1, columns: int = 1) -> Markup:
    """Make a figure of WIDTH x `height` units, let `draw(axes)` fill it, and give it as inline SVG.

    Args:
        height: units, of which WIDTH make the width.
        draw: called with one Axes, or with an array (rows, columns) of them where there are several.
        alt: what a reader who cannot see it is told.
        rows: panels above each other.
        columns: panels side by side.
    """
    with drawing(_SETTINGS):
        canvas = Figure(figsize=(WIDTH / _UNITS, height / _UNITS), layout="constrained")
        canvas.patch.set_alpha(0)
        axes = canvas.subplots(rows, columns, squeeze=False)
        for each in axes.flat:
            each.patch.set_alpha(0)
        draw(axes if axes.size > 1 else axes[0, 0])
        buffer = io.StringIO()
        canvas.savefig(
            buffer, format="svg", dpi=2 * _UNITS, metadata={"Date": None, "Creator": None, "Type": None, "Format": None}
        )
    return Markup(_tidy(buffer.getvalue(), alt))


def percent_axis(axis: Any, step: float | None = None) -> None:
    """Write an axis of shares as per cent."""
    from matplotlib.ticker import MaxNLocator, MultipleLocator, PercentFormatter

    axis.set_major_locator(MultipleLocator(step) if step else MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol=" %"))


def end_labels(axes: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Name each curve at its right end instead of in a legend; names that would overlap move apart.

    Args:
        axes: their limits are final.
        ends: (x, y, name, colour) of each curve's last point.
    """
    low, high = axes.get_ylim()
    gap = (high - low) * 17 / max(axes.get_window_extent().height * _UNITS / axes.figure.dpi, 1)
    places = [y for _, y, _, _ in ends]
    order = sorted(range(len(ends)), key=lambda at: places[at])
    for _ in range(50):
        for lower, upper in zip(order, order[1:]):
            lack = gap - (places[upper] - places[lower])
            if lack > 0:
                places[lower] -= lack / 2
                places[upper] += lack / 2
    for (x, _, name, colour), place in zip(ends, places):
        axes.annotate(
            written(name),
            (x, place),
            (14, 0),
            textcoords="offset points",
            annotation_clip=False,
            va="center",
            color=colour,
            weight="bold",
        )


def _tidy(svg: str, alt: str) -> str:
    """Keep the drawing alone: sized by its page, told by `alt`, without ids that two figures could share."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    box = re.search(r'viewBox="([^"]*)"', svg)
    assert box is not None
    body = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
    used = set(re.findall(r"#([\w-]+)", body)) & set(re.findall(r'id="([^"]+)"', body))
    body = re.sub(r' ?id="([^"]+)"', lambda found: found[0] if found[1] in used else "", body)
    mark = hashlib.blake2b(body.encode(), digest_size=4).hexdigest()
    for name in used:
        body = re.sub(rf'(id="|#){re.escape(name)}(?=["\')])', rf"\g<1>{mark}-{name}", body)
    # the family is the page's; size and weight stay
    body = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans, sans-serif)", body)
    body = re.sub(r"(?<=[ \"])-?\d+\.\d{3,}(?=[ \",)\n])", lambda found: f"{float(found[0]):.2f}", body)
    body = re.sub(r"<g/>|<defs>\s*</defs>|<path d=[^>]*opacity: 0\"/>", "", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*"', "", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var({variable}, {colour})")
    body = re.sub(r"\s*\n\s*", "\n", body)
    return (
        f'<svg class="plot" viewBox="{box[1]}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink"><title>{escape(visible(alt))}</title>{body}</svg>'
    )
