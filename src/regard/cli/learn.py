"""`regard learn`: one task after another, learned or forgotten, each in a folder of its own."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import (
    BackboneFactor,
    Clip,
    Device,
    Epochs,
    Json,
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
    bar,
    give,
    settings,
)


def learn(
    images: Annotated[
        str, typer.Argument(metavar="IMAGES|STREAM", help="Labelled images, or a stream: .toml or builtin:digits_5x2.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder of what is known then.")],
    with_: Annotated[
        str, typer.Option("--with", metavar="REP|RUN", help="A representation, or a run of learn, which goes on.")
    ] = "imagenet",
    method: Annotated[
        str | None, typer.Option("--method", help="By name, such as slda or replay.", show_default="that of RUN")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="One task of the stream.", show_default="all, one after another")
    ] = None,
    forget: Annotated[
        Path | None,
        typer.Option("--forget", help="A file of ids, one a line, that RUN is to forget.", show_default=False),
    ] = None,
    forget_class: Annotated[
        list[str] | None,
        typer.Option("--forget-class", help="A class that RUN is to forget; may be given many times."),
    ] = None,
    set_: Set = None,
    layers: TunedLayers = None,
    backbone_lr_factor: BackboneFactor = None,
    epochs: Epochs = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch: TrainBatch = None,
    lr: TunedRate = None,
    weight_decay: Annotated[
        float | None, typer.Option("--weight-decay", min=0, help="Decoupled weight decay.", show_default="0.01")
    ] = None,
    clip: Clip = None,
    no_resume: NoResume = False,
    precision: TrainPrecision = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn one task after others, or forget images again, in a folder of its own.

    Methods are of two kinds: the encoder moves (`regard methods learn`), or stays and statistics of its vectors learn
    in closed form (`regard methods frozen`). Where --with is a run of learn, its method goes on with all classes that
    it knows; that run is not changed. The tasks of a stream are learned one after another. With --forget or
    --forget-class a learner on frozen vectors takes those of IMAGES out again: what is left is what it would be had
    they never come. Options from --layers to --precision are for methods whose encoder moves. Stopped, the same
    command goes on.
    """
    from ..core.processes import first as first_process
    from ..verbs import learn as verb

    found = verb.learn(
        images,
        out=out,
        with_=with_,
        method=method,
        task=task,
        forget=forget,
        forget_class=forget_class,
        set_=settings(set_),
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch=batch,
        lr=lr,
        weight_decay=weight_decay,
        clip=clip,
        no_resume=no_resume,
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    if first_process():
        give(found, json)
