"""The page of a result that has none of its own: what the terminal shows, and every figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..report.html import Section, Table, literal, write_report


def write_figures_page(
    path: Path,
    verb: str,
    blocks: Sequence[str | Table],
    metrics: Mapping[str, float | None],
    set_aside: Sequence[Mapping[str, str]] = (),
) -> None:
    """Write the lines and tables of a result, its metrics, and what was set aside."""
    lines = "\n".join(block for block in blocks if isinstance(block, str))
    tables = [block for block in blocks if isinstance(block, Table)]
    sections = [Section(table.caption or "Result", "", [_bare(table)]) for table in tables]
    figures = [[name, value] for name, value in metrics.items()]
    if not any([list(row) for row in table.rows] == figures for table in tables):
        sections.append(Section("Figures", "", [Table(["figure", "value"], figures)]))
    if set_aside:
        rows = [[one.get("name", one["path"]), one["cause"]] for one in set_aside]
        sections.append(Section("Set aside", "", [Table(["name", "cause"], rows)]))
    write_report(path, f"regard {verb}", sections, literal(lines))


def _bare(table: Table) -> Table:
    return Table(table.columns, table.rows)
