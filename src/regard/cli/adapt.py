"""`regard adapt`: from a labelled source to a target without labels."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import (
    AnySource,
    BackboneFactor,
    Clip,
    Device,
    Epochs,
    Json,
    Labelled,
    Minutes,
    NoResume,
    Quiet,
    Seed,
    Set,
    Steps,
    TrainBatch,
    TrainPrecision,
    TunedLayers,
    TunedRate,
    With,
    bar,
    give,
    settings,
)


def adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=Labelled)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help=AnySource)],
    method: Annotated[list[str], typer.Option("--method", help="A method, or auto; may be given many times.")],
    with_: With = "imagenet",
    classifier: Annotated[str, typer.Option(help="On top: 1nn, linear or svm.")] = "linear",
    set_: Set = None,
    labelled: Annotated[
        str | None,
        typer.Option("--labelled", help="Target images with labels, which the methods may use.", show_default=False),
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="What --method auto tries trains the network.")] = False,
    tune: Annotated[bool, typer.Option("--tune", help="Choose settings too, without target labels.")] = False,
    by: Annotated[str, typer.Option("--by", help="What chooses: circular, iwv, dev, entropy or snd.")] = "circular",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The target's predictions as .csv, or a folder for the classifier.", show_default=False
        ),
    ] = None,
    layers: TunedLayers = None,
    backbone_lr_factor: BackboneFactor = None,
    epochs: Epochs = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch: TrainBatch = None,
    lr: TunedRate = None,
    weight_decay: Annotated[
        float | None, typer.Option(min=0, help="Decoupled weight decay.", show_default="0.01")
    ] = None,
    clip: Clip = None,
    keep: Annotated[
        str | None,
        typer.Option(help="Which weights of a network: the best by --by, or the last.", show_default="best"),
    ] = None,
    no_resume: NoResume = False,
    precision: TrainPrecision = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page of a network's run to this .html.", show_default=False)
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Adapt a classifier, or a whole network, to a target domain without its labels.

    Where the target has labels they serve for the score alone: the table sets each method against the source alone,
    with an interval over target samples, and against an oracle that learned from the target's labels. What another
    source would give one fit cannot tell: for a verdict take compare-adapt. Where it has none, --out takes the
    predictions. An --out without .csv is a folder for the adapted classifier, which predict and export take, where it
    decides by a linear map of the vectors. --method auto chooses a method, --tune the settings, both without target
    labels. --set goes to every method that is named.

    Methods such as mcc and dann train the network itself, from images, as finetune does: --out is then the folder
    of a run that goes on when the same command is given again. Which of its weights are kept is chosen by --by. Of
    several such methods, or of --method auto --deep, one is kept, or the source alone, by what they say of the
    target. The options from --layers to --report are for these methods alone.
    """
    from ..core.processes import first as first_process
    from ..verbs import adapt as verb

    found = verb.adapt(
        source,
        target,
        method=method,
        with_=with_,
        classifier=classifier,
        set_=settings(set_),
        labelled=labelled,
        deep=deep,
        tune=tune,
        by=by,
        out=out,
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch=batch,
        lr=lr,
        weight_decay=weight_decay,
        clip=clip,
        keep=keep,
        no_resume=no_resume,
        precision=precision,
        report=report,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    if first_process():
        give(found, json)
