"""The ground truth of a search as places in a collection: which images each query should find, and which do not count.

Where it is from says what the protocol is: a table of pairs, the files of a benchmark, file names, or a column of the
collection itself. How names are matched with ids is in `data.groundtruth.matching`; a name that fits no image, or
several, is an error, never a miss, and an image that is named twice counts once or is refused.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ....core.checks import bad, check_choice, check_path
from ....data.groundtruth.matching import Names
from ..index.collection import Collection
from .from_column import by_column
from .from_names import by_names
from .from_people import by_people
from .judged import GroundTruth

NAMED = ("holidays", "ukbench", "market1501")
PROTOCOLS = ("labels", "pairs", "oxford", "revisited", "gldv2", *NAMED)


def read_ground_truth(
    source: str,
    collection: Collection,
    column: Mapping[str, np.ndarray],
    *,
    protocol: str | None = None,
    queries: str | Path | None = None,
    sample: int = 1000,
    seed: int = 0,
) -> GroundTruth:
    """Read a ground truth for a collection.

    Args:
        source: `labels`, `column:NAME`, holidays | ukbench | market1501, a .csv or .json file, or a folder.
        collection: that is searched.
        column: the values of the store's columns by place; None where an image has none.
        protocol: where the source does not say it.
        queries: folder of the query images, where they are not in the collection.
        sample: queries that are drawn, at most, where every image of the collection is one.
        seed: of that.

    Raises:
        InputError: a source that is not known, names that fit no image, or nothing to find at all.
    """
    kind = _protocol(source) if protocol is None else check_choice("--protocol", protocol, PROTOCOLS)
    known = Names({name: collection.place_of(name) for name in collection.ids if name in collection})
    if kind == "labels":
        found = by_column(source.partition(":")[2] or "label", collection, column, sample, seed)
    elif kind == "market1501":
        found = by_people(collection, queries)
    else:
        found = by_names(kind, source, collection, known, queries)
    if not any(len(places) for one in found.queries for part, places in one.lists.items() if part != "junk"):
        raise bad("GROUNDTRUTH", f"{source!r}, by which no query has anything to find", "one with positives")
    return found


def _protocol(source: str) -> str:
    if source in NAMED:
        return source
    if source == "labels" or source.startswith("column:"):
        return "labels"
    path = Path(source)
    if path.is_dir():
        return "oxford"
    if path.suffix.lower() in (".json", ".pkl", ".pickle", ".mat"):
        return "revisited"
    if path.suffix.lower() == ".csv":
        with open(check_path("GROUNDTRUTH", path, folder=False), encoding="utf-8-sig", errors="replace") as file:
            return "gldv2" if file.readline().startswith("id,") else "pairs"
    raise bad(
        "GROUNDTRUTH",
        repr(source),
        f"labels, column:NAME, {', '.join(NAMED)}, a .csv or .json file, or a folder of *_query.txt",
    )
