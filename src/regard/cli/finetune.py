"""`regard finetune`: train a representation further, for one task."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import (
    Clip,
    Device,
    Epochs,
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
    With,
    bar,
    give,
    settings,
)


def finetune(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled images.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of the tuned representation.")],
    test: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEST]", help="Labelled images for scoring; without it a quarter of TRAIN.", show_default=False
        ),
    ] = None,
    with_: With = "imagenet",
    layers: Annotated[
        str, typer.Option(help="What learns: all, head, last:N stages of the network, or lora:R (of rank R).")
    ] = "all",
    backbone_lr_factor: Annotated[float, typer.Option(help="The network's rate is this times the classifier's.")] = 0.1,
    layer_decay: Annotated[float, typer.Option(help="Each stage has the next one's rate times this.")] = 1.0,
    norm: Annotated[
        str | None,
        typer.Option(help="Exchange the network's normalisation: bn, ln, in, or gn:G.", show_default="its own"),
    ] = None,
    unfreeze: Annotated[
        str, typer.Option(help="When that learns: all at once, gradual (last stage first), or lp-ft (after a probe).")
    ] = "all",
    l2_sp: Annotated[
        float | None,
        typer.Option(
            "--l2-sp",
            min=0,
            help="Pull the network back to where it started, in place of weight decay.",
            show_default=False,
        ),
    ] = None,
    init_from: InitFrom = None,
    init_layers: InitLayers = "",
    epochs: Epochs = None,
    steps: Steps = None,
    minutes: Minutes = None,
    batch: TrainBatch = None,
    lr: Annotated[float, typer.Option(help="Highest learning rate, of the classifier.")] = 2e-3,
    weight_decay: Annotated[float, typer.Option(min=0, help="Decoupled weight decay.")] = 1e-2,
    clip: Clip = None,
    keep: Annotated[
        str, typer.Option(help="Which weights are kept: last, or best by a tenth of TRAIN that is not learned from.")
    ] = "last",
    bridge: Annotated[
        int, typer.Option(min=0, help="Images of TRAIN whose vectors before and after are kept, for `index upgrade`.")
    ] = 2000,
    no_resume: NoResume = False,
    set_: Set = None,
    precision: Precision = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a representation further, for one task with labels.

    The network learns at a lower rate than the new classifier, or not at all (--layers head). The test images are
    scored, never learnt from, and nothing is chosen by them. A run that was stopped goes on when the same command is
    given again.
    """
    from ..core.processes import first as first_process
    from ..verbs import finetune as verb

    found = verb.finetune(
        train,
        test,
        out=out,
        with_=with_,
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        layer_decay=layer_decay,
        norm=norm,
        unfreeze=unfreeze,
        l2_sp=l2_sp,
        init_from=init_from,
        init_layers=init_layers,
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch=batch,
        lr=lr,
        weight_decay=weight_decay,
        clip=clip,
        keep=keep,
        bridge=bridge,
        no_resume=no_resume,
        set_=settings(set_),
        precision=precision,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    if first_process():
        give(found, json)
