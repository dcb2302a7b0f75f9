"""`regard compare`: whether one representation is useful for a task, against another."""

from pathlib import Path
from typing import Annotated

import typer

from ._shared import Device, Json, Quiet, Seed, bar, give


def compare(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Labelled or annotated pictures to learn from.")],
    test: Annotated[str, typer.Argument(metavar="TEST", help="The same to score on.")],
    with_: Annotated[
        list[str],
        typer.Option("--with", metavar="REP", help="An arm, by name or folder, or NAME=REP; the last is the baseline."),
    ],
    task: Annotated[
        str, typer.Option("--task", "--tasks", help="`regard methods compare` lists them; several, or all.")
    ] = "classify",
    baseline: Annotated[
        str | None, typer.Option(help="The arm that others are compared with.", show_default="the last")
    ] = None,
    way: Annotated[str, typer.Option(help="frozen, finetuned, or both.")] = "frozen,finetuned",
    labels: Annotated[
        str, typer.Option(help="Numbers of labelled pictures.", show_default="all, a half, a quarter ...")
    ] = "",
    seeds: Annotated[int, typer.Option(min=3, help="Draws of labels, heads, orders and random weights.")] = 5,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of fine-tuning or a dense head.", show_default="the task's")
    ] = None,
    size: Annotated[
        int | None, typer.Option(min=8, help="Side of pictures for dense tasks.", show_default="the task's")
    ] = None,
    pretrained_on: Annotated[
        list[str] | None,
        typer.Option("--pretrained-on", metavar="NAME=FOLDER", help="Pictures an arm learned from, to find copies."),
    ] = None,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Go on where an arm has seen TEST.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of answers, page and figures.", show_default=False)
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say whether a representation is useful for a task, and how many labels it saves.

    All arms learn from the same labelled pictures, with the same heads, orders, views and steps; each has its rate
    or penalty chosen on a part of them. The answer is at how many labels an arm is as good as the baseline is with
    all of its own, with an interval over test pictures, draws of labels and seeds. Stopped, the same command goes
    on. An arm that has seen test pictures is refused.
    """
    from ..verbs import compare as verb

    found = verb.compare(
        train,
        test,
        task=task,
        with_=with_,
        baseline=baseline,
        way=way,
        labels=labels,
        seeds=seeds,
        steps=steps,
        size=size,
        pretrained_on=pretrained_on,
        allow_leak=allow_leak,
        out=out,
        device=device,
        seed=seed,
        progress=bar(quiet),
    )
    give(found, json)
