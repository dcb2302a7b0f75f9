"""A table of figures with the bar beside each, as text and JSON, and the exit status that follows from it."""

import json
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any


def met(row: dict[str, Any]) -> bool | None:
    """Whether a row meets its bar (`at_least`, `at_most`, or `equals` within `within`); None where it has none."""
    value = row["value"]
    if "at_least" in row:
        return bool(value >= row["at_least"])
    if "at_most" in row:
        return bool(value <= row["at_most"])
    if "equals" in row:
        return bool(abs(value - row["equals"]) <= row.get("within", 0))
    return None


def finish(name: str, rows: Sequence[dict[str, Any]], out: Path | None) -> int:
    """Print the table, write it as JSON where asked, and return 1 if a figure falls short of its bar, else 0."""
    lines = []
    for row in rows:
        bar = next((f"{sign} {row[key]:g}" for key, sign in _BARS if key in row), "")
        if row.get("within"):
            bar += f" ± {row['within']:g}"
        verdict = {True: "met", False: "SHORT", None: ""}[met(row)]
        lines.append((str(row["what"]), f"{row['value']:.5g}", row.get("unit", ""), bar, verdict))
    widths = [max(map(len, column)) for column in zip(*lines)]
    print(f"{name}: {date.today()}, {platform.machine()}, Python {platform.python_version()}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    short = [row for row in rows if met(row) is False]
    if out is not None:
        marked = [row | {"met": met(row)} for row in rows]
        out.write_text(json.dumps({"bench": name, "date": str(date.today()), "rows": marked}, indent=2) + "\n")
    return 1 if short else 0


_BARS = (("at_least", ">="), ("at_most", "<="), ("equals", "="))
