"""`regard.search_eval`: how well search does in a collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import check_choice
from ..core.runtime import measured
from ..report.html import Table, check_page
from ..reuse.search.evaluate.evaluation import Evaluation, evaluate
from ..reuse.search.evaluate.ground_truth import read_ground_truth
from ..reuse.search.evaluate.judged import GroundTruth
from ..reuse.search.index.search_index import SearchIndex
from ..reuse.search.query.reranking import read_stages
from ..reuse.search.query.searcher import Searcher
from ._given import Rep
from ._result import Progress, Result, difference, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class SearchEvaluated(Result):
    """How well search does.

    Attributes:
        index: what was searched, as it was named.
        searcher: the index, opened.
        ground_truth: by which results were scored.
        found: figures with intervals, values of each query, and its first results.
        strategy: by which results were found.
        out: the page that was written, or None.
    """

    verb: ClassVar[str] = "search-eval"
    index: str
    searcher: Searcher
    ground_truth: GroundTruth
    found: Evaluation
    strategy: str
    out: Path | None = None

    def told(self) -> Mapping[str, object]:
        """The protocol, and the first results of each query."""
        answers = [
            {"query": name, "first": [{"id": one, "right": right} for one, right in row]}
            for name, row in zip(self.found.names, self.found.first)
        ]
        return {"protocol": self.found.protocol, "results": answers}

    def shown(self) -> Iterator[str | Table]:
        """A figure a line, with what re-ranking adds where there was one."""
        found = self.found
        skipped = f", {found.skipped} with nothing to find" if found.skipped else ""
        yield f"{self.index}: {found.queries} queries by the protocol {found.protocol!r}{skipped}"
        rows = [[key, str(value)] for key, value in found.figures.items()]
        for row, (key, gain) in zip(rows, found.gains.items()):
            row += [str(found.plain[key]), str(gain), gain.verdict]
        yield Table(["figure", "value", *(["without", "difference", "verdict"] if found.gains else [])], rows)
        if self.strategy != "exact":
            yield f"found through the {self.strategy}; measured recall@10 {found.recall:.3f}"
        if self.out is not None:
            yield f"pictures: {self.out}"

    def rows(self) -> Table:
        """A row for each query with the value of each figure; NaN where it has nothing to find."""
        names, found = list(self.found.values), self.found
        columns = [found.values[name].tolist() for name in names]
        return Table(["query", *names], list(zip(found.names, *columns)))

    def write_page(self, path: Path) -> None:
        """The figures, and the queries that did worst and best as pictures."""
        from ..pages.search_eval import write_search_eval_page

        write_search_eval_page(path, self.searcher, self.ground_truth, self.found)


@verb
def search_eval(
    index: str | Path | Searcher,
    groundtruth: str | Path,
    *,
    queries: str | Path | None = None,
    protocol: str | None = None,
    rerank: str | Sequence[str] | None = None,
    search: str = "exact",
    top: int | None = None,
    sample: int = 1000,
    with_: Rep | None = None,
    out: str | Path | None = None,
    allow_host: str | Sequence[str] | None = None,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> SearchEvaluated:
    """Measure how well search does in a collection, by the protocol of its ground truth.

    Every figure has an interval over queries; with `rerank` the figures without it stand beside, with the difference.
    A query that the collection holds is never its own answer.

    Args:
        index: a folder made by `regard.index`, or a `SearchIndex`. It does not take images or bare vectors.
        groundtruth: labels, column:NAME, a .csv of pairs, a benchmark's file or folder, holidays, ukbench or
            market1501.
        queries: the query images, where the index is without them.
        protocol: labels | pairs | oxford | revisited | gldv2 | holidays | ukbench | market1501; by default what the
            ground truth says.
        rerank: qe, dba, csls, kreciprocal, diffusion, spatial: one or more, as "a,b" or a list.
        search: exact | sketch.
        top: where rankings are cut; by default they are whole.
        sample: queries, at most, where every image is one.
        with_: what embeds the queries; by default as the index was made.
        out: show the worst and best queries in this .html; `to_html` does so later, too.
        allow_host: where the index's table may be, if not in its folder.
        precision: auto | fp32 | bf16 | int8.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Raises:
        InputError: as `read_ground_truth` and `evaluate`.
    """
    if out is not None:
        check_page("--out", out)
    stages = read_stages(rerank)
    check_choice("--search", search, ("exact", "sketch"))
    there = index if isinstance(index, Searcher) else SearchIndex.open(index, allow_host=allow_host)
    options: dict[str, Any] = {"precision": precision, "device": device, "watch": watch_of(progress, "search-eval")}
    with measured() as cost:
        collection = there.collection()
        kind, _, column = str(groundtruth).partition(":")
        values = collection.column(there.store, column or "label") if kind in ("labels", "column") else {}
        settings: dict[str, Any] = {"protocol": protocol, "queries": queries, "sample": sample, "seed": seed}
        ground_truth = read_ground_truth(str(groundtruth), collection, values, **settings)
        found = evaluate(
            there, ground_truth, rerank=stages, strategy=search, depth=top, representation=with_, **options
        )
    told = SearchEvaluated(
        index=str(there.folder if isinstance(index, Searcher) else index),
        searcher=there,
        ground_truth=ground_truth,
        found=found,
        strategy=search,
        out=None if out is None else Path(out),
        metrics=_metrics(found, len(there)) | {"recall": found.recall, "seconds": cost.seconds},
        differences=[difference(key, gain) for key, gain in found.gains.items()],
    )
    if told.out is not None:
        told.write_page(told.out)
    return told


def _metrics(found: Evaluation, collection: int) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {
        "queries": found.queries,
        "skipped": found.skipped,
        "collection": collection,
    }
    for key, value in found.figures.items():
        metrics |= {key: value.mean, f"{key}_low": value.as_dict()["low"], f"{key}_high": value.as_dict()["high"]}
    for key, value in found.plain.items():
        metrics[f"plain_{key}"] = value.mean
    for key, gain in found.gains.items():
        ends = gain.as_dict()
        for said in (f"{key}_gain", f"gain_{key}"):  # as the other verbs say it, and as this one said it first
            metrics |= {said: gain.mean, f"{said}_low": ends["low"], f"{said}_high": ends["high"]}
    return metrics
