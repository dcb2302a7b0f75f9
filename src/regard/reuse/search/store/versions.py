"""Versions of a LanceDB table: which one is meant, what tells it from all others, which may go; how one is tidied."""

import warnings
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ....core.checks import bad
from ..nearest.strategy import SKETCH
from .protocol import dim_of

INDEXED = 10_000  # rows from which ids and contents get an index of their own


def check_out(table: Any, version: int | str) -> None:
    """Show the table as it was at a version or tag; raises InputError where there is none."""
    try:
        table.checkout(version)
    except (ValueError, RuntimeError) as error:
        tags = ", ".join(sorted(table.tags.list())) or "no tags"
        raise bad("version", repr(version), f"a version that is kept, or one of {tags}", str(error)[:200]) from error


def mark(place: str, name: str, version: int) -> str:
    """What tells this state from any other, also of a copy or of a backup put back; "" where that is unknown."""
    manifests = Path(place) / f"{name}.lance" / "_versions"
    for number in (2**64 - 1 - version, version):  # newer tables count down, so that the latest is listed first
        with suppress(OSError):
            seen = (manifests / f"{number}.manifest").stat()
            return f"{version} {seen.st_size} {seen.st_mtime_ns}"
    return ""


def tidy(table: Any) -> None:
    """Give a large table its indices, join small files, drop old versions; only for who is alone with the table."""
    from lancedb.index import BTree

    many = int(table.count_rows())
    have = {index.columns[0] for index in table.list_indices()} if many >= INDEXED else set()
    for name in {"id", "content"} - have if many >= INDEXED else ():
        table.create_index(name, config=BTree())
    if many > SKETCH and "vector" not in have:
        index_vectors(table)
    optimise(table)


def optimise(table: Any) -> None:
    """Join small files, and drop what no version that is needed holds; only for who is alone with the table."""
    with warnings.catch_warnings():
        # it warns of readers and writers of older versions; the lock keeps them out
        warnings.filterwarnings("ignore", message=r"optimize\(cleanup_older_than=0\)", category=UserWarning)
        table.optimize(cleanup_older_than=unneeded(table), delete_unverified=True)


def index_vectors(table: Any) -> None:
    """Make a table's own index; see `LanceStore.index_vectors`."""
    from lancedb.index import IvfRq, IvfSq

    kind = IvfRq if dim_of(table.schema) % 8 == 0 else IvfSq
    table.create_index("vector", config=kind(distance_type="cosine"), replace=True)


def unneeded(table: Any) -> timedelta:
    """The age beyond which versions may go; LanceDB refuses to clean where a tagged one would be among them."""
    tagged = [int(tag["version"]) for tag in table.tags.list().values()]
    if not tagged:
        return timedelta(0)
    made = next(one["timestamp"] for one in table.list_versions() if one["version"] == min(tagged))
    return datetime.now(made.tzinfo) - made + timedelta(seconds=1)
