"""`regard create`: learn a representation."""

from pathlib import Path
from typing import Annotated

import typer

from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, Seed, Set, emit, settings, table


def create(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, or builtin:NAME.")],
    task: Annotated[str, typer.Option("--task", help="What to learn from: `regard methods task` lists them.")],
    out: Annotated[Path, typer.Option("--out", help="The run's folder, which is the representation, too.")],
    backbone: Annotated[str, typer.Option(help="The network: convnet4, or any of timm or torchvision.")] = "convnet4",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.", show_default=False)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps, instead of epochs.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes, instead of epochs.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Images a step.", show_default="from the data")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input in pixels.", show_default="from the data")] = None,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    weight_decay: Annotated[float, typer.Option(min=0, help="Decoupled weight decay.")] = 1e-2,
    clip: Annotated[float | None, typer.Option(help="Longest norm of the gradient.", show_default=False)] = None,
    holdout: Annotated[float, typer.Option(help="Share of the images kept for scoring the task itself.")] = 0.1,
    keep: Annotated[str, typer.Option(help="Which weights become the representation: last or best.")] = "last",
    no_resume: Annotated[bool, typer.Option("--no-resume", help="Start anew where a run was stopped.")] = False,
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
    same weights. What is scored at the end is the task itself, on images that were held out, against chance.
    """
    from ..core.training import TrainSettings
    from ..create.run import first_process, train

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
    made = train(
        images,
        task,
        backbone=backbone,
        out=out,
        settings=recipe,
        method=settings(set_),
        size=size,
        holdout=holdout,
        keep=keep,
        resume=not no_resume,
        watch=watcher(f"create {task}", quiet=quiet),
    )
    card = made.card
    metrics = {**card["scores"], "seconds": card["cost"]["seconds"], "peak_mib": card["cost"]["peak_mib"]}
    aside = card["data"]["set_aside"]

    def human() -> None:
        table(["figure", "value"], list(metrics.items()), f"{card['made_by']}, {card['backbone']}: {out}")
        for fault in aside[:20]:
            print(f"set aside: {fault['path']}: {fault['cause']}")
        if len(aside) > 20:
            print(f"... and {len(aside) - 20} more; card.json names all")

    if first_process():
        emit({"out": out, "card": card, "set_aside": aside, "metrics": metrics}, json, human)
