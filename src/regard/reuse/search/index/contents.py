"""What an update knows a file by: the hash of its bytes, and its size and time, by which it is not even read."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.runtime import threads
from ....data.decode import DecodeError, content_hash, read
from ....representation.embeddings import Embeddings


def with_contents(embeddings: Embeddings) -> Embeddings:
    """The same, with the columns `content`, `size` and `mtime` of the files at `path`: what an update knows them by."""
    paths = [Path(str(path)) if path else None for path in embeddings.columns.get("path", [])]
    if not any(paths):
        return embeddings
    with ThreadPoolExecutor(threads()) as pool:
        facts = list(pool.map(facts_of, paths))
    columns = {name: np.array([fact[name] for fact in facts]) for name in ("content", "size", "mtime")}
    return replace(embeddings, columns=dict(embeddings.columns) | columns)


def facts_of(item: Path | np.ndarray | None) -> dict[str, Any]:
    """Hash, size and time of an image; an empty hash where it cannot be read."""
    size = mtime = -1
    try:
        if isinstance(item, Path):
            seen = item.stat()
            size, mtime = seen.st_size, seen.st_mtime_ns
        content = "" if item is None else content_hash(read(item))
    except (DecodeError, OSError):
        content = ""
    return {"content": content, "size": size, "mtime": mtime}


def look(item: Path | np.ndarray, row: dict[str, Any] | None) -> dict[str, Any] | None:
    """None where an image is as the collection has it; else what is found of it."""
    # a folder that was moved as a whole has its ids still, and other paths
    if row and row["content"] and isinstance(item, Path) and row["path"] == str(item.absolute()):
        try:
            seen = item.stat()
        except OSError:
            return facts_of(item)
        if (seen.st_size, seen.st_mtime_ns) == (row["size"], row["mtime"]):
            return None
    return facts_of(item)
