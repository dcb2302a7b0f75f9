"""`regard decompose`: what an error is made of: approximation, estimation, optimisation."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def decompose(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled images or vectors to learn from.")],
    test: Annotated[
        str | None,
        typer.Argument(metavar="TEST", help="The same to score on.", show_default="a quarter of TRAIN"),
    ] = None,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="Frozen vectors for linear classifiers.", show_default="imagenet"),
    ] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option("--backbone", metavar="NAME", help="A network trained from nothing; several, the largest last."),
    ] = None,
    axes: Annotated[
        str, typer.Option(help="How many principal axes linear members see.", show_default="128, 64, 32 ...")
    ] = "",
    capacity: Annotated[
        str | None,
        typer.Option(help="The member to take apart: axes, or a network.", show_default="the largest but one"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Length of training to take apart.", show_default="100; networks 200")
    ] = None,
    cuts: Annotated[
        int | None, typer.Option(min=3, help="How often TRAIN is halved.", show_default="8; networks 4")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of answers and page.", show_default=False)] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what an error is made of: approximation, estimation, optimisation.

    The same learner learns from all of TRAIN, from halves and parts of these, with each capacity of its family and
    for several lengths of training. What more labels, more capacity and longer training would be worth follows from
    its errors on TEST, and from where these errors lead with endless samples. Each part has an interval over test
    images and training sets, and the doubt about the curve is in it; what cannot be told is called so. Stopped, the
    same command goes on.
    """
    from ..verbs import decompose as verb

    found = verb.decompose(
        train,
        test,
        with_=with_,
        backbone=backbone,
        axes=axes,
        capacity=capacity,
        steps=steps,
        cuts=cuts,
        out=out,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
