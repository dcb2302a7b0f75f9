"""How well search does in a collection: a ground truth, a strategy of search, and figures with intervals.

Rankings are of the whole collection unless they are cut, so memory is that of one number for each query and image,
queries in pieces; a query is asked with its box where the ground truth has one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import bad, check_number
from ....core.events import Event
from ....data.imageset import ImageSet
from ....metrics.contrast import Difference, contrast
from ....metrics.intervals import Interval, accuracy_interval, unknown
from ....representation.embed import Watch
from ....representation.representation import Representation
from ..nearest import metric as metrics
from ..query import reranking
from ..query.crop import cut_out
from ..query.searcher import Searcher
from ..store.protocol import vectors_in
from .judged import GroundTruth, Judged
from .scoring import LARGEST, MAIN, scores

PIECE = 64  # queries that are ranked at once
SHOWN = 10  # first results that are kept of each query


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        protocol: by which the results were scored.
        queries: how many were asked.
        skipped: how many of them have nothing to find, by the main figure.
        figures: by name, with intervals over queries (or their groups).
        plain: the same without re-ranking, where there was one.
        gains: figures - plain, paired.
        main: the name of the figure by which queries are called good or bad.
        values: (q,) of each figure.
        first: for each query the ids of its first results, junk left out, and whether each is right.
        recall: of the strategy, as the index measures it; 1 where all were compared.
        names: of the queries.
        plain_values: (q,) of each figure without re-ranking, where there was one.
        groups: (q,) which queries are of one landmark, thing or person.
    """

    protocol: str
    queries: int
    skipped: int
    figures: dict[str, Interval]
    plain: dict[str, Interval]
    gains: dict[str, Difference]
    main: str
    values: dict[str, np.ndarray]
    first: list[list[tuple[str, bool]]]
    recall: float
    names: list[str] = field(default_factory=list)
    plain_values: dict[str, np.ndarray] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)


def evaluate(
    index: Searcher,
    ground_truth: GroundTruth,
    *,
    rerank: Sequence[str] = (),
    strategy: str = "exact",
    depth: int | None = None,
    representation: Representation | str | Path | None = None,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Evaluation:
    """Ask all queries and score what comes back.

    Args:
        index: what is searched.
        ground_truth: see `ground_truth.read_ground_truth`.
        rerank: as in `Searcher.search`; the figures without it are given too.
        strategy: exact | sketch.
        depth: where rankings are cut; by default they are of all images (a tenth of them by `sketch`).
        representation: what embeds queries from outside; by default the index's own.
        watch: wraps the stream of progress events.
        embed_settings: precision, device ... of `embed`.

    Raises:
        InputError: as `Searcher.search` and `Searcher.embedded`.
    """
    collection = index.collection()
    many = len(collection) if strategy == "exact" else max(1, len(collection) // 10)
    if depth is not None:
        many = min(many, int(check_number("--top", depth, 1, whole=True)))
    vectors = _vectors(index, ground_truth, representation, embed_settings)
    after: list[dict[str, np.ndarray]] = []
    before: list[dict[str, np.ndarray]] = []
    first: list[list[tuple[str, bool]]] = []

    def work() -> Iterator[Event]:
        for start in range(0, len(vectors), PIECE):
            part = replace(ground_truth, queries=ground_truth.queries[start : start + PIECE])
            plain, changed = [], []
            asked = metrics.prepared_queries(collection.metric, vectors[start : start + PIECE])
            places, sums, _ = collection.search(asked, many, strategy=strategy)
            shown = metrics.scores(collection.metric, sums, asked)
            for row, (query, ranking, score) in enumerate(zip(part.queries, places, shown)):
                kept = ~np.isin(ranking, ground_truth.leave_out)
                plain.append(ranking[kept])
                if rerank:
                    vector = vectors[start + row]
                    shown_to = vector, _picture(index, query), vectors
                    changed.append(_reranked(index, rerank, plain[-1], score[kept], *shown_to))
                yield Event("search", start + row + 1, len(vectors))
            rankings = changed if rerank else plain
            after.append(scores(part, rankings))
            before.extend([scores(part, plain)] if rerank else [])
            first.extend(_first(index, query, ranking) for query, ranking in zip(part.queries, rankings))
        yield Event("done", len(vectors), len(vectors))

    for _ in watch(work()) if watch else work():
        pass
    values, old = _joined(after), _joined(before)
    main = MAIN.get(ground_truth.protocol, "map")
    known = ~np.isnan(values[main])
    groups = [one.group for one in ground_truth.queries]
    return Evaluation(
        ground_truth.protocol,
        len(vectors),
        int((~known).sum()),
        {name: _interval(name, column, groups) for name, column in values.items()},
        {name: _interval(name, column, groups) for name, column in old.items()},
        {name: _ahead(name, values[name], old[name], groups) for name in old},
        main,
        values,
        first,
        1.0 if strategy == "exact" else float(collection.recall or 0),
        [one.name for one in ground_truth.queries],
        old,
        groups,
    )


def _joined(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else {})}


def _vectors(
    index: Searcher,
    ground_truth: GroundTruth,
    representation: Representation | str | Path | None,
    settings: dict[str, Any],
) -> np.ndarray:
    """(q, d) as they are stored, or embedded where a query is a box or a file."""
    collection = index.collection()
    made = np.empty((len(ground_truth.queries), index.card["dim"]), np.float32)
    outside = []
    for row, query in enumerate(ground_truth.queries):
        if query.place is None or query.box is not None:
            outside.append(row)
    inside = np.setdiff1d(np.arange(len(made)), outside).tolist()
    ids = [collection.ids[ground_truth.queries[row].place or 0] for row in inside]
    made[inside] = vectors_in(index.store.get(ids, ["id", "vector"])) if inside else 0
    if outside:
        items = []
        for row in outside:
            query = ground_truth.queries[row]
            picture = _picture(index, query)
            if picture is None:
                raise bad("GROUNDTRUTH", f"{query.name!r}, whose file is not known", "an index made of image files")
            items.append(picture if query.box is None else cut_out(picture, query.box))
        found = index.embedded(ImageSet(items, np.array([str(row) for row in outside])), representation, **settings)
        if len(found) < len(outside):
            fault = found.card["set_aside"][0]
            raise bad("GROUNDTRUTH", f"a query that cannot be read ({fault['path']})", "query images")
        made[[int(name) for name in found.ids]] = found.vectors
    return made


def _picture(index: Searcher, query: Judged) -> Path | None:
    if query.item is not None or query.place is None:
        return query.item
    path = index.paths([index.collection().ids[query.place]])[0]
    return Path(path) if path else None


def _reranked(
    index: Searcher,
    stages: Sequence[str],
    ranking: np.ndarray,
    score: np.ndarray,
    query_D: np.ndarray,
    picture: Path | None,
    queries: np.ndarray,
) -> np.ndarray:
    """The ranking with its first results in a new order."""
    collection = index.collection()
    head = ranking[: reranking.SHORTLIST]
    (hits,) = index.described([[(collection.ids[place], float(s)) for place, s in zip(head, score)]])
    found, _ = reranking.rerank(stages, hits, query_D, index.store, picture, queries)
    new = np.array([collection.place_of(hit.id) for hit in found], np.int64)
    return np.concatenate([new, ranking[len(head) :]])


def _first(index: Searcher, query: Judged, ranking: np.ndarray) -> list[tuple[str, bool]]:
    ids = index.collection().ids
    kept = ranking[~np.isin(ranking, query.lists["junk"])][:SHOWN]
    wanted = np.concatenate([places for part, places in query.lists.items() if part != "junk"])
    return [(ids[place], bool(right)) for place, right in zip(kept, np.isin(kept, wanted))]


def _interval(name: str, values: np.ndarray, groups: Sequence[str]) -> Interval:
    """The mean of what is known, and its interval over groups."""
    known = ~np.isnan(values)
    if not known.any():
        return unknown(float("nan"), 0)
    most = LARGEST.get(name, 1.0)
    found = accuracy_interval(values[known] / most, np.array(groups)[known])
    return Interval(most * found.mean, most * found.low, most * found.high, found.n)


def _ahead(name: str, new: np.ndarray, old: np.ndarray, groups: Sequence[str]) -> Difference:
    """What re-ranking adds, over groups of queries."""
    known = ~np.isnan(new - old)
    if not known.any():
        return Difference(float("nan"), float("-inf"), float("inf"), 0)
    return contrast(new[known], old[known], np.array(groups)[known], largest=LARGEST.get(name, 1.0))
