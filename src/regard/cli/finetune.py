"""`regard finetune`: train a representation further, for one task."""

from pathlib import Path
from typing import Annotated

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, Seed, Set, With, check_machine, emit, settings, table


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
    layers: Annotated[str, typer.Option(help="What learns: all, head, or last:N stages of the network.")] = "all",
    backbone_lr_factor: Annotated[float, typer.Option(help="The network's rate is this times the classifier's.")] = 0.1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over TRAIN.", show_default=False)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps, instead of epochs.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes, instead of epochs.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Images a step.", show_default="from the data")] = None,
    lr: Annotated[float, typer.Option(help="Highest learning rate, of the classifier.")] = 2e-3,
    weight_decay: Annotated[float, typer.Option(min=0, help="Decoupled weight decay.")] = 1e-2,
    clip: Annotated[float | None, typer.Option(help="Longest norm of the gradient.", show_default=False)] = None,
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
    from ..core.checks import check_output
    from ..learning.settings import TrainSettings
    from ..reuse.finetune import finetune as run

    check_output("--out", out, folder=True, marker="run.json")
    check_machine(device, precision)
    recipe = TrainSettings(
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch=batch,
        lr=lr,
        weight_decay=weight_decay,
        clip=clip,
        seed=seed,
        device=device,
        precision=precision,
    )
    found = run(
        train,
        test,
        with_,
        out=out,
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        settings=recipe,
        method=settings(set_),
        watch=watcher("finetune", quiet=quiet),
    )

    def human() -> None:
        table(["figure", "value"], list(found.metrics.items()), f"{out}: accuracy {found.interval}")
        for note in found.notes:
            say(f"note: {note}")

    emit({**found.as_dict(), "out": out}, json, human)
