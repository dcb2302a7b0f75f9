"""Who was taken for whom as a table that is shaded by the share of each row, and bars inside the cells of a table.

These are HTML: text stays sharp and selectable on a telephone, and a reader who cannot see it hears rows and columns.
"""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from ..core.checks import bad

MOST_SHADE = 45  # per cent of the accent: darker than that, and text on it is hard to read


def heat_table(
    names: Sequence[str], counts: np.ndarray, caption: str, *, corner: str = "", shares: bool = False
) -> Markup:
    """A square table of counts, each cell shaded by its share of the row, the diagonal outlined.

    Args:
        names: (n,) of rows and columns alike.
        counts: (n, n) of at least 0.
        caption: what it shows.
        corner: what rows and columns are.
        shares: write shares of the row in per cent rather than counts.

    Raises:
        InputError: another shape.
    """
    table = np.asarray(counts)
    if table.shape != (len(names), len(names)) or not len(names):
        raise bad("counts", f"shape {table.shape}", f"({len(names)}, {len(names)}), one row and column a name")
    whole = table.sum(axis=1, keepdims=True)
    share = np.divide(table, whole, out=np.zeros(table.shape), where=whole > 0)
    head = Markup("").join(Markup('<th scope="col"><span>{}</span></th>').format(name) for name in names)
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            name,
            Markup("").join(
                _cell(int(count), float(part), at == column, shares)
                for column, (count, part) in enumerate(zip(table[at], share[at]))
            ),
        )
        for at, name in enumerate(names)
    )
    return Markup(
        '<div class="wide" tabindex="0" role="region" aria-label="{}"><table class="heat"><caption>{}</caption>'
        "<thead><tr><td>{}</td>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, caption, corner, head, rows)


def bar(part: float, text: str) -> Markup:
    """A bar that fills a share of its cell, and a text beside it.

    >>> print(bar(0.25, "<3"))
    <span class="bar"><span><span style="width: 25%"></span></span>&lt;3</span>
    """
    width = round(100 * min(max(part, 0.0), 1.0), 1)
    return Markup('<span class="bar"><span><span style="width: {:g}%"></span></span>{}</span>').format(width, text)


def _cell(count: int, share: float, diagonal: bool, shares: bool) -> Markup:
    shade = Markup(' style="--shade: {}%"').format(round(MOST_SHADE * share)) if count else Markup("")
    text = "" if not count else _percent(share) if shares else str(count)
    return Markup("<td{}{}>{}</td>").format(Markup(' class="same"') if diagonal else "", shade, text)


def _percent(share: float) -> str:
    return "<1" if share < 0.005 else f"{100 * share:.0f}"
