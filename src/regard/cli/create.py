"""`regard create`: learn a representation."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import (
    Clip,
    Device,
    Epochs,
    From,
    Images,
    InitFrom,
    InitLayers,
    Json,
    Minutes,
    NoResume,
    Precision,
    Quiet,
    Seed,
    Set,
    Steps,
    TrainBatch,
    bar,
    give,
    settings,
)


def create(
    images: Images,
    task: Annotated[
        list[str],
        typer.Option("--task", help="What to learn from: `regard methods task` lists them; may be given often."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The run's folder, which is the representation, too.")],
    backbone: Annotated[str, typer.Option(help="The network: convnet4, or any of timm or torchvision.")] = "convnet4",
    from_: From = None,
    init_from: InitFrom = None,
    init_layers: InitLayers = "",
    epochs: Epochs = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch: TrainBatch = None,
    size: Annotated[int | None, typer.Option(help="Side of the input in pixels.", show_default="from the data")] = None,
    norm: Annotated[
        str | None,
        typer.Option(help="Exchange the network's normalisation: bn, ln, in, or gn:G.", show_default="its own"),
    ] = None,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    weight_decay: Annotated[
        float | None, typer.Option(min=0, help="Decoupled weight decay.", show_default="0.01, or the task's own")
    ] = None,
    clip: Clip = None,
    holdout: Annotated[float, typer.Option(help="Share of the images kept for scoring the task itself.")] = 0.1,
    holdout_by: Annotated[
        str | None,
        typer.Option(
            "--holdout-by",
            help="What stays on one side: a column, such as identity, or near-copies.",
            show_default="copies of an image",
        ),
    ] = None,
    keep: Annotated[str, typer.Option(help="Which weights become the representation: last or best.")] = "last",
    ema: Annotated[
        float | None, typer.Option(help="Average the weights along the run, such as 0.999.", show_default="no average")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1, help="Stop after so many scorings without a better one; ten along a run.", show_default="never"
        ),
    ] = None,
    balanced: Annotated[bool, typer.Option("--balanced", help="Draw each class equally often.")] = False,
    no_resume: NoResume = False,
    set_: Set = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Learn a representation from images, with labels or without.

    The folder holds the weights in timm's own form, a card that says how they were made and at what cost, the events
    of the run, and a picture of the puzzle that the network got. Without --epochs, --steps or --minutes the length
    follows from the number of images. A run that was stopped goes on when the same command is given again, to the
    same weights. What is scored at the end is the task itself, on images that were held out, against chance. With
    several tasks each has a folder of its own below --out, and a table compares them. With --from the network and its
    weights are those of another representation, which is not changed. A run from labels also writes report.html:
    mistakes, calibration, and whether the labels leak.
    """
    from ..core.processes import first as first_process
    from ..verbs import create as verb

    found = verb.create(
        images,
        task=task,
        out=out,
        backbone=backbone,
        from_=from_,
        init_from=init_from,
        init_layers=init_layers,
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch=batch,
        size=size,
        norm=norm,
        lr=lr,
        weight_decay=weight_decay,
        clip=clip,
        holdout=holdout,
        holdout_by=holdout_by,
        keep=keep,
        ema=ema,
        patience=patience,
        balanced=balanced,
        no_resume=no_resume,
        set_=settings(set_),
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    if first_process():
        give(found, json)
