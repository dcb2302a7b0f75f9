"""`regard index upgrade`: an index of yesterday's representation, brought to a new one."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Precision, Quiet, Seed, bar, give


def index_upgrade(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`.")],
    with_: Annotated[str, typer.Option("--with", metavar="REP", help="The new representation.")],
    budget: Annotated[
        int, typer.Option(min=0, help="Rows to embed beside the pairs, those that are expected to be worst first.")
    ] = 0,
    pairs: Annotated[
        int | None,
        typer.Option(
            help="Images to learn the translation from, drawn at random.",
            show_default="5 % of the index, at least 512, at most 4000",
        ),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="The column that says what belongs together, for R@1 and mAP.")] = (
        "label"
    ),
    images: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGES",
            help="The images, under the ids of the index.",
            show_default="the files that the index names",
        ),
    ] = None,
    also: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGES",
            help="Other images that teach the translation, too: best those that REP was trained on.",
        ),
    ] = None,
    was: Annotated[
        str | None,
        typer.Option(
            "--was",
            metavar="REP",
            help="The old representation, for --also.",
            show_default="what the index names",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A new folder for the upgraded index.", show_default="INDEX itself"),
    ] = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Bring an index to a new representation, without embedding all of its images again.

    A few images are embedded; from their old and new vectors a translation is learned, by which all others go. Then
    the --budget rows whose translation is expected to be worst are embedded, too. Until it is done the old index is
    searched; a killed run is gone on with. Given again with --budget, it embeds more of the rows that are translated.
    `regard index upgrade` is the same, unless there is a file or folder of the name `upgrade`.
    """
    from ..verbs import index_upgrade as verb

    found = verb.index_upgrade(
        index,
        with_,
        budget=budget,
        pairs=pairs,
        by=by,
        images=images,
        also=also,
        was=was,
        out=out,
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
