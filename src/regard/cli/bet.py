"""`regard bet`: the gelato bet, on pictures of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def bet(
    voc: Annotated[
        str, typer.Argument(metavar="VOC", help="Annotated pictures, in any form that `regard detect` takes.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of the bet, which goes on where it was stopped.")],
    test: Annotated[
        str | None,
        typer.Option(help="Annotated pictures to be scored on.", show_default="the test part of VOC, or a quarter"),
    ] = None,
    pretrain: Annotated[
        str | None, typer.Option(help="Further pictures for pretext tasks, beside those of VOC.", show_default=False)
    ] = None,
    tasks: Annotated[
        str, typer.Option(help="Pretext tasks: `regard methods task` lists them.")
    ] = "rotation,context,colorization,simclr",
    protocols: Annotated[
        str, typer.Option(help="Some of fast_rcnn (on proposals of selective search) and faster_rcnn.")
    ] = "fast_rcnn,faster_rcnn",
    features: Annotated[
        str, typer.Option(help="Of fast_rcnn: frozen or finetuned; those of faster_rcnn are fine-tuned.")
    ] = "frozen",
    no_imagenet: Annotated[
        bool, typer.Option("--no-imagenet", help="Leave out the arm with weights from outside.")
    ] = False,
    backbone: Annotated[str, typer.Option(help="The network of all other arms.")] = "convnet4",
    size: Annotated[int, typer.Option(help="Pictures are brought to squares of this side, in pixels.")] = 128,
    pictures: Annotated[
        int | None, typer.Option(help="So many annotated pictures to learn from, drawn.", show_default="all")
    ] = None,
    test_pictures: Annotated[int, typer.Option(help="So many test pictures at most, drawn.")] = 200,
    seeds: Annotated[int, typer.Option(help="How often everything is done.")] = 3,
    budget: Annotated[str, typer.Option(help="quick, usual or long: steps of pretraining and of detectors.")] = "usual",
    steps: Annotated[
        str | None,
        typer.Option(help="Steps of pretraining and of detectors, such as 200,80.", show_default="as --budget says"),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Minutes on this machine, in place of --budget.", show_default=False)
    ] = None,
    margin: Annotated[float, typer.Option(help="Of AP: a loss by less than this is none.")] = 0.03,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say whether pretraining without labels matches pretraining with them, in detection.

    The bet of Efros and Malik, on your own pictures: networks that learned from them without annotations, from the
    classes of their objects, or not at all get the same detectors, and are scored on the same test pictures. A bet
    that was stopped goes on when the same command is given again.
    """
    from ..verbs import bet as verb

    found = verb.bet(
        voc,
        out=out,
        test=test,
        pretrain=pretrain,
        tasks=tasks,
        protocols=protocols,
        features=features,
        no_imagenet=no_imagenet,
        backbone=backbone,
        size=size,
        pictures=pictures,
        test_pictures=test_pictures,
        seeds=seeds,
        budget=budget,
        steps=steps,
        minutes=minutes,
        margin=margin,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
