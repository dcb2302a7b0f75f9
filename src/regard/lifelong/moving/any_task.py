"""A task of any kind moves the encoder: with labels, with masks, or from images alone, with a head of its own.

Each kind learns as it does elsewhere: labels as in `learn_task`, the class of each pixel as in `reuse.dense`, images
alone by a task of `create`. The head is the task's own and starts anew; what goes on from task to task is the encoder.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from ...core import processes
from ...core.checks import bad
from ...core.discover import load
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import derive_seed, seeded_init
from ...core.storage import hash_json
from ...data.imageset import ImageSet
from ...data.streams.task import Task
from ...learning.batches import Feed
from ...learning.objective import Objective, Split, check_objective
from ...learning.run import Run, Trained, learn, started_from, write
from ...learning.sampling import Batches, Shuffled, Together
from ...learning.scored import Scores
from ...learning.settings import TrainSettings, completed
from ...representation.representation import Representation
from ...reuse.dense.feed import DenseFeed
from ...reuse.dense.objective import Dense
from ...reuse.dense.targets import class_names
from ...reuse.pairs import readable, show_symbols
from .contract import LearnMethod
from .kept_near import KeptNear
from .remembering import Remembering
from .start import length_of

BATCHES = {"segment": 8}  # where they are left open; of others 64, as in `length_of`


@dataclass(frozen=True)
class Ways:
    """How tasks of each kind are learned.

    Attributes:
        pretext: the task of `create` by which images without labels are learned from.
        size: side of the squares that pictures to be segmented are brought to, in pixels.
        layers: what of the network learns: `all`, `head`, `last:N` or `lora:R`.
        backbone_lr_factor: at what share of the head's rate.
        recipe: views of labelled images: photo | digit | none | auto by the images.
    """

    pretext: str = "simclr"
    size: int = 128
    layers: str = "all"
    backbone_lr_factor: float = 0.1
    recipe: str = "auto"


def learn_any_events(
    task: Task,
    before: Representation,
    method: LearnMethod,
    *,
    later: bool,
    out: str | Path,
    ways: Ways,
    settings: TrainSettings,
) -> Iterator[Event]:
    """Learn a task of any kind, and yield what happens; the last event is `done`. Called again it goes on.

    Args:
        task: of any kind, with labels or without.
        before: whose encoder goes on learning; it is not changed.
        method: whose `any_kind` is true.
        later: whether it is to keep what `before` has learned; not so of the first task of a stream.
        out: a new or empty folder, or that of the same task.
        ways: how tasks of each kind are learned.
        settings: length, rate, seed ...; what is left open is as `learn_task_events` has it.

    Raises:
        InputError: one image where a task is learned without labels, a network without maps that is to segment, or
            `out` holds something else.
        RunError: the training went wrong (NaN).
    """
    asked = completed(settings)
    batch = asked.batch or (BATCHES.get(task.kind) if task.labelled else None)
    notes: list[str] = []
    train, pictures = readable(task.train, notes)
    length = length_of(replace(asked, batch=batch), len(train))
    arguments = {
        "from": before.fingerprint,
        "later": later,
        "method": repr(method),
        "kind": task.kind,
        "labelled": task.labelled,
        "classes": list(task.classes or ()),
        "images": hash_json([sorted(pictures.tolist()), None if train.labels is None else train.labels.tolist()]),
        **ways.__dict__,
        **length.recipe(),
    }
    run = Run.open(out, arguments)
    if ended := run.finished({"steps": whole()}):
        yield ended
        return
    objective, batches = _learning(task, train, before, ways, length)
    encoder = copy.deepcopy(before.encoder)
    encoder.requires_grad_(True)
    objective.admits(encoder)
    with seeded_init(derive_seed(asked.seed, "head", task.name)):
        head: nn.Module = objective.head(encoder)
    if objective.players(encoder, head):
        raise bad("pretext", repr(ways.pretext), "a task with one player, such as simclr")
    module = KeptNear(
        objective, encoder, head, method, later, ways.layers, ways.backbone_lr_factor, derive_seed(asked.seed, "task")
    )
    yield from run.logged(_trained(run, module, before, task, train, pictures.tolist(), batches, length, notes))


def _learning(
    task: Task, train: ImageSet, before: Representation, ways: Ways, settings: TrainSettings
) -> tuple[Objective, Batches]:
    """What is learned and from which batches."""
    size, seed = settings.batch or 1, settings.seed
    if not task.labelled:
        if len(train) < 2:
            raise bad(f"task {task.name!r}", "one image", "two to learn from without labels", "Give it labels.")
        known = Split(train, train, show_symbols(train))
        objective: Objective = load("task", check_objective("pretext", ways.pretext))().configure(known)
        return objective, Shuffled(Feed(train, before.preprocess, workers=settings.threads), len(train), size, seed)
    if task.kind == "segment":
        names, config = class_names(train, "semantic"), before.encoder.config
        colour = tuple(float(one) for one in config["mean"])
        dense = Dense("semantic", "linear", ways.size, names, colour=colour)
        feed = DenseFeed(train, ways.size, names, colour, what=("semantic",), workers=settings.threads)
        return dense, Shuffled(feed, len(train), size, seed)
    recipe = ways.recipe if ways.recipe != "auto" else "digit" if show_symbols(train) else "photo"
    classes = tuple(sorted(set(train.need_labels("TRAIN", 1).astype(str).tolist())))
    places = tuple(range(len(classes)))
    own = Remembering(LearnMethod(), recipe, classes, 0, places)  # type: ignore[arg-type]
    labelled = Feed(train, before.preprocess, classes=classes, workers=settings.threads)
    return own, Together({"task": Shuffled(labelled, len(train), size, seed)})


def _trained(
    run: Run,
    module: KeptNear,
    before: Representation,
    task: Task,
    train: ImageSet,
    pictures: list[str],
    batches: Batches,
    settings: TrainSettings,
    notes: list[str],
) -> Iterator[Event]:
    feed: Any = getattr(batches, "make", None)
    module.follow(feed, settings.seed)
    done: Trained = yield from learn(run, module, batches, settings, lambda: Scores({}))
    if not processes.first():
        return
    metrics = {
        "images": len(train),
        "train_loss": done.last.get("loss", float("nan")),
        "steps": done.steps,
        "seconds": round(done.seconds, 3),
    }
    by = "their labels" if task.labelled else "images alone"
    card = {
        "name": f"{task.name}-{before.name}"[:120],
        "made_by": f"{task.kind}, from {by}, on {len(train)} images of {train.name}",
        "task": f"learn: {task.kind}",
        "training": {name: run.arguments[name] for name in ("layers", "backbone_lr_factor", "method")}
        | {"notes": notes},
        "parent": started_from(before, "", settings.seed),
        "data": {"name": train.name, "images": len(train), "content": run.arguments["images"]},
        "scores": metrics,
    }
    if isinstance(module.head, nn.ModuleDict):
        module.head = module.head["classes"]
    module.encoder.requires_grad_(True)
    write(run, module, before.preprocess, done, metrics, card, settings, pictures, before)
    yield Event("done", done.steps, done.steps, metrics, f"wrote {run.folder}")
