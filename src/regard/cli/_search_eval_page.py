"""The page of `regard search-eval`: the figures, and the queries that did worst and best as pictures."""

from pathlib import Path
from typing import Any

import numpy as np

MANY = 10  # queries at either end


def write_page(out: Path, index: Any, truth: Any, found: Any) -> None:
    """Write the page; what is right is framed."""
    from ..report.html import Picture, Section, Table, write_report
    from ..report.thumbs import Hit, Query, neighbours

    value = found.values[found.main]
    known = np.flatnonzero(~np.isnan(value))
    order = known[np.argsort(value[known], kind="stable")]
    sections = [Section("Figures", "", [_figures(Table, found)])]
    for title, rows in (("Worst queries", order[:MANY]), ("Best queries", order[::-1][:MANY])):
        shown = []
        for row in rows:
            hits = found.first[row]
            if hits:
                paths = index.paths([name for name, _ in hits])
                near = [
                    Hit(Path(path or name), 0.0, Path(name).name, right=right, scored=False)
                    for (name, right), path in zip(hits, paths)
                ]
                shown.append(Query(_image(index, truth.queries[row]), f"{found.main} {value[row]:.2f}", near))
        if shown:
            text = "The first results, junk left out; a green frame is right, a red one wrong."
            sections.append(Section(title, text, [Picture(neighbours(shown))]))
    summary = f"{found.queries} queries by the protocol {found.protocol!r}, {found.skipped} with nothing to find."
    write_report(out, f"Search in {index.folder.name}", sections, summary)


def _figures(table: Any, found: Any) -> Any:
    if not found.gains:
        return table(["figure", "value"], [[key, str(value)] for key, value in found.figures.items()])
    rows = [
        [key, str(value), str(found.plain[key]), str(found.gains[key]), found.gains[key].verdict]
        for key, value in found.figures.items()
    ]
    return table(["figure", "value", "without re-ranking", "difference", "verdict"], rows)


def _image(index: Any, query: Any) -> Any:
    from ..reuse.search.crop import cut_out

    item = query.item
    if item is None:
        item = Path(index.paths([index.collection().ids[query.place]])[0] or query.name)
    return item if query.box is None else cut_out(item, query.box)
