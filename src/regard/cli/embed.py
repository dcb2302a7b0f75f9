"""`regard embed`: images to vectors."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Batch, Device, Images, Json, Layer, NoCache, Precision, Quiet, With, bar, give


def embed(
    images: Images,
    out: Annotated[Path, typer.Option("--out", help="The .parquet or .npz file to write.")],
    with_: With = "imagenet",
    layer: Layer = None,
    batch: Batch = 8,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Only every N-th image, from the I-th on.")] = "0/1",
    no_cache: NoCache = False,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn images into vectors, in one file.

    Vectors are kept by content: a run that was stopped goes on where it was, and an image that was embedded before
    is only read again. Images that cannot be read are set aside and named. Memory does not grow with the number of
    images when the file is a .parquet.
    """
    from ..verbs import embed as verb

    found = verb.embed(
        images,
        out=out,
        with_=with_,
        layer=layer,
        batch=batch,
        shard=shard,
        no_cache=no_cache,
        precision=precision,
        device=device,
        progress=bar(quiet),
    )
    give(found, json)
