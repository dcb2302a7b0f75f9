"""`regard index`: a collection that can be searched."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Layer, Precision, Quiet, bar, give
from ._stores import AllowHost


def index(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="Images, or an embeddings file.")],
    out: Annotated[Path, typer.Option("--out", help="The index's folder.")],
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="The representation.", show_default="imagenet, or the index's own"),
    ] = None,
    layer: Layer = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add to the index that is there; same files are replaced.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="With --add: same ids are replaced, even by other files.")
    ] = False,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Bring the index in step with IMAGES: new ones in, moved ones renamed, gone ones out."
        ),
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take these images out of the index.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the index that is there.")] = False,
    regions: Annotated[
        bool | None,
        typer.Option(
            "--regions/--no-regions",
            help="Keep vectors of parts of images besides, for `search --regions`; or keep them no more.",
            show_default="as the index is",
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="What is similar: cosine, product or euclidean.")] = "cosine",
    store: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where the table goes: s3://BUCKET/NAME ..., or qdrant:https://HOST:6333/NAME.",
            show_default="INDEX itself",
        ),
    ] = "",
    tag: Annotated[
        str | None, typer.Option(help="Name what the index holds now, for `search --at`.", show_default=False)
    ] = None,
    allow_host: AllowHost = None,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a collection that can be searched by image, or change one.

    The collection keeps ids, paths, labels and vectors in one table that survives a kill and several writers. Vectors
    are kept by content besides, so that adding to a folder and indexing it again computes the new images only.
    --update looks at all of IMAGES, embeds what is new or changed, and is gone on with where it was interrupted.
    """
    from ..verbs import index as verb

    found = verb.index(
        images,
        out,
        with_=with_,
        layer=layer,
        add=add,
        replace=replace,
        update=update,
        remove=remove,
        overwrite=overwrite,
        regions=regions,
        metric=metric,
        store=store,
        tag=tag,
        allow_host=allow_host,
        precision=precision,
        device=device,
        progress=bar(quiet),
    )
    give(found, json)
