"""A ground truth from names of images: a table of pairs, a benchmark's files, or what file names say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import InputError, bad
from ....data.groundtruth import landmarks, names, pairs
from ....data.groundtruth.matching import Names
from ....data.groundtruth.records import GradedQuery, Query
from ....data.sources import open_images
from ..index.collection import Collection
from .judged import GroundTruth, Judged


def by_names(kind: str, source: str, collection: Collection, known: Names, folder: str | Path | None) -> GroundTruth:
    """Read it and look its names up in the collection; query images may be in a folder of their own."""
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
