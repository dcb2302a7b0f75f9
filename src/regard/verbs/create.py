"""`regard.create`: learn a representation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..backbones.encoder import make_encoder, with_norm
from ..core.checks import bad, check_choice, check_output
from ..core.discover import load, names
from ..create.run import BACKBONE, check_asked, refuse, train
from ..learning.method_settings import setting_names
from ..learning.objective import is_fitted
from ..learning.settings import TrainSettings
from ..report.html import Table
from ..representation.representation import Representation
from ._given import Rep, check_machine, given_images, several, told_aside
from ._result import Progress, Result, verb, watch_of

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


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Created(Result):
    """Representations that were learnt, one for each task.

    Attributes:
        out: the folder of the run, or with several tasks the folder of the runs.
        backbone: the network.
        representations: by task.
    """

    verb: ClassVar[str] = "create"
    out: Path
    backbone: str
    representations: Mapping[str, Representation]

    @property
    def representation(self) -> Representation:
        """The one that was learnt; with several tasks the first."""
        return next(iter(self.representations.values()))

    @property
    def cards(self) -> dict[str, Mapping[str, Any]]:
        """How each was made, at what cost, and what it scored."""
        return {name: one.card for name, one in self.representations.items()}

    def told(self) -> Mapping[str, object]:
        """The card, or the cards by task."""
        cards = self.cards
        return {"out": self.out, **({"card": self.representation.card} if len(cards) == 1 else {"cards": cards})}

    def shown(self) -> Iterator[str | Table]:
        """The figures, or with several tasks a line for each, and what was set aside."""
        cards, first = self.cards, self.representation.card
        if len(cards) == 1:
            title = f"{first['made_by']}, {self.backbone}: {self.out}"
            yield Table(["figure", "value"], list(self.metrics.items()), title)
        else:
            known = [name for name in COLUMNS if any(name in card["scores"] for card in cards.values())]
            rows = [
                [name, *(card["scores"].get(one) for one in known), card["cost"]["seconds"]]
                for name, card in cards.items()
            ]
            title = f"{first['data']['trained_on']} images, {self.backbone}: {self.out}"
            yield Table(["task", *known, "seconds"], rows, title)
        yield from told_aside(self.set_aside, "card.json")


@verb
def create(
    images: object,
    *,
    task: str | Sequence[str],
    out: str | Path,
    backbone: str = "convnet4",
    from_: Rep | None = None,
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
    keep: str = "last",
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
    of another representation, which is not changed.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, a list of paths or arrays, or (X, y) of images and
            labels. It does not take vectors.
        task: what to learn from: `labels`, `rotation`, `simclr` ..., or several; `regard.methods("task")` lists them.
        out: the run's folder, which is the representation, too.
        backbone: the network: `convnet4`, or any of timm or torchvision.
        from_: a representation to go on from (`--from`), by name, folder or itself, in place of fresh weights.
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
        keep: which weights become the representation: last or best.
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
    check_asked(given, tasks, keep=keep, holdout=holdout)
    fitted = [name for name in tasks if is_fitted(name)]
    if from_ is None:
        make_encoder(backbone, size=size, norm=norm)
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
    )
    for name in fitted:
        others = {"backbone": backbone if backbone != BACKBONE else None, "from": from_}
        refuse(name, recipe, others | {"keep": None if keep == "last" else keep})
    made = {
        name: train(
            given,
            name,
            backbone=backbone if parent is None and name not in fitted else None,
            start=parent,
            out=folder if len(tasks) == 1 else folder / name,
            settings=recipe,
            method=chosen,
            size=size,
            norm=norm,
            holdout=holdout,
            keep=keep,
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
    return Created(out=folder, backbone=shown, representations=made, metrics=metrics, set_aside=data["set_aside"])


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
