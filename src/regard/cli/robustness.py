"""`regard robustness`: what is left of an accuracy when pictures are corrupted."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def robustness(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's folder with a classifier; with --train any representation.")
    ],
    test: Annotated[str, typer.Argument(metavar="TEST", help="Labelled images for scoring.")],
    train: Annotated[
        str | None,
        typer.Option("--train", help="Labelled images for a linear classifier on frozen vectors.", show_default=False),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="RUN", help="What to compare with.", show_default=False)
    ] = None,
    corruptions: Annotated[str, typer.Option(help="all, or names with commas between them.")] = "all",
    severities: Annotated[str, typer.Option(help="Of 1 to 5, with commas between them.")] = "1,2,3,4,5",
    out: Annotated[Path | None, typer.Option("--out", help="Write a page to this .html.", show_default=False)] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what is left of an accuracy when pictures are corrupted: 15 corruptions at 5 severities.

    The run's own classifier is asked, or with --train a linear one that learns from clean TRAIN on frozen vectors. The
    corrupted pictures are those of TEST, made on the way; none of them is learned from. With --against another is
    asked of the same pictures: mCE is the mean over corruptions of its mistakes by the other's. A run that learned
    from TEST is refused.
    """
    from ..verbs import robustness as verb

    found = verb.robustness(
        run,
        test,
        train=train,
        against=against,
        corruptions=corruptions,
        severities=severities,
        out=out,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
