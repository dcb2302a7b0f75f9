"""`regard.create`: learn a representation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backbones.encoder import make_encoder, with_norm
from ..core.checks import bad, check_choice, check_output
from ..core.discover import load, names
from ..core.processes import first as first_process
from ..create.asked import check_asked, of_a_training
from ..create.run import BACKBONE, train
from ..create.selection import FINDINGS
from ..create.traditional._run import refuse
from ..data.sources import open_images
from ..learning.method_settings import setting_names
from ..learning.objective import is_fitted
from ..learning.partial import source_of, take_from
from ..learning.settings import TrainSettings
from ..pages.create_labels import REPORT, write_labels_page
from ..representation.representation import Representation
from ._created import Created
from ._given import Rep, Words, check_machine, given_images, several, words
from ._result import Progress, verb, watch_of


@verb
def create(
    images: object,
    *,
    task: str | Sequence[str],
    out: str | Path,
    backbone: str = "convnet4",
    from_: Rep | None = None,
    init_from: Rep | None = None,
    init_layers: Words = "",
    epochs: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    size: int | None = None,
    norm: str | None = None,
    lr: float = 2e-3,
    weight_decay: float | None = None,
    clip: float | None = None,
    holdout: float = 0.1,
    holdout_by: str | None = None,
    keep: str = "last",
    ema: float | None = None,
    patience: int | None = None,
    balanced: bool = False,
    no_resume: bool = False,
    set_: Mapping[str, Any] | None = None,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Created:
    """Learn a representation from images, with labels or without.

    The folder holds the weights in timm's own form, a card that says how they were made and at what cost, the events
    of the run, and a picture of the puzzle that the network got. Without epochs, steps or minutes the length follows
    from the number of images. A run that was stopped goes on when the same call is made again, to the same weights.
    What is scored at the end is the task itself, on images that were held out, against chance. With several tasks each
    has a folder of its own below `out`, and a table compares them. With `from_` the network and its weights are those
    of another representation, which is not changed. A run from labels also writes `report.html`: mistakes,
    calibration, and whether the labels leak.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, a list of paths or arrays, or (X, y) of images and
            labels. It does not take vectors.
        task: what to learn from: `labels`, `rotation`, `simclr` ..., or several; `regard.methods("task")` lists them.
        out: the run's folder, which is the representation, too.
        backbone: the network: `convnet4`, or any of timm or torchvision.
        from_: a representation to go on from (`--from`), by name, folder or itself, in place of fresh weights.
        init_from: a representation whose weights are put into the fresh network where name and shape agree; what was
            taken, and what not, is in the card.
        init_layers: of these layers alone, such as `..layer2`; empty: of all.
        epochs: passes over the images.
        steps: steps, instead of epochs.
        minutes: minutes, instead of epochs.
        batch: images a step; None: from the data.
        size: side of the input in pixels; None: from the data.
        norm: the normalisation in place of the network's own: `bn`, `ln`, `in`, `gn:G` with G groups.
        lr: highest learning rate.
        weight_decay: decoupled; None: 0.01, or the task's own.
        clip: longest norm of the gradient.
        holdout: share of the images kept for scoring the task itself.
        holdout_by: what stays on one side: all images with one value of a column, such as `identity`, or all that look
            nearly the same (`near-copies`); None: copies of an image.
        keep: which weights become the representation: last or best.
        ema: average the weights along the run, with so much kept at each step, such as 0.999; the average is scored,
            and becomes the representation.
        patience: stop after so many scorings in a row, of ten along a run, without a better main score.
        balanced: draw each class equally often; the images need one label each.
        no_resume: start anew where a run was stopped.
        set_: settings of the task by name (`--set name=value`).
        precision: auto | fp32 | bf16.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the streams of events.

    Raises:
        InputError: images, names or settings that cannot be used, or `out` holds another run.
        RunError: the run went wrong: NaN, collapse.
    """
    tasks, folder = several(task), Path(out)
    # all that can be wrong is told before the images are read through
    check_output("--out", folder, folder=True, marker="run.json" if len(tasks) == 1 else None)
    check_machine(device, precision)
    chosen_by_task = _settings(tasks, set_ or {})
    given = given_images("IMAGES", images)
    check_asked(given, tasks, keep=keep, holdout=holdout, holdout_by=holdout_by, balanced=balanced)
    (source, _), taken = source_of(init_from, words(init_layers)), []
    fitted = [name for name in tasks if is_fitted(name)]
    if from_ is None:
        fresh = make_encoder(backbone, size=size, norm=norm)
        if source is not None:
            taken = take_from(source, fresh.network, words(init_layers)).lines()
    elif backbone != BACKBONE:
        raise bad("--backbone", f"{backbone} and --from", "one of the two", "--from has a network already.")
    parent = from_ if from_ is None or isinstance(from_, Representation) else Representation.load(from_)
    if parent is not None and norm is not None:
        with_norm(parent.encoder, norm)
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
        ema=ema,
        patience=patience,
    )
    for name in fitted:
        others = of_a_training(
            backbone=None if backbone == BACKBONE else backbone,
            from_=from_,
            init_from=init_from,
            keep=keep,
            norm=norm,
            holdout_by=holdout_by,
            balanced=balanced,
        )
        refuse(name, recipe, others)
    made = {
        name: train(
            given,
            name,
            backbone=backbone if parent is None and name not in fitted else None,
            start=parent,
            init_from=source,
            init_layers=words(init_layers),
            out=folder if len(tasks) == 1 else folder / name,
            settings=recipe,
            method=chosen,
            size=size,
            norm=norm,
            holdout=holdout,
            keep=keep,
            holdout_by=holdout_by,
            balanced=balanced,
            resume=not no_resume,
            watch=watch_of(progress, f"create {name}"),
        )
        for name, chosen in chosen_by_task.items()
    }
    data = next(iter(made.values())).card["data"]
    metrics = {
        (name if len(tasks) == 1 else f"{run}_{name}"): value
        for run, one in made.items()
        for name, value in {**one.card["scores"], **one.card["cost"]}.items()
        if name != "cpu_seconds"
    }
    metrics["images"] = data["trained_on"]
    shown = parent.name if parent else made[tasks[0]].card["backbone"] if len(fitted) == len(tasks) else backbone
    folders = {name: folder if len(tasks) == 1 else folder / name for name in made}
    return Created(
        out=folder,
        backbone=shown,
        representations=made,
        pages=_pages(folders, given, anew=no_resume),
        metrics=metrics,
        notes=[*taken, *_notes(made)],
        set_aside=data["set_aside"],
    )


def _pages(folders: Mapping[str, Path], images: object, *, anew: bool) -> dict[str, Path]:
    """The page of each run that has something to show on it; one that is there already is left as it is."""
    found = {name: folder / REPORT for name, folder in folders.items() if (folder / FINDINGS).is_file()}
    for name, page in found.items():
        if first_process() and (anew or not page.is_file()):
            write_labels_page(folders[name], open_images(images, argument="IMAGES"))  # type: ignore[arg-type]
    return found


def _notes(made: Mapping[str, Representation]) -> list[str]:
    """What to know of each run, once."""
    several = len(made) > 1
    every = [
        f"{name}: {note}" if several else str(note)
        for name, one in made.items()
        for note in one.card["data"].get("notes", [])
    ]
    return list(dict.fromkeys(every))


def _settings(tasks: Sequence[str], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Task -> the settings that it has; raise for a setting that none of them has, or a task given twice."""
    for name in tasks:
        check_choice("--task", name, names("task"), see="regard methods task")
    if len(set(tasks)) < len(tasks):
        raise bad("--task", ", ".join(tasks), "different tasks")
    known = {name: setting_names(load("task", name)) for name in tasks}
    for setting in given:
        check_choice("--set", setting, sorted({one for several in known.values() for one in several}))
    return {name: {key: value for key, value in given.items() if key in known[name]} for name in tasks}
