"""`regard play`: what learners keep of a stream of tasks, each method over several seeds."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import (
    BackboneFactor,
    Device,
    Epochs,
    Json,
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


def play(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="A TOML file, builtin:digits_5x2 or builtin:mixed.")],
    out: Annotated[Path, typer.Option("--out", help="The folder of all plays; the same one goes on.")],
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods",
            help="Names with commas between them; joint and frozen are bounds, adapt:NAME is for domains "
            "without labels; or all that can play it.",
            show_default="ncm,slda,ridge,ranpac; of several kinds of task frozen,finetune",
        ),
    ] = None,
    with_: With = "imagenet",
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="The method that others are compared with.",
            show_default="finetune, a bound, or the first",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="So many orders of classes, cuts and first weights.")
    ] = 5,
    set_: Set = None,
    layers: TunedLayers = None,
    backbone_lr_factor: BackboneFactor = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch: TrainBatch = None,
    lr: TunedRate = None,
    precision: TrainPrecision = None,
    looks: Annotated[
        str | None,
        typer.Option("--looks", help="Measures of the representation: probe, drift, stale, again, or all."),
    ] = None,
    pretext: Annotated[
        str, typer.Option("--pretext", help="The task of create by which images without labels are learned from.")
    ] = "simclr",
    size: Annotated[int, typer.Option("--size", min=8, help="Side of pictures to be segmented, in pixels.")] = 128,
    probe_steps: Annotated[
        int, typer.Option("--probe-steps", min=1, help="Of the linear layer by which segmentation is scored.")
    ] = 200,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write the page to this .html.", show_default="report.html in --out")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Play a stream of tasks by several methods and seeds, and say what each keeps.

    Each method learns one task after another and is scored on all of them after each. Each seed cuts the stream
    anew: another order of classes, other test images, other first weights. Intervals are over seeds, and a gain is
    said against one method (--against), paired seed by seed. A setting (--set) goes to all methods that have it;
    options from --layers to --precision are for methods whose encoder moves. Stopped, the same command goes on, and
    with other methods or more seeds it plays only what is not there yet. Status 1 says that a method did not end.
    """
    from ..verbs import play as verb

    found = verb.play(
        stream,
        out=out,
        methods=methods,
        with_=with_,
        against=against,
        seeds=seeds,
        set_=settings(set_),
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        epochs=epochs,
        steps=steps,
        batch=batch,
        lr=lr,
        precision=precision,
        looks=looks,
        pretext=pretext,
        size=size,
        probe_steps=probe_steps,
        report=report,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
    if found.found.failed:
        raise typer.Exit(1)
