"""Vectors on a plane before and after a step: have the domains come together, and do the classes stay apart?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ..core.checks import bad, check_labels, check_matrix
from ..core.plots import written
from . import _style
from ._style import GRID, PALETTE, PAPER, WIDTH

# Paul Tol's "muted" scheme, for classes: nine colours, and a brown for the tenth.
_CLASSES = (
    "#332288", "#cc6677", "#117733", "#88ccee", "#882255", "#44aa99", "#ddcc77", "#aa4499", "#999933", "#c2703d",
)  # fmt: skip
_WIDE = 16  # characters of a name inside a panel
_MANY = 400  # points above which a map is drawn as pixels, so that the page stays small


def map_before_after(
    before_xy: Any,
    after_xy: Any,
    domain: Any,
    label: Any = None,
    *,
    alt: str,
    titles: tuple[str, str] = ("before", "after"),
) -> Markup:
    """Draw the same vectors on a plane before and after a step, coloured by domain and below it by class.

    The upper pair answers whether the domains have come together, the lower pair whether classes stay apart.

    Args:
        before_xy: (n, 2), such as `project` gives.
        after_xy: (n, 2), the same rows.
        domain: (n,) the name of each row's domain.
        label: (n,) the name of each row's class, or None for the upper pair alone.
        alt: what the picture shows, for readers who cannot see it.
        titles: names of the two columns.

    Raises:
        InputError: arrays of different lengths or not (n, 2).
    """
    planes = [check_matrix("before_xy", before_xy, columns=2), check_matrix("after_xy", after_xy, columns=2)]
    n = len(planes[0])
    if len(planes[1]) != n:
        raise bad("after_xy", f"{len(planes[1])} rows", f"{n} rows, as before_xy has")
    domains = check_labels("domain", domain, n).astype(str)
    rows: list[tuple[np.ndarray, tuple[str, ...]]] = [(domains, PALETTE)]
    if label is not None:
        rows.append((check_labels("label", label, n).astype(str), _CLASSES))
    # drawn in mixed order, so that no group covers the other because it came last
    order = np.random.default_rng(0).permutation(n)

    def draw(axes: np.ndarray) -> None:
        for row, (groups, colours) in enumerate(rows):
            names, counts = np.unique(groups, return_counts=True)
            shown = sorted(map(str, names[np.argsort(-counts, kind="stable")][: len(colours)]))
            colour = {name: colours[at] for at, name in enumerate(shown)}
            paint = np.array([colour.get(name, "#9aa5b1") for name in groups])
            for column, plane in enumerate(planes):
                panel = axes[row, column]
                panel.scatter(
                    *plane[order].T,
                    s=14 if n <= 600 else 7,
                    c=paint[order],
                    alpha=0.75,
                    linewidth=0,
                    rasterized=n > _MANY,
                )
                _bare(panel)
                if row == 0:
                    panel.set_title(written(titles[column], _WIDE), loc="left", fontsize=14, weight="bold")
                else:
                    _name_groups(panel, plane, groups, domains, colour)
            if row == 0:
                _legend(axes[0, 0], colour)

    return _style.figure(WIDTH / 2 * len(rows) + 35, draw, alt, rows=len(rows), columns=2)


def _bare(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.margins(0.06)
    panel.set_aspect("equal", adjustable="datalim")
    for spine in panel.spines.values():
        spine.set_visible(True)
        spine.set_color(GRID)


def _legend(panel: Axes, colour: Mapping[str, str]) -> None:
    marks = [panel.scatter([], [], s=45, c=paint, linewidth=0) for paint in colour.values()]
    names = [written(name, _WIDE) for name in colour]
    beside = max(1, min(4, 72 // (4 + max(map(len, names)))))  # as many as the width of the page takes
    legend = panel.figure.legend(
        marks,
        ["name"] * len(marks),  # a legend leaves names out that start with `_`: they are put in afterwards
        loc="outside upper right",
        ncols=beside,
        frameon=False,
        handletextpad=0.1,
        columnspacing=1.2,
    )
    for text, name in zip(legend.get_texts(), names):
        text.set_text(name)


def _name_groups(
    panel: Axes, plane: np.ndarray, groups: np.ndarray, domains: np.ndarray, colour: Mapping[str, str]
) -> None:
    """Write each class at its middle in each domain: ten colours alone are hard to tell apart."""
    for domain in np.unique(domains):
        for name, paint in colour.items():
            mine = plane[(groups == name) & (domains == domain)]
            if len(mine):
                box = {
                    "boxstyle": "round,pad=0.2",
                    "facecolor": PAPER,
                    "edgecolor": paint,
                    "linewidth": 1.4,
                    "alpha": 0.9,
                }
                label = panel.annotate(
                    written(name, _WIDE),
                    np.median(mine, axis=0),
                    ha="center",
                    va="center",
                    fontsize=11,
                    weight="bold",
                    bbox=box,
                )
                label.set_in_layout(len(name) <= _WIDE // 2)  # long ones would leave the panel no room
