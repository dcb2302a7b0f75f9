"""`regard next`: which existing representation to start from for a new task."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def next(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Labelled images of the new task.")],
    from_: Annotated[str, typer.Option("--from", metavar="FOLDER", help="Where representations lie, at any depth.")],
    past: Annotated[
        list[str] | None,
        typer.Option("--past", metavar="IMAGES", help="An earlier labelled set, to judge the evidence by; many times."),
    ] = None,
    most: Annotated[int, typer.Option(min=10, help="Labelled images that are looked at.")] = 1000,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Go on where a candidate has seen TASK.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a page to this .html.", show_default=False)
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say which existing representation to start from for a new labelled task.

    Every representation below a folder, imagenet and a random network are asked without training: a short linear
    probe by cross-validation decides; k-NN, LogME, H-score and LEEP stand beside it. The answer is how far the best
    is ahead of imagenet, with an interval, and how often such evidence was right on earlier tasks. A candidate that
    has learned from pictures of TASK is refused.
    """
    from ..verbs import next as verb

    found = verb.next(
        task,
        from_=from_,
        past=past,
        most=most,
        allow_leak=allow_leak,
        report=report,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
