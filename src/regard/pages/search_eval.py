"""The page of `regard search-eval`: the figures, and the queries that did worst and best as pictures."""

from pathlib import Path

import numpy as np

from ..data.decode import DecodeError
from ..report.cards import Gallery
from ..report.html import Picture, Section, Table, write_report
from ..report.thumbs import Hit, Query, neighbours
from ..reuse.search.evaluate.evaluation import Evaluation
from ..reuse.search.evaluate.judged import GroundTruth, Judged
from ..reuse.search.query.crop import cut_out
from ..reuse.search.query.searcher import Searcher
from .captions import about_file

MANY = 10  # queries at either end


def write_search_eval_page(out: Path, index: Searcher, ground_truth: GroundTruth, found: Evaluation) -> None:
    """Write the page; what is right is framed."""
    gallery = Gallery()
    value = found.values[found.main]
    known = np.flatnonzero(~np.isnan(value))
    order = known[np.argsort(value[known], kind="stable")]
    sections = [Section("Figures", "", [_figures(found)])]
    for title, rows in (("Worst queries", order[:MANY]), ("Best queries", order[::-1][:MANY])):
        shown = []
        for row in rows:
            hits = found.first[row]
            if hits:
                paths = [Path(path or name) for path, (name, _) in zip(index.paths([n for n, _ in hits]), hits)]
                near = [
                    Hit(path, 0.0, right=right, scored=False, about=about_file(name, path, out))
                    for (name, right), path in zip(hits, paths)
                ]
                query = ground_truth.queries[row]
                about = about_file(query.name, _file(index, query), out)
                shown.append(Query(_image(index, query), f"{found.main} {value[row]:.2f}", near, about))
        if shown:
            text = "The first results, junk left out; a green frame is right, a red one wrong."
            sections.append(Section(title, text, [Picture(neighbours(shown, gallery))]))
    summary = f"{found.queries} queries by the protocol {found.protocol!r}, {found.skipped} with nothing to find."
    write_report(out, f"Search in {index.folder.name}", sections, summary, verdicts=bool(found.gains))


def _figures(found: Evaluation) -> Table:
    if not found.gains:
        return Table(["figure", "value"], [[key, str(value)] for key, value in found.figures.items()])
    rows = [
        [key, str(value), str(found.plain[key]), str(found.gains[key]), found.gains[key].verdict]
        for key, value in found.figures.items()
    ]
    return Table(["figure", "value", "without re-ranking", "difference", "verdict"], rows)


def _image(index: Searcher, query: Judged) -> Path | np.ndarray:
    item = _file(index, query)
    try:
        return item if query.box is None else cut_out(item, query.box)
    except DecodeError:  # gone since it was embedded: the tile says so
        return item


def _file(index: Searcher, query: Judged) -> Path:
    """Where the query's picture is."""
    if query.item is not None:
        return query.item
    assert query.place is not None  # else it has a file of its own
    return Path(index.paths([index.collection().ids[query.place]])[0] or query.name)
