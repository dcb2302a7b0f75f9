"""`regard search-eval`: how well search does in a collection."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Precision, Quiet, Seed, bar, give
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
        typer.Option(help="qe, dba, csls, kreciprocal, diffusion, spatial: one or more, as a,b.", show_default=False),
    ] = None,
    search: Annotated[str, typer.Option("--search", help="exact or sketch.")] = "exact",
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
    from ..verbs import search_eval as verb

    found = verb.search_eval(
        index,
        groundtruth,
        queries=queries,
        protocol=protocol,
        rerank=rerank,
        search=search,
        top=top,
        sample=sample,
        with_=with_,
        out=out,
        allow_host=allow_host,
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
