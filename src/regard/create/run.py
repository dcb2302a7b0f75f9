"""From a folder of images to a representation: look, split, train, score, and write a run folder that says all of it.

A run folder holds `config.json`, `model.safetensors` (timm's `local-dir:` form), `card.json`, `metrics.json`,
`events.jsonl`, `preview.png` (the puzzle) and `answers.png` (what the network made of it); while it runs, `run.json`
and `checkpoint.safetensors`, from which it goes on after a kill. The card is written last: a folder with a card is
finished.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..backbones.encoder import Encoder, evaluating, make_encoder
from ..core.checks import bad, check_choice, check_number
from ..core.discover import load, names
from ..core.event_log import logged
from ..core.events import Event
from ..core.leftovers import clear
from ..core.records import check_record, maybe, number, read_record, whole
from ..core.runtime import derive_seed, measured, seeded_init
from ..core.storage import hash_json, load_tensors, new_folder, write_json
from ..data.sources import open_images
from ..learning.batches import Feed, Look, look, pick_size, split_by_hash
from ..learning.checkpoint import BEST, CHECKPOINT, read_state, refuse_other
from ..learning.loop import TrainSettings, training
from ..learning.objective import LearningModule, Split, method_settings
from ..learning.preview import save_preview
from ..learning.scores import control_scores, feature_scores, held_out_scores, shortcut_scores
from ..learning.trainable import completed
from ..representation.checksums import RESULTS, check_results, of_files
from ..representation.classifier import save_classifier
from ..representation.folder_records import read_card
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation


def train(
    images: Any,
    task: str,
    *,
    watch: Callable[[Iterable[Event]], Iterable[Event]] | None = None,
    out: str | Path,
    **options: Any,
) -> Representation:
    """Create a representation from images and return it; see `train_events` for the arguments.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        task: `labels`, `rotation`, `simclr` ... (`regard methods task`).
        watch: what to wrap the stream of events in, such as a progress bar; it must pass them on.
        out: the run's folder.
        **options: the other arguments of `train_events`.
    """
    events = train_events(images, task, out=out, **options)
    for _ in watch(events) if watch else events:
        pass
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()  # the first process writes the folder, and the others load what it wrote
    return Representation.load(Path(out))


def train_events(
    images: Any,
    task: str,
    *,
    backbone: str = "convnet4",
    out: str | Path,
    settings: TrainSettings | None = None,
    method: Mapping[str, Any] | None = None,
    size: int | None = None,
    holdout: float = 0.1,
    resume: bool = True,
    keep: str = "last",
) -> Iterator[Event]:
    """Create a representation, and yield what happens; the last event is `done`.

    Called again on the same folder with the same arguments it goes on from the last checkpoint, to the same weights
    as if it had never stopped; on a finished run it yields `done` at once.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        task: the name of a file in `create/supervised` or `create/pretext`.
        backbone: any name that `make_encoder` takes.
        out: the run's folder: new, empty, or of the same run.
        settings: length, rate, seed, device ...; what is left open is chosen from the number of images: batches that
            give the network 128 inputs (256 from 5,000 images on), and 30 epochs, but at least 600 and at most 20,000
            steps.
        method: the task's own settings by name, as text or values.
        size: side of the input in pixels; None: from the images (32, 64, 128 or 224).
        holdout: share of the images that is kept for scoring the task itself; split by content, so that copies of an
            image are on one side.
        resume: False starts anew, and deletes what an unfinished run left.
        keep: `last` or `best` (by held-out accuracy): the weights that become the representation.

    Raises:
        InputError: images, names or settings that cannot be used, or `out` holds another run.
        RunError: the run went wrong: NaN, collapse.
    """
    given = method_settings(task, method)
    check_asked(images, [task], keep=keep, holdout=holdout, method=given)
    objective = load("task", task)(**given)
    asked = completed(settings or TrainSettings(), objective)
    found = look(open_images(images, argument="IMAGES"))
    arguments = {
        "task": task,
        "backbone": backbone,
        "size": size,
        "holdout": holdout,
        "keep": keep,
        **{f"set {key}": value for key, value in given.items()},
        **asked.recipe(),
        "images": found.content,
    }
    if getattr(objective, "needs_labels", False):
        arguments["labels"] = hash_json(sorted(zip(found.hashes.tolist(), found.images.need_labels("IMAGES").tolist())))
    folder = _open_folder(Path(out), arguments, resume)
    if (folder / "card.json").exists():
        check_results(folder, read_card(folder), ("metrics.json",))
        metrics = read_record(folder / "metrics.json", {"steps": whole()})
        check_record(str(folder / "metrics.json"), metrics, dict.fromkeys(metrics, maybe(number())))
        yield Event("done", int(metrics["steps"]), int(metrics["steps"]), metrics, f"already done: {folder}")
        return
    events = _run(_plan(found, objective, backbone, asked, size, holdout), folder, arguments, keep)
    yield from logged(events, folder / "events.jsonl") if first_process() else events


def check_asked(
    images: Any,
    tasks: Sequence[str],
    *,
    keep: str = "last",
    holdout: float = 0.1,
    method: Mapping[str, Any] | None = None,
) -> None:
    """Refuse names, shares and images without labels that `train` would refuse; nothing is read through for it."""
    for task in tasks:
        check_choice("--task", task, names("task"), see="regard methods task")
    check_choice("--keep", keep, ["last", "best"])
    check_number("--holdout", holdout, 0.01, 0.5)
    opened = open_images(images, argument="IMAGES")
    if any(getattr(load("task", task)(**method or {}), "needs_labels", False) for task in tasks):
        opened.need_labels("IMAGES")


def first_process() -> bool:
    """Whether this process writes files: the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def _open_folder(folder: Path, arguments: Mapping[str, Any], resume: bool) -> Path:
    if not first_process():
        return folder
    clear(folder)
    new_folder("--out", folder, marker="run.json")
    if (folder / "run.json").exists() and resume:
        refuse_other("--out", folder, read_record(folder / "run.json", {}), arguments)
    elif (folder / "run.json").exists():
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise bad("--no-resume", "several processes", "one process", "Delete the folder, or name another --out.")
        for name in ("card.json", CHECKPOINT, BEST, "events.jsonl"):
            (folder / name).unlink(missing_ok=True)
    write_json(folder / "run.json", arguments)
    return folder


@dataclass(frozen=True)
class Plan:
    """A run with everything resolved."""

    found: Look
    known: Split
    objective: Any
    backbone: str
    settings: TrainSettings
    size: int


def _plan(found: Look, objective: Any, backbone: str, asked: TrainSettings, size: int | None, holdout: float) -> Plan:
    rows, out = split_by_hash(found.hashes, holdout)
    known = Split(found.images.subset(rows), found.images.subset(out), found.symbols)
    if hasattr(objective, "configure"):
        objective = objective.configure(known)
    count = len(known.train)
    batch = asked.batch or min((128 if count < 5000 else 256) // getattr(objective, "copies", 1), count)
    settings = replace(asked, batch=batch)
    if asked.epochs is asked.steps is asked.minutes is None:
        settings = replace(settings, steps=min(max(30 * (count // batch), 600), 20_000))
    return Plan(found, known, objective, backbone, settings, size or pick_size(found.side))


def _run(plan: Plan, folder: Path, arguments: Mapping[str, Any], keep: str) -> Iterator[Event]:
    settings, objective = plan.settings, plan.objective
    encoder = make_encoder(plan.backbone, seed=settings.seed, size=plan.size)
    if hasattr(objective, "admits"):
        objective.admits(encoder)
    with seeded_init(derive_seed(settings.seed, "head")):
        pupil = LearningModule(objective, encoder, objective.head(encoder))
    preprocess = Preprocess(plan.size, plan.size)
    options: dict[str, Any] = {"classes": getattr(objective, "classes", ()), "workers": settings.threads}
    feed, held_out = Feed(plan.known.train, preprocess, **options), Feed(plan.known.held_out, preprocess, **options)
    assert settings.batch is not None  # resolved by _plan
    pupil.follow(feed, len(plan.known.train) // settings.batch, settings.seed)
    watched = _Watched(encoder, feed, held_out, plan.known, preprocess)
    if first_process():
        save_preview(folder / "preview.png", objective, next(held_out.in_order(4)).images, settings.seed)
    # similar pictures are similar vectors for any network: what no training reaches is the honest floor beside chance
    untrained = held_out_scores(pupil, held_out, settings.seed)["accuracy"]
    scores: dict[str, float] = {}
    finished = Event("done")
    with measured() as cost:
        for event in training(
            pupil,
            feed,
            len(plan.known.train),
            settings,
            evaluate=lambda: held_out_scores(pupil, held_out, settings.seed) | watched.scores(),
            folder=folder,
            about=arguments,
        ):
            if event.kind == "done":
                finished = event
                continue
            scores = event.values if event.kind == "eval" else scores
            yield event
    if not first_process():
        return
    scores = scores or held_out_scores(pupil, held_out, settings.seed) | watched.scores()
    if keep == "best":
        pupil.load_state_dict(
            {name.removeprefix("module/"): value for name, value in load_tensors(folder / BEST).items()}
        )
        scores = held_out_scores(pupil, held_out, settings.seed) | watched.scores()
    scores |= (
        {"untrained_accuracy": untrained}
        | control_scores(pupil, held_out, settings.seed)
        | shortcut_scores(pupil, held_out, settings.seed)
    )
    with evaluating(pupil):
        images = next(held_out.in_order(4)).images.to(next(encoder.parameters()).device)
        save_preview(folder / "answers.png", objective, images, settings.seed, encoder, pupil.head)
    aside = [
        *plan.found.images.set_aside,
        *({"path": k, "cause": v} for k, v in (feed.failed | held_out.failed).items()),
    ]
    seconds = finished.values["seconds"]
    metrics = {**scores, "steps": finished.step, "seconds": round(seconds, 3), "set_aside": len(aside)}
    state = read_state(folder / CHECKPOINT)
    card = {
        "name": f"{arguments['task']}-{plan.backbone}",
        "made_by": f"{arguments['task']} from {len(plan.known.train)} images",
        "task": {"name": arguments["task"], **asdict(objective)},
        "training": {**asdict(settings), "precision": state["precision"], "steps_done": finished.step, "keep": keep},
        "backbone": plan.backbone,
        "size": plan.size,
        "parent": f"random:{plan.backbone}:{settings.seed}",
        "data": {
            "name": plan.found.images.name,
            "images": len(plan.found.images),
            "trained_on": len(plan.known.train),
            "held_out": len(plan.known.held_out),
            "content": plan.found.content,
            "set_aside": aside,
        },
        "cost": {**cost.as_dict(), "seconds": round(seconds, 3)},
        "scores": scores,
        "made_with": {"regard": __version__, "torch": str(torch.__version__)},
    }
    write_json(folder / "metrics.json", metrics)
    card[RESULTS] = of_files(folder, ["metrics.json"])
    encoder.cpu().eval().to(memory_format=torch.contiguous_format)
    classes: tuple[str, ...] = getattr(objective, "classes", ())
    if classes and isinstance(pupil.head, torch.nn.Linear):  # one that `predict` can use
        card["classifier"] = save_classifier(folder, pupil.head.state_dict(), classes)
    Representation(encoder, preprocess, card).save(folder)
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)
    yield Event("done", finished.step, finished.step, metrics, _closing(folder, aside, len(plan.found.images)))


class _Watched:
    """The features' health and, where labels are known, an online k-NN: what is looked at while training goes on."""

    def __init__(self, encoder: Encoder, feed: Feed, held_out: Feed, known: Split, preprocess: Preprocess) -> None:
        self.encoder, self.held_out, self.known, self.labels = encoder, held_out, None, None
        if known.train.labels is None or known.held_out.labels is None:
            return
        rows = np.unique(np.linspace(0, len(known.train) - 1, 2000).astype(int))
        self.known = feed if len(rows) == len(known.train) else Feed(known.train.subset(rows), preprocess)
        self.labels = known.train.labels[rows], known.held_out.labels

    def scores(self) -> dict[str, float]:
        """As `feature_scores`."""
        return feature_scores(self.encoder, self.held_out, self.known, self.labels)


def _closing(folder: Path, aside: list[dict[str, str]], used: int) -> str:
    text = f"wrote {folder}"
    if aside:
        shown = "; ".join(f"{row['path']}: {row['cause']}" for row in aside[:5])
        more = f"; and {len(aside) - 5} more, see card.json" if len(aside) > 5 else ""
        text += f"; {len(aside)} of {used + len(aside)} files set aside: {shown}{more}"
    return text
