"""Lines and tables of a result as text and as rich sees them; whatever came from outside is made visible."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.shown import visible

if TYPE_CHECKING:
    from rich.table import Table as Grid

    from ..report.html import Table


def text_lines(block: "str | Table") -> list[str]:
    """A line, or a table without frames and cuts, as a pipe gets it; numbers stand at the right."""
    if isinstance(block, str):
        return [visible(block)]
    columns, cells, right = _laid_out(block)
    lines = [columns, *cells]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    shown = [visible(block.caption)] if block.caption else []
    for line in lines:
        padded = [
            text.rjust(width) if number else text.ljust(width) for text, width, number in zip(line, widths, right)
        ]
        shown.append("  ".join(padded).rstrip())
    return shown


def grid(table: "Table") -> "Grid":
    """A table for a terminal of rich; no [word] in it is taken for markup."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    columns, cells, right = _laid_out(table)
    heading = Text(visible(table.caption)) if table.caption else None
    made = Grid(box=box.SIMPLE_HEAD, title=heading, title_justify="left", pad_edge=False)
    for name, number in zip(columns, right):
        made.add_column(Text(name), justify="right" if number else "left")
    for row in cells:
        made.add_row(*map(Text, row))
    return made


def _laid_out(table: "Table") -> tuple[list[str], list[list[str]], list[bool]]:
    """Column names, cells as text, and which columns hold numbers alone."""
    columns = [visible(name) for name in table.columns]
    cells = [[_cell(value) for value in row] for row in table.rows]
    return columns, cells, [bool(cells) and _numbers([row[at] for row in cells]) for at in range(len(columns))]


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else visible(value)


def _numbers(texts: Sequence[str]) -> bool:
    return all(map(_is_number, texts))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text == "–"
    return True
