"""`regard search`: find images by image."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Precision, Quiet, bar, give
from ._stores import AllowHost


def search(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`.")],
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY...", help="Images, a file of vectors, or with --id ids.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Results for each query.")] = 10,
    where: Annotated[
        str | None, typer.Option(help="Only images for which this holds: \"label = 'cat'\".", show_default=False)
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(help="x0,y0,x1,y1 in pixels: search with this part of the query image.", show_default=False),
    ] = None,
    not_: Annotated[
        list[str] | None,
        typer.Option("--not", metavar="IMAGE", help="Unlike this image; makes one query of all. Many times."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="The queries show one thing: make one query of them.")
    ] = False,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="expansion (or qe), augmentation (dba), csls, kreciprocal, diffusion, spatial: as a,b.",
            show_default=False,
        ),
    ] = None,
    relevant: Annotated[
        float | None,
        typer.Option(
            metavar="Q",
            help="Only what stands out from the collection; of it this share comes by chance (0.05 is usual).",
            show_default=False,
        ),
    ] = None,
    regions: Annotated[
        bool, typer.Option("--regions", help="By parts of images: finds a small thing. Needs `index --regions`.")
    ] = False,
    search: Annotated[str, typer.Option("--search", help="auto, exact, sketch or ivf.")] = "auto",
    at: Annotated[
        str | None, typer.Option("--at", help="A tag or version: the index as it was.", show_default=False)
    ] = None,
    id: Annotated[bool, typer.Option("--id", help="The queries are ids of images in the index.")] = False,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="What embeds the queries.", show_default="as the index was made"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Show the results as pictures in this .html.", show_default=False)
    ] = None,
    allow_host: AllowHost = None,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the images of a collection that are most similar to a query image.

    A query is embedded as the collection was and never becomes a part of it. The score is the cosine of the vectors,
    or what the last re-ranking makes of it. Up to 50,000 images are compared exactly; of more, the recall that is
    measured is shown.
    """
    from ..verbs import search as verb

    found = verb.search(
        index,
        query,
        top=top,
        where=where,
        box=box,
        not_=not_,
        together=together,
        rerank=rerank,
        relevant=relevant,
        regions=regions,
        search=search,
        at=at,
        id=id,
        with_=with_,
        out=out,
        allow_host=allow_host,
        precision=precision,
        device=device,
        progress=bar(quiet),
    )
    give(found, json)
