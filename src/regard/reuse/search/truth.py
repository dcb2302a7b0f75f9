"""The ground truth of a search as places in a collection: which images each query should find, and which do not count.

Where it is from says what the protocol is: a table of pairs, the files of a benchmark, file names, or a column of the
collection itself. Names are matched with ids as they are, then by the last part without its suffix where only one id
has it; a name that fits no image is an error, never a miss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import InputError, bad, check_choice, check_path
from ...core.runtime import numpy_rng
from ...data.groundtruth import landmarks, names, pairs
from ...data.groundtruth.records import Box, GradedQuery, Query
from ...data.sources import open_images
from .collection import Collection

NAMED = ("holidays", "ukbench", "market1501")
PROTOCOLS = ("labels", "pairs", "oxford", "revisited", "gldv2", *NAMED)


@dataclass(frozen=True)
class Judged:
    """One query.

    Attributes:
        name: what it is called.
        place: in the collection; None where it is not in it.
        item: its file, where it is not in the collection.
        box: the part of it that is asked with.
        lists: places in the collection by `positives` (or `easy` and `hard`) and `junk`.
        group: queries of one group are drawn together for intervals.
    """

    name: str
    place: int | None
    item: Path | None
    box: Box | None
    lists: Mapping[str, np.ndarray]
    group: str


@dataclass(frozen=True)
class Truth:
    """Queries, and by which protocol their results are scored.

    Attributes:
        protocol: one of `PROTOCOLS`.
        queries: in the order of the ground truth.
        leave_out: places that no ranking holds: queries of a protocol whose collection is without them.
    """

    protocol: str
    queries: list[Judged]
    leave_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


class Names:
    """Ids to be found by a name: the id itself, or its last part without suffix, where that is one id's alone."""

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._place, self._short = dict(ids), {}  # type: ignore[var-annotated]
        for name, place in ids.items():
            self._short.setdefault(_short(name), []).append(place)

    def find(self, name: str) -> int | None:
        """The place of a name; None where no id, or more than one, fits."""
        if name in self._place:
            return self._place[name]
        several = self._short.get(_short(name), [])
        return several[0] if len(several) == 1 else None


def read_truth(
    source: str,
    collection: Collection,
    column: Mapping[str, np.ndarray],
    *,
    protocol: str | None = None,
    queries: str | Path | None = None,
    sample: int = 1000,
    seed: int = 0,
) -> Truth:
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
        found = _by_column(source.partition(":")[2] or "label", collection, column, sample, seed)
    elif kind == "market1501":
        found = _market(collection, queries)
    else:
        found = _by_names(kind, source, collection, known, queries)
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


def _by_column(name: str, collection: Collection, column: Mapping[str, np.ndarray], sample: int, seed: int) -> Truth:
    if name not in column:
        raise bad("GROUNDTRUTH", f"column {name!r}", f"a column of the index: {', '.join(column)}")
    values = column[name]
    there = np.array([place for place in collection.places(collection.ids) if values[place] not in (None, "")], int)
    if not len(there):
        raise bad("GROUNDTRUTH", f"a column {name!r} without values", "labels", "Index class folders, or a table.")
    members: dict[Any, list[int]] = {}
    for place in there.tolist():
        members.setdefault(values[place], []).append(place)
    if len(members) < 2:
        raise bad("GROUNDTRUTH", f"a column {name!r} with one value", "at least two: else every result is right")
    asked = [place for place in there.tolist() if len(members[values[place]]) > 1]
    if len(asked) > sample:
        asked = np.sort(numpy_rng(seed, "queries").choice(asked, sample, replace=False)).tolist()
    return Truth(
        "labels",
        [
            Judged(
                collection.ids[place],
                place,
                None,
                None,
                {"positives": np.setdiff1d(members[values[place]], [place]), "junk": np.array([place])},
                # pictures of one thing are right or wrong together; classes are not things
                collection.ids[place] if name == "label" else str(values[place]),
            )
            for place in asked
        ],
    )


def _by_names(kind: str, source: str, collection: Collection, known: Names, folder: str | Path | None) -> Truth:
    read: Sequence[Query | GradedQuery]
    images: list[str] | None = None
    if kind == "revisited":
        revisited = landmarks.read_revisited(source)
        read, images = revisited.queries, revisited.images
    elif kind == "pairs":
        read = pairs.read_pairs(source)
    elif kind in ("holidays", "ukbench"):
        read = {"holidays": names.holidays, "ukbench": names.ukbench}[kind](_files(collection))
    else:
        read = landmarks.read_oxford(source) if kind == "oxford" else landmarks.read_gldv2(source)
    opened = None if folder is None else open_images(folder, argument="--queries")
    outside = None if opened is None else Names({str(name): row for row, name in enumerate(opened.ids)})
    missing: list[str] = []

    def places(listed: Sequence[Any]) -> np.ndarray:
        called = [images[one] if images is not None else str(one) for one in listed]
        found = [known.find(name) for name in called]
        missing.extend(name for name, place in zip(called, found) if place is None)
        return np.array([place for place in found if place is not None], np.int64)

    queries = []
    graded = kind == "revisited" or any(isinstance(one, GradedQuery) and one.hard for one in read)
    for one in read:
        place = known.find(one.image) if outside is None else None
        row = None if outside is None else outside.find(one.image)
        item = None if opened is None or row is None else opened.items[row]
        if place is None and item is None:
            missing.append(one.image)
        parts = ("easy", "hard") if graded else ("positives",)
        lists = {part: places(getattr(one, part)) for part in parts}
        # a query that the collection holds is neither right nor wrong, unless the ground truth says that it is right
        own = [] if place is None or any(place in found for found in lists.values()) else [place]
        lists["junk"] = np.union1d(places(one.junk), np.array(own, np.int64)).astype(np.int64)
        name = getattr(one, "name", "") or one.image
        group = name.rpartition("_")[0] if kind == "oxford" and "_" in name else name
        queries.append(Judged(name, place, item if isinstance(item, Path) else None, one.box, lists, group))
    if missing:
        some = list(dict.fromkeys(missing))
        more = f" and {len(some) - 3} more" if len(some) > 3 else ""
        raise bad(
            "GROUNDTRUTH",
            f"names that no image of the index has, or several have: {', '.join(some[:3])}{more}",
            "names of images in the index, by id or by file name",
            "Index the whole collection; give --queries FOLDER where the queries are not in it.",
        )
    inside = [one.place for one in queries if one.place is not None] if kind in ("revisited", "gldv2") else []
    return Truth("revisited" if graded else kind, queries, np.array(sorted(set(inside)), np.int64))


def _market(collection: Collection, folder: str | Path | None) -> Truth:
    if folder is None:
        raise InputError("--queries: expected the folder of the query images (query/), got none.")
    opened = open_images(folder, argument="--queries")
    asked = names.market1501([Path(str(name)).name for name in opened.ids])
    there = collection.places(collection.ids)
    gallery = names.market1501([Path(collection.ids[place]).name for place in there])
    who, where = np.array(gallery.identities), np.array(gallery.cameras)
    queries = []
    for item, name, identity, camera in zip(opened.items, asked.names, asked.identities, asked.cameras):
        same = who == identity
        # the same person by the same camera, and what the data set calls junk, count neither way
        lists = {"positives": there[same & (where != camera)], "junk": there[(same & (where == camera)) | (who == -1)]}
        queries.append(Judged(name, None, item if isinstance(item, Path) else None, None, lists, str(identity)))
    return Truth("market1501", queries)


def _files(collection: Collection) -> list[str]:
    return [Path(name).name for name in collection.ids if name in collection]


def _short(name: str) -> str:
    last = name.rpartition("/")[2]
    return last.rpartition(".")[0] or last
