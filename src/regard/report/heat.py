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


def score_table(
    rows: Sequence[str],
    columns: Sequence[str],
    scores: np.ndarray,
    caption: str,
    *,
    corner: str = "",
    outlined: Sequence[int] = (),
) -> Markup:
    """A table of shares in per cent, each cell shaded by its share; what was not measured is a dash.

    Args:
        rows: (n,) names.
        columns: (m,) names.
        scores: (n, m) shares, NaN where not measured.
        caption: what it shows.
        corner: what rows and columns are.
        outlined: (m,) the row whose cell is outlined, of each column.

    Raises:
        InputError: another shape.

    >>> "50" in score_table(["after 1"], ["task 1"], np.array([[0.5]]), "accuracy")
    True
    """
    table = np.asarray(scores, float)
    if table.shape != (len(rows), len(columns)) or not table.size:
        raise bad("scores", f"shape {table.shape}", f"({len(rows)}, {len(columns)}), one for each row and column")
    head = Markup("").join(Markup('<th scope="col"><span>{}</span></th>').format(name) for name in columns)
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            name,
            Markup("").join(
                _share(float(one), len(outlined) > at and outlined[at] == row) for at, one in enumerate(table[row])
            ),
        )
        for row, name in enumerate(rows)
    )
    return Markup(
        '<div class="wide" tabindex="0" role="region" aria-label="{}"><table class="heat"><caption>{}</caption>'
        "<thead><tr><td>{}</td>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, caption, corner, head, body)


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


def _share(value: float, outlined: bool) -> Markup:
    same = Markup(' class="same"') if outlined else ""
    if not np.isfinite(value):
        return Markup("<td{}>–</td>").format(same)
    shade = round(MOST_SHADE * min(max(value, 0.0), 1.0))
    return Markup('<td{} style="--shade: {}%">{:.0f}</td>').format(same, shade, 100 * value)


def _percent(share: float) -> str:
    return "<1" if share < 0.005 else f"{100 * share:.0f}"
