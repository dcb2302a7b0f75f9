"""`regard predict`: what a run says of images."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Batch, Device, Json, NoCache, Precision, Quiet, bar, give


def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The folder of a finetune run, or of create --task labels.")
    ],
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, an image, or builtin:NAME.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the labels to this .csv, .parquet or .json.", show_default=False),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Write a page with pictures to this .html.", show_default=False)
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many labels to name for an image.")] = 1,
    batch: Batch = 8,
    no_cache: NoCache = False,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Label images with a run's classifier, with probabilities.

    Images are prepared as the run prepares them. Where they carry labels, the accuracy is told with its interval, and
    classes that the run does not know are named. Images that cannot be read are set aside and named. Memory does not
    grow with the number of images where --out takes the labels.
    """
    from ..verbs import predict as verb

    found = verb.predict(
        run,
        images,
        out=out,
        page=page,
        top=top,
        batch=batch,
        no_cache=no_cache,
        precision=precision,
        device=device,
        progress=bar(quiet),
    )
    give(found, json)
