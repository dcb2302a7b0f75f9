"""The hits of a search as rows: short ones for a terminal, whole ones for a data frame."""

from collections.abc import Mapping
from typing import Any

from ..report.html import Table
from ..reuse.search.query.hits import Hits

SHOWN = 8  # further columns of the table on a terminal, of those that say something
Columns = Mapping[str, Mapping[str, Any]]  # further columns of each hit, by its id


def short_table(hits: Hits, columns: Columns) -> tuple[Table, list[str]]:
    """The table for a terminal, and the further columns that are left out of it.

    A column that says nothing of any result is left out without a word; the path comes last, as it is long.
    """
    said = [name for name in _names(columns) if any(about[name] not in (None, "") for about in columns.values())]
    shown, left = said[:SHOWN], said[SHOWN:]
    rows: list[list[object]] = [
        [
            name,
            place,
            hit.score,
            hit.label,
            _middle(hit.name),
            *(_short(columns[hit.id][column]) for column in shown),
            hit.path or hit.id,
        ]
        for name, found in zip(hits.queries, hits)
        for place, hit in enumerate(found, 1)
    ]
    return Table(["query", "place", "score", "label", "image", *shown, "path"], rows), left


def whole_table(hits: Hits, columns: Columns) -> Table:
    """All that is known of each hit, a row for each."""
    names = _names(columns)
    rows: list[list[object]] = [
        [name, place, hit.id, hit.score, hit.label, *(columns[hit.id][column] for column in names), hit.path]
        for name, found in zip(hits.queries, hits)
        for place, hit in enumerate(found, 1)
    ]
    return Table(["query", "place", "id", "score", "label", *names, "path"], rows)


def as_dicts(hits: Hits, columns: Columns) -> list[dict[str, Any]]:
    """The results of each query as plain values, for JSON."""
    return [
        {
            "query": name,
            "hits": [
                {**hit.as_dict(), "place": place, "name": hit.name, "columns": columns[hit.id]}
                for place, hit in enumerate(found, 1)
            ],
        }
        for name, found in zip(hits.queries, hits)
    ]


def _names(columns: Columns) -> list[str]:
    return list(next(iter(columns.values()), {}))


def _short(value: object) -> object:
    return value[:39] + "…" if isinstance(value, str) and len(value) > 40 else value


def _middle(name: str) -> str:
    """A long name without its middle, as many begin or end alike; the path beside it is whole."""
    return name if len(name) <= 40 else f"{name[:22]}…{name[-17:]}"
