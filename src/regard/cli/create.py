"""`regard create`: learn a representation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, Seed, Set, check_machine, emit, settings, table


def create(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, or builtin:NAME.")],
    task: Annotated[
        list[str],
        typer.Option("--task", help="What to learn from: `regard methods task` lists them; may be given often."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The run's folder, which is the representation, too.")],
    backbone: Annotated[str, typer.Option(help="The network: convnet4, or any of timm or torchvision.")] = "convnet4",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.", show_default=False)] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps, instead of epochs.", show_default=False)] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes, instead of epochs.", show_default=False)] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Images a step.", show_default="from the data")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input in pixels.", show_default="from the data")] = None,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    weight_decay: Annotated[
        float | None, typer.Option(min=0, help="Decoupled weight decay.", show_default="0.01, or the task's own")
    ] = None,
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
    same weights. What is scored at the end is the task itself, on images that were held out, against chance. With
    several tasks each has a folder of its own below --out, and a table compares them.
    """
    from ..backbones.encoder import make_encoder
    from ..core.checks import check_output
    from ..core.processes import first as first_process
    from ..create.run import check_asked, train
    from ..learning.settings import TrainSettings

    # all that can be wrong is told before the images are read through
    check_output("--out", out, folder=True, marker="run.json" if len(task) == 1 else None)
    check_machine(device, precision)
    chosen_by_task = _settings(task, settings(set_))
    check_asked(images, task, keep=keep, holdout=holdout)
    make_encoder(backbone, size=size)

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
    made = {
        name: train(
            images,
            name,
            backbone=backbone,
            out=out if len(task) == 1 else out / name,
            settings=recipe,
            method=chosen,
            size=size,
            holdout=holdout,
            keep=keep,
            resume=not no_resume,
            watch=watcher(f"create {name}", quiet=quiet),
        )
        for name, chosen in chosen_by_task.items()
    }
    if not first_process():
        return
    cards = {name: one.card for name, one in made.items()}
    metrics = {
        (name if len(task) == 1 else f"{run}_{name}"): value
        for run, card in cards.items()
        for name, value in {**card["scores"], **card["cost"]}.items()
        if name != "cpu_seconds"
    }
    first = next(iter(cards.values()))
    metrics["images"] = first["data"]["trained_on"]
    aside = first["data"]["set_aside"]

    def human() -> None:
        if len(task) == 1:
            table(["figure", "value"], list(metrics.items()), f"{first['made_by']}, {backbone}: {out}")
        else:
            shown = [name for name in COLUMNS if any(name in card["scores"] for card in cards.values())]
            rows = [
                [name, *(card["scores"].get(one) for one in shown), card["cost"]["seconds"]]
                for name, card in cards.items()
            ]
            table(["task", *shown, "seconds"], rows, f"{first['data']['trained_on']} images, {backbone}: {out}")
        for fault in aside[:20]:
            say(f"set aside: {fault['path']}: {fault['cause']}")
        if len(aside) > 20:
            say(f"... and {len(aside) - 20} more; card.json names all")

    result = {"card": first} if len(task) == 1 else {"cards": cards}
    emit({"out": out, **result, "set_aside": aside, "metrics": metrics}, json, human)


COLUMNS = (
    "accuracy",
    "untrained_accuracy",
    "chance",
    "p_value",
    "shuffled_accuracy",
    "online_knn",
    "feature_spread",
    "effective_rank",
)


def _settings(tasks: list[str], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Task -> the settings that it has; raise for a setting that none of them has, or a task given twice."""
    from ..core.checks import bad, check_choice
    from ..core.discover import load, names
    from ..learning.method_settings import setting_names

    for name in tasks:
        check_choice("--task", name, names("task"), see="regard methods task")
    if len(set(tasks)) < len(tasks):
        raise bad("--task", ", ".join(tasks), "different tasks")
    known = {name: setting_names(load("task", name)) for name in tasks}
    for setting in given:
        check_choice("--set", setting, sorted({one for several in known.values() for one in several}))
    return {name: {key: value for key, value in given.items() if key in known[name]} for name in tasks}
