"""What an index keeps of images that were found, beside path and label."""

from typing import Any

from ..store.protocol import metadata_of
from .hits import Hits
from .searcher import Searcher


def columns_of(index: Searcher, hits: Hits) -> dict[str, dict[str, Any]]:
    """The further columns of each image that was found, by its id; None where nothing is known."""
    names = list(metadata_of(index.store.schema))
    ids = list(dict.fromkeys(hit.id for found in hits for hit in found))
    rows = index.store.get(ids, ["id", *names]).to_pylist() if names and ids else []
    known = {row["id"]: {name: row[name] for name in names} for row in rows}
    return {one: known.get(one, dict.fromkeys(names)) for one in ids}
