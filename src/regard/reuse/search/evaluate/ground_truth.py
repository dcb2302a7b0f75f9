"""The ground truth of a search as places in a collection: which images each query should find, and which do not count.

Where it is from says what the protocol is: a table of pairs, the files of a benchmark, file names, or a column of the
collection itself. How names are matched with ids is in `data.groundtruth.matching`; a name that fits no image, or
several, is an error, never a miss, and an image that is named twice counts once or is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import InputError, bad, check_choice, check_path
from ....core.runtime import numpy_rng
from ....data.groundtruth import landmarks, names, pairs
from ....data.groundtruth.matching import Names
from ....data.groundtruth.records import Box, GradedQuery, Query
from ....data.sources import open_images
from ..index.collection import Collection
from .things import things_of

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
class GroundTruth:
    """Queries, and by which protocol their results are scored.

    Attributes:
        protocol: one of `PROTOCOLS`.
        queries: in the order of the ground truth.
        leave_out: places that no ranking holds: queries of a protocol whose collection is without them.
    """

    protocol: str
    queries: list[Judged]
    leave_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


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


def _by_column(
    name: str, collection: Collection, column: Mapping[str, np.ndarray], sample: int, seed: int
) -> GroundTruth:
    if name not in column:
        raise bad("GROUNDTRUTH", f"column {name!r}", f"a column of the index: {', '.join(column)}")
    there = collection.places(collection.ids)
    codes, things = things_of(column[name][there])
    if not things:
        raise bad("GROUNDTRUTH", f"a column {name!r} without values", "labels", "Index class folders, or a table.")
    if len(things) < 2:
        raise bad("GROUNDTRUTH", f"a column {name!r} with one value", "at least two: else every result is right")
    # a blank is no thing: such an image asks for nothing, and among the results it is a wrong one
    of = {int(place): int(code) for place, code in zip(there, codes) if code >= 0}
    order = np.argsort(codes, kind="stable")  # the blank ones come first
    members = np.split(there[order], np.searchsorted(codes[order], np.arange(len(things))))[1:]
    asked = [place for place, code in of.items() if len(members[code]) > 1]
    if len(asked) > sample:
        asked = np.sort(numpy_rng(seed, "queries").choice(asked, sample, replace=False)).tolist()
    return GroundTruth(
        "labels",
        [
            Judged(
                collection.ids[place],
                place,
                None,
                None,
                {"positives": np.setdiff1d(members[of[place]], [place]), "junk": np.array([place])},
                # pictures of one thing are right or wrong together; classes are not things
                collection.ids[place] if name == "label" else things[of[place]],
            )
            for place in asked
        ],
    )


def _by_names(kind: str, source: str, collection: Collection, known: Names, folder: str | Path | None) -> GroundTruth:
    read: Sequence[Query | GradedQuery]
    images: list[str] | None = None
    if kind == "revisited":
        revisited = landmarks.read_revisited(source)
        read, images = revisited.queries, revisited.images
    elif kind == "pairs":
        read = pairs.read_pairs(source)
    elif kind in ("holidays", "ukbench"):
        files = [Path(name).name for name in collection.ids if name in collection]
        read = {"holidays": names.holidays, "ukbench": names.ukbench}[kind](files)
    else:
        read = landmarks.read_oxford(source) if kind == "oxford" else landmarks.read_gldv2(source)
    opened = None if folder is None else open_images(folder, argument="--queries")
    outside = None if opened is None else Names({str(name): row for row, name in enumerate(opened.ids)})
    missing: list[str] = []
    asked_for: set[str] = set()  # of them, the queries that are looked for in their own folder

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
            asked_for |= {one.image} if outside is not None else set()
        lists = {part: places(getattr(one, part)) for part in (("easy", "hard") if graded else ("positives",))}
        # a query that the collection holds is neither right nor wrong, unless the ground truth says that it is right
        own = [] if place is None or any(place in found for found in lists.values()) else [place]
        lists["junk"] = places(one.junk)
        _once(one.image, lists, collection)
        if kind == "pairs" and place is not None and not own:
            raise bad("GROUNDTRUTH", f"{one.image!r} as its own answer", "other images", "Leave that pair out.")
        lists["junk"] = np.union1d(lists["junk"], np.array(own, np.int64)).astype(np.int64)
        name = getattr(one, "name", "") or one.image
        group = name.rpartition("_")[0] if kind == "oxford" and "_" in name else name
        queries.append(Judged(name, place, item if isinstance(item, Path) else None, one.box, lists, group))
    if missing:
        raise _unknown(list(dict.fromkeys(missing)), known, asked_for)
    if kind in ("pairs", "gldv2"):
        _one_query_each(queries)
    inside = [one.place for one in queries if one.place is not None] if kind in ("revisited", "gldv2") else []
    return GroundTruth("revisited" if graded else kind, queries, np.array(sorted(set(inside)), np.int64))


def _market(collection: Collection, folder: str | Path | None) -> GroundTruth:
    if folder is None:
        raise InputError("--queries: expected the folder of the query images (query/), got none.")
    opened = open_images(folder, argument="--queries")
    asked = names.market1501([Path(str(name)).name for name in opened.ids])
    there = collection.places(collection.ids)
    gallery = names.market1501([Path(collection.ids[place]).name for place in there])
    who, where = np.array(gallery.identities), np.array(gallery.cameras)
    queries = []
    for item, name, identity, camera in zip(opened.items, asked.names, asked.identities, asked.cameras):
        same = (who == identity) & (identity > 0)  # -1 is junk and 0 a distractor: neither is a person
        # the same person by the same camera, and what the data set calls junk, count neither way
        lists = {"positives": there[same & (where != camera)], "junk": there[(same & (where == camera)) | (who == -1)]}
        group = str(identity) if identity > 0 else name
        queries.append(Judged(name, None, item if isinstance(item, Path) else None, None, lists, group))
    return GroundTruth("market1501", queries)


def _unknown(names: list[str], known: Names, asked_for: set[str]) -> InputError:
    """The error for names that fit no image, or several."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    hints = [hint for name in names[:3] if name not in asked_for and (hint := known.hint(name))]
    return bad(
        "GROUNDTRUTH",
        f"names that no image of the index has, or several have: {', '.join(names[:3])}{more}"
        + (f" ({'; '.join(hints)})" if hints else ""),
        "names of images in the index, by id or by file name",
        "Index the whole collection; give --queries FOLDER where the queries are not in it.",
    )


def _once(query: str, lists: Mapping[str, np.ndarray], collection: Collection) -> None:
    """Refuse an image that the lists of a query name twice, under whatever names: it would count twice."""
    places, times = np.unique(np.concatenate(list(lists.values())), return_counts=True)
    if (times > 1).any():
        twice = collection.ids[int(places[times > 1][0])]
        raise bad("GROUNDTRUTH", f"{twice!r} under two names in the lists of {query!r}", "each image once at most")


def _one_query_each(queries: Sequence[Judged]) -> None:
    """Refuse one image as two queries, under two names: what one of them finds would be wrong for the other."""
    seen: dict[Any, str] = {}
    for one in queries:
        other = seen.setdefault(one.place if one.item is None else str(one.item), one.name)
        if other != one.name:
            raise bad("GROUNDTRUTH", f"one image as the queries {other!r} and {one.name!r}", "one name for each query")
