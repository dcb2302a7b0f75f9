"""`regard whiten`: a representation for search in one's own collection."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Precision, Quiet, Seed, Set, With, bar, give, settings


def whiten(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="Images as they will be searched.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the whitened representation.")],
    with_: With = "imagenet",
    things: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="Which thing an image shows: identity, label, or another column.", show_default=False
        ),
    ] = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="gem, mac, spoc, rmac, vlad, fisher or bag_of_words, of the last map.",
            show_default="the representation's own",
        ),
    ] = None,
    scales: Annotated[str, typer.Option(help="Sizes of the image to pool together, as in 1,0.71,1.41.")] = "1",
    dim: Annotated[
        int | None, typer.Option(min=1, help="Numbers a vector keeps; fewer cost recall.", show_default="all")
    ] = None,
    check: Annotated[int, typer.Option(min=0, help="Queries that its worth is measured with; 0: none.")] = 200,
    set_: Set = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a whitening to a collection, and save it inside a representation.

    What all images of a collection share rules the similarity of their vectors; whitening takes it off. The folder is
    a representation like any other: index IMAGES --with it, and queries are treated alike. The worth is measured on
    the collection: parts of its images are asked for, or, with --things, other images of things that the whitening
    did not learn from.
    """
    from ..verbs import whiten as verb

    found = verb.whiten(
        images,
        out,
        with_=with_,
        things=things,
        pooling=pooling,
        scales=scales,
        dim=dim,
        check=check,
        set_=settings(set_),
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
