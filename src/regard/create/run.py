"""From a folder of images to a representation: look, split, train, score, and write a run folder that says all of it.

Beside what every run folder holds (see `learning.run`) there are `preview.png` (the puzzle) and `answers.png` (what the
network made of it).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..backbones.encoder import Encoder, evaluating
from ..backbones.norms import parse_norm
from ..core import processes
from ..core.checks import bad, check_choice, check_number
from ..core.discover import load, names
from ..core.events import Event
from ..core.records import whole
from ..core.storage import hash_json
from ..data.sources import open_images
from ..learning.batches import Feed
from ..learning.look import look
from ..learning.method_settings import method_settings
from ..learning.module import LearningModule
from ..learning.objective import Objective, Split, is_fitted
from ..learning.preview import save_preview
from ..learning.run import Run, Watch, learn, started_from, watched, write
from ..learning.sampling import Shuffled
from ..learning.scored import Scores
from ..learning.scores import control_scores, feature_scores, held_out_scores, shortcut_scores
from ..learning.settings import TrainSettings, completed
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation
from .plan import Plan, planned
from .traditional._run import fitted_events, refuse

BACKBONE = "convnet4"


def train(images: Any, task: str, *, watch: Watch | None = None, out: str | Path, **options: Any) -> Representation:
    """Create a representation from images and return it; see `train_events` for the arguments.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        task: `labels`, `rotation`, `simclr` ... (`regard methods task`).
        watch: what to wrap the stream of events in, such as a progress bar; it must pass them on.
        out: the run's folder.
        **options: the other arguments of `train_events`.
    """
    watched(train_events(images, task, out=out, **options), watch)
    return Representation.load(Path(out))


def train_events(
    images: Any,
    task: str,
    *,
    backbone: str | None = None,
    start: Representation | str | Path | None = None,
    out: str | Path,
    settings: TrainSettings | None = None,
    method: Mapping[str, Any] | None = None,
    size: int | None = None,
    norm: str | None = None,
    holdout: float = 0.1,
    resume: bool = True,
    keep: str = "last",
) -> Iterator[Event]:
    """Create a representation, and yield what happens; the last event is `done`.

    Called again on the same folder with the same arguments it goes on from the last checkpoint, to the same weights
    as if it had never stopped; on a finished run it yields `done` at once.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        task: the name of a file in `create/supervised`, `create/pretext` or `create/traditional`; tasks of the last
            are fitted and not trained, and take `size`, `holdout`, `method`, and of `settings` seed and device.
        backbone: any name that `make_encoder` takes, with fresh weights; None: convnet4, or that of `start`.
        start: a representation to go on from, by name or folder, in place of fresh weights; it is not changed.
        out: the run's folder: new, empty, or of the same run.
        settings: length, rate, seed, device ...; what is left open is chosen from the number of images: batches that
            give the network 128 inputs (256 from 5,000 images on), and 30 epochs, but at least 600 and at most 20,000
            steps.
        method: the task's own settings by name, as text or values.
        size: side of the input in pixels; None: from the images (32, 64, 128 or 224), or as `start` takes them.
        norm: the normalisation in place of the network's own: `bn`, `ln`, `in`, `gn:G` (see `backbones.norms`).
        holdout: share of the images that is kept for scoring the task itself; split by content, so that copies of an
            image are on one side.
        resume: False starts anew, and deletes what an unfinished run left.
        keep: `last` or `best` (by the held-out main score): the weights that become the representation.

    Raises:
        InputError: images, names or settings that cannot be used, or `out` holds another run.
        RunError: the run went wrong: NaN, collapse.
    """
    given = method_settings(task, method)
    check_asked(images, [task], keep=keep, holdout=holdout, method=given)
    if is_fitted(task):
        others = {"backbone": backbone, "from": start, "keep": None if keep == "last" else keep}
        asked = settings or TrainSettings()
        yield from fitted_events(
            images,
            task,
            out=out,
            method=given,
            settings=asked,
            size=size,
            holdout=holdout,
            resume=resume,
            given=others,
        )
        return
    if start is not None and backbone is not None:
        raise bad("--backbone", f"{backbone} and --from", "one of the two", "--from has a network already.")
    parent = None if start is None else start if isinstance(start, Representation) else Representation.load(start)
    objective: Objective = load("task", task)(**given)
    asked = completed(settings or TrainSettings(), objective.weight_decay)
    found = look(open_images(images, argument="IMAGES"))
    arguments = {
        "task": task,
        "backbone": backbone or BACKBONE,
        "size": size,
        "holdout": holdout,
        "keep": keep,
        **({} if norm is None else {"norm": str(parse_norm(norm))}),
        **{f"set {key}": value for key, value in given.items()},
        **asked.recipe(),
        "images": found.content,
    }
    if parent is not None:
        arguments |= {"backbone": parent.encoder.name, "from": parent.fingerprint}
    if objective.needs_labels:
        arguments["labels"] = hash_json(sorted(zip(found.hashes.tolist(), found.images.need_labels("IMAGES").tolist())))
    run = Run.open(out, arguments, resume)
    if ended := run.finished({"steps": whole()}):
        yield ended
        return
    backbone = str(arguments["backbone"])
    plan = planned(found, objective, parent, asked, backbone=backbone, size=size, holdout=holdout, norm=norm)
    yield from run.logged(carried_out(plan, run, keep, {"name": f"{task}-{plan.backbone}", "task": task}))


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
    if any(load("task", task)(**method or {}).needs_labels for task in tasks):
        opened.need_labels("IMAGES")


def carried_out(
    plan: Plan, run: Run, keep: str, told: Mapping[str, Any], module: LearningModule | None = None
) -> Iterator[Event]:
    """Train by a plan, score, and write the run folder.

    Args:
        plan: what is learned from what.
        run: its folder.
        keep: `last` or `best`.
        told: what the card says beside the rest: `name`, `task`, more for `training`.
        module: what learns; None: the plan's own.
    """
    settings, known = plan.settings, plan.known
    module = plan.module() if module is None else module
    encoder, objective = module.encoder, module.objective
    feed, held_out = (
        Feed(images, plan.preprocess, classes=objective.classes, workers=settings.threads)
        for images in (known.train, known.held_out)
    )
    module.follow(feed, settings.seed)
    health = _Health(encoder, feed, held_out, known, plan.preprocess)
    if processes.first():
        save_preview(run.folder / "preview.png", objective, next(held_out.in_order(4)).images, settings.seed)
    # similar pictures are similar vectors for any network: what no training reaches is the honest floor beside chance
    untrained = held_out_scores(module, held_out, settings.seed)

    def evaluate() -> Scores:
        return held_out_scores(module, held_out, settings.seed).with_more(health.scores())

    batches = Shuffled(feed, len(known.train), settings.batch or 1, settings.seed)
    done = yield from learn(run, module, batches, settings, evaluate, keep)
    if not processes.first():
        return
    scores = (
        done.scores
        | {f"untrained_{untrained.main}": untrained.score}
        | control_scores(module, held_out, settings.seed)
        | shortcut_scores(module, held_out, settings.seed)
    )
    with evaluating(module):
        images = next(held_out.in_order(4)).images.to(next(encoder.parameters()).device)
        save_preview(run.folder / "answers.png", objective, images, settings.seed, encoder, module.head)
    aside = [*plan.found.images.set_aside]
    aside += [{"path": path, "cause": cause} for path, cause in (feed.failed | held_out.failed).items()]
    metrics = {**scores, "steps": done.steps, "seconds": round(done.seconds, 3), "set_aside": len(aside)}
    card = {
        "made_by": f"{told['task']} from {len(known.train)} images",
        **told,
        "training": {"keep": keep, **told.get("training", {})},
        "backbone": plan.backbone,
        **({} if plan.norm is None else {"norm": str(parse_norm(plan.norm))}),
        "size": plan.preprocess.shape[0],
        "parent": started_from(plan.parent, plan.backbone, settings.seed),
        "data": {
            "name": plan.found.images.name,
            "images": len(plan.found.images),
            "trained_on": len(known.train),
            "held_out": len(known.held_out),
            "content": plan.found.content,
            "set_aside": aside,
        },
        "scores": scores,
    }
    learned = plan.found.hashes.tolist()
    write(run, module, plan.preprocess, done, metrics, card, settings, learned, plan.parent)
    yield Event("done", done.steps, done.steps, metrics, _closing(run.folder, aside, len(plan.found.images)))


class _Health:
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
