"""`regard compare-adapt`: every adaptation method on one pair of domains."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import (
    BackboneFactor,
    Device,
    Epochs,
    Json,
    Labelled,
    NoResume,
    Quiet,
    Seed,
    Steps,
    TrainBatch,
    TrainPrecision,
    TunedLayers,
    TunedRate,
    With,
    bar,
    give,
)


def compare_adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=Labelled)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help=Labelled)],
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--methods", help="all, or names; may be given many times.", show_default="all; with --deep a few"
        ),
    ] = None,
    with_: With = "imagenet",
    classifier: Annotated[str, typer.Option(help="On top: 1nn, linear, svm, or own (each method's own).")] = "linear",
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, help="So many draws of the source, and of the labels of --shots.", show_default="20; with --deep 3"
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="The share of each source class that a draw takes.", show_default="0.5; with --deep 1"),
    ] = None,
    shots: Annotated[int, typer.Option(min=0, help="Target labels of each class that the methods know.")] = 0,
    auto: Annotated[bool, typer.Option("--auto/--no-auto", help="Let auto choose, too.")] = True,
    deep: Annotated[
        bool, typer.Option("--deep", help="Networks learn, too; the options to --no-resume are for them.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="What chooses among a network's weights.", show_default="circular")
    ] = None,
    layers: TunedLayers = None,
    backbone_lr_factor: BackboneFactor = None,
    epochs: Epochs = None,
    steps: Steps = None,
    batch: TrainBatch = None,
    lr: TunedRate = None,
    precision: TrainPrecision = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A folder in which networks' results are kept, and go on.", show_default=False),
    ] = None,
    no_resume: NoResume = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page with pictures to this .html.", show_default=False)
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare adaptation methods on one pair of domains.

    TARGET's labels serve for the score, for the oracle and, with --shots, for the few that the methods may see.
    Each draw learns from a part of SOURCE: by default its two halves, cut anew ten times. Intervals are over target
    samples and draws, and "no gain" is said where that of the difference includes 0.

    With --deep networks learn, too: shallow methods on the features as they are, the network fine-tuned on SOURCE and
    then applied, the same shallow methods on its features, and deep adaptation, against a network that learned from
    TARGET's labels. Intervals are then over target samples and seeds. With --out a run that was stopped goes on.
    """
    from ..verbs import compare_adapt as verb

    found = verb.compare_adapt(
        source,
        target,
        methods=methods,
        with_=with_,
        classifier=classifier,
        seeds=seeds,
        share=share,
        shots=shots,
        auto=auto,
        deep=deep,
        by=by,
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        epochs=epochs,
        steps=steps,
        batch=batch,
        lr=lr,
        precision=precision,
        out=out,
        no_resume=no_resume,
        report=report,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
