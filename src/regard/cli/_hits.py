"""What `regard search` says of each result beside its score: the file's name and what the index keeps of the image."""

from pathlib import Path
from typing import Any

SHOWN = 8  # further columns of the table on a terminal, of those that say something


def further(there: Any, hits: Any) -> dict[str, dict[str, Any]]:
    """The further columns of each image that was found, by its id; None where nothing is known."""
    from ..reuse.search.store.protocol import metadata_of

    names = list(metadata_of(there.store.schema))
    ids = list(dict.fromkeys(hit.id for found in hits for hit in found))
    rows = there.store.get(ids, ["id", *names]).to_pylist() if names and ids else []
    known = {row["id"]: {name: row[name] for name in names} for row in rows}
    return {one: known.get(one, dict.fromkeys(names)) for one in ids}


def name_of(hit: Any) -> str:
    """The name of the image's file, or its id where the index knows of no file."""
    return Path(hit.path).name or str(hit.id)


def rows_of(hits: Any, columns: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[object]], list[str]]:
    """The table: its heads, its rows, and the further columns that are left out of it.

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
            _middle(name_of(hit)),
            *(_short(columns[hit.id][column]) for column in shown),
            hit.path or hit.id,
        ]
        for name, found in zip(hits.queries, hits)
        for place, hit in enumerate(found, 1)
    ]
    return ["query", "place", "score", "label", "image", *shown, "path"], rows, left


def as_dicts(hits: Any, columns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of each query as plain values, for JSON."""
    return [
        {
            "query": name,
            "hits": [
                {**hit.as_dict(), "place": place, "name": name_of(hit), "columns": columns[hit.id]}
                for place, hit in enumerate(found, 1)
            ],
        }
        for name, found in zip(hits.queries, hits)
    ]


def _names(columns: dict[str, dict[str, Any]]) -> list[str]:
    return list(next(iter(columns.values()), {}))


def _short(value: object) -> object:
    return value[:39] + "…" if isinstance(value, str) and len(value) > 40 else value


def _middle(name: str) -> str:
    """A long name without its middle, as many begin or end alike; the path beside it is whole."""
    return name if len(name) <= 40 else f"{name[:22]}…{name[-17:]}"
