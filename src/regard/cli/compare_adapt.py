"""`regard compare-adapt`: every adaptation method on one pair of domains."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Labelled, Quiet, Seed, With, bar, give


def compare_adapt(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help=Labelled)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help=Labelled)],
    methods: Annotated[list[str], typer.Option("--methods", help="all, or names; may be given many times.")] = ["all"],  # noqa: B006
    with_: With = "imagenet",
    classifier: Annotated[str, typer.Option(help="On top: 1nn, linear, svm, or own (each method's own).")] = "linear",
    seeds: Annotated[int, typer.Option(min=1, help="So many draws of the source, and of the labels of --shots.")] = 20,
    share: Annotated[float, typer.Option(help="The share of each source class that a draw takes.")] = 0.5,
    shots: Annotated[int, typer.Option(min=0, help="Target labels of each class that the methods know.")] = 0,
    auto: Annotated[bool, typer.Option("--auto/--no-auto", help="Let auto choose, too.")] = True,
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
        report=report,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
