"""`regard search-eval`: how well search does in a collection."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, Seed, difference, emit, table
from ._stores import AllowHost


def search_eval(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`.")],
    groundtruth: Annotated[
        str,
        typer.Argument(
            metavar="GROUNDTRUTH",
            help="labels, column:NAME, a .csv of pairs, a benchmark's file or folder, holidays, ukbench or market1501.",
        ),
    ],
    queries: Annotated[
        str | None,
        typer.Option(metavar="IMAGES", help="The query images, where the index is without them.", show_default=False),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="labels, pairs, oxford, revisited, gldv2, holidays, ukbench or market1501.",
            show_default="what GROUNDTRUTH says",
        ),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(help="qe, dba, kreciprocal, diffusion, spatial: one or more, as a,b.", show_default=False),
    ] = None,
    way: Annotated[str, typer.Option("--search", help="exact or sketch.")] = "exact",
    top: Annotated[
        int | None, typer.Option(min=1, help="Where rankings are cut.", show_default="they are whole")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Queries, at most, where every image is one.")] = 1000,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="What embeds the queries.", show_default="as the index was made"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Show the worst and best queries in this .html.", show_default=False),
    ] = None,
    allow_host: AllowHost = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well search does in a collection, by the protocol of its ground truth.

    Every figure has an interval over queries; with --rerank the figures without it stand beside, with the difference.
    A query that the collection holds is never its own answer.
    """
    from ..core.checks import check_choice
    from ..core.runtime import measured
    from ..report.html import check_page
    from ..reuse.search.evaluate.evaluation import evaluate
    from ..reuse.search.evaluate.ground_truth import read_ground_truth
    from ..reuse.search.index.search_index import SearchIndex
    from ..reuse.search.query.reranking import read_stages

    if out is not None:
        check_page("--out", out)
    stages = read_stages(rerank)
    check_choice("--search", way, ("exact", "sketch"))
    there = SearchIndex.open(index, allow_host=allow_host)
    with measured() as cost:
        collection = there.collection()
        name = groundtruth.partition(":")[2] or "label"
        values = collection.column(there.store, name) if groundtruth.partition(":")[0] in ("labels", "column") else {}
        truth = read_ground_truth(
            groundtruth, collection, values, protocol=protocol, queries=queries, sample=sample, seed=seed
        )
        found = evaluate(
            there,
            truth,
            rerank=stages,
            strategy=way,
            depth=top,
            representation=with_,
            watch=watcher("search-eval", quiet=quiet),
            precision=precision,
            device=device,
        )
    metrics: dict[str, Any] = {"queries": found.queries, "skipped": found.skipped, "collection": len(there)}
    for key, value in found.figures.items():
        metrics |= {key: value.mean, f"{key}_low": value.as_dict()["low"], f"{key}_high": value.as_dict()["high"]}
    for key, value in found.plain.items():
        metrics[f"plain_{key}"] = value.mean
    for key, gain in found.gains.items():
        ends = gain.as_dict()
        for said in (f"{key}_gain", f"gain_{key}"):  # as the other verbs say it, and as this one said it first
            metrics |= {said: gain.mean, f"{said}_low": ends["low"], f"{said}_high": ends["high"]}
    metrics |= {"recall": found.recall, "seconds": cost.seconds}
    if out is not None:
        from ._search_eval_page import write_page

        write_page(out, there, truth, found)

    def human() -> None:
        skipped = f", {found.skipped} with nothing to find" if found.skipped else ""
        say(f"{index}: {found.queries} queries by the protocol {found.protocol!r}{skipped}")
        rows = [[key, str(value)] for key, value in found.figures.items()]
        for row, (key, gain) in zip(rows, found.gains.items()):
            row += [str(found.plain[key]), str(gain), gain.verdict]
        table(["figure", "value", *(["without", "difference", "verdict"] if stages else [])], rows)
        if way != "exact":
            say(f"found through the {way}; measured recall@10 {found.recall:.3f}")
        if out is not None:
            say(f"pictures: {out}")

    answers = [
        {"query": name, "first": [{"id": one, "right": right} for one, right in row]}
        for name, row in zip(found.names, found.first)
    ]
    result = {
        "protocol": found.protocol,
        "differences": [difference(key, gain) for key, gain in found.gains.items()],
        "results": answers,
        "metrics": metrics,
    }
    emit(result, json, human)
