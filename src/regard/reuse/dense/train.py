"""Training for a dense task: a representation goes on learning together with a head for boxes, masks or pixels.

The same run, loop and folder as `create` and `finetune` have (see `learning.run`): killed, it goes on to the same
numbers. The validation pictures are scored along the way and at the end; nothing is chosen by them, unless `keep` is
`best`, which is then said in the notes.
"""

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core import processes
from ...core.checks import bad, check_choice
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import derive_seed, seeded_init, threads
from ...core.storage import hash_bytes, hash_json, write_json
from ...data.annotations.masks import BACKGROUND
from ...data.decode import DecodeError, content_hash, read
from ...data.imageset import ImageSet
from ...data.sampling import hold_out
from ...learning.freezing import Tuned
from ...learning.run import Run, Watch, learn, started_from, watched, write
from ...learning.sampling import Shuffled
from ...learning.scored import Scores
from ...learning.settings import TrainSettings, completed
from ...representation.representation import Representation
from .anchors import anchors_from
from .examined import Report, examine
from .feed import DenseFeed
from .model import DenseModel
from .objective import HEADS, Dense
from .scoring import MAIN, score

RESULTS = ("scores.json",)
NEEDED = {"steps": whole()}
STEPS = (200, 20_000)  # least and most, where the user leaves the length open
BEST = "the weights are the best by the validation pictures, so their scores are a little too good."


def train(
    images: ImageSet, val: ImageSet | None = None, *, watch: Watch | None = None, out: Path, **options: Any
) -> DenseModel:
    """Train, and read the model; the arguments are those of `train_events`."""
    watched(train_events(images, val, out=out, **options), watch)
    return DenseModel.load(out)


def train_events(
    images: ImageSet,
    val: ImageSet | None = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    what: str = "boxes",
    head: str | None = None,
    size: int = 256,
    classes: Sequence[str] | None = None,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    augment: bool = True,
    settings: TrainSettings | None = None,
    resume: bool = True,
    keep: str = "last",
    report: Report | None = None,
) -> Iterator[Event]:
    """Train, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        images: with annotations, to learn from.
        val: with annotations, to be scored on; None holds a fifth of `images` out, by identity where known.
        representation: what to start from, by name or folder; it is not changed.
        out: a new or empty folder, or that of the same run.
        what: `boxes`, `masks` or `semantic`.
        head: one of `HEADS[what]`; None: the first.
        size: side of the square that pictures are brought to, in pixels.
        classes: what to tell, in the order of the outputs; None: all that the annotations name.
        layers: `all`, `head`, or `last:N` stages of the network.
        backbone_lr_factor: the network's learning rate is this times the head's, in (0, 1].
        augment: learn from mirrored, scaled and recoloured pictures.
        settings: length, rate, seed ...; what is left open: batches of 8 and 20 epochs, but at least 200 steps.
        resume: False starts anew, and deletes what an unfinished run left.
        keep: `last` weights, or the `best` on `val`.
        report: writes a page of the errors on `val`, before the run is called finished.

    Raises:
        InputError: no annotations, unknown names, a picture in both sets, or `out` holds something else.
        RunError: the run went wrong (NaN).
    """
    check_choice("--keep", keep, ["last", "best"])
    check_choice("what", what, list(HEADS))
    asked = completed(settings or TrainSettings())
    notes: list[str] = []
    if images.annotations is None:
        raise bad("images", f"{images.name} without annotations", "images with boxes, masks or maps of classes")
    if val is None:
        images, val, notes = hold_out(images, 0.2, asked.seed)
    content = _apart(images, val)
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    names = tuple(classes) if classes is not None else _names(images, what)
    colour = tuple(float(one) for one in start.encoder.config["mean"])
    wanted = {"boxes": ("boxes",), "masks": ("boxes", "masks"), "semantic": ("semantic",)}[what]
    feed = DenseFeed(images, size, names, colour, what=wanted, workers=asked.threads)
    kind = head or HEADS[what][0]
    boxes, targets = _targets(feed)
    anchors = anchors_from(boxes) if kind in ("faster_rcnn", "mask_rcnn") else None
    objective = Dense(what, kind, size, names, anchors, colour, augment)
    arguments = {
        "from": start.fingerprint,
        **{name: getattr(objective, name) for name in ("what", "kind", "size", "augment")},
        "names": list(names),
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        **asked.recipe(),
        "images": content,
        "annotations": targets,
        **({"keep": keep} if keep != "last" else {}),
    }
    encoder = copy.deepcopy(start.encoder)
    with seeded_init(derive_seed(asked.seed, "head")):
        module = Tuned(objective, encoder, objective.head(encoder), layers, backbone_lr_factor)
    run = Run.open(out, arguments, resume, results=RESULTS)
    if ended := run.finished(NEEDED):
        yield ended
        return
    batch = asked.batch or min(8, len(images))
    chosen = replace(asked, batch=batch)
    if asked.epochs is asked.steps is asked.minutes is None:
        chosen = replace(chosen, steps=min(max(20 * (len(images) // batch), STEPS[0]), STEPS[1]))
    notes += [f"{name} was set aside: {cause}" for name, cause in feed.failed.items()]
    notes += [f"annotations: {many} times {cause}" for cause, many in feed.faults.items()]
    notes += [BEST] if keep == "best" else []
    yield from run.logged(_events(module, start, feed, val, chosen, run, keep, notes, report))


def _events(
    module: Tuned,
    start: Representation,
    feed: DenseFeed,
    val: ImageSet,
    settings: TrainSettings,
    run: Run,
    keep: str,
    notes: Sequence[str],
    report: Report | None,
) -> Iterator[Event]:
    objective: Any = module.objective
    main = MAIN[objective.what]

    def model() -> DenseModel:
        head: Any = module.head
        return DenseModel(objective, module.encoder, head)

    def evaluate() -> Scores:
        scores = score(model(), val, interval=False)
        known = {name: value for name, value in scores.metrics.items() if value is not None}
        return Scores({main: 0.0, **known}, main)

    batches = Shuffled(feed, len(feed.images), settings.batch, settings.seed)
    done = yield from learn(run, module, batches, settings, evaluate, keep)
    if not processes.first():
        return
    module.cpu().eval().to(memory_format=torch.contiguous_format)
    found, examined = examine(model(), val) if report is not None else (score(model(), val), None)
    metrics: dict[str, Any] = {
        **found.metrics,
        "train_loss": done.last.get("loss", np.nan),
        "train": len(feed.images) - len(feed.failed),
        "val": found.images,
        "steps": done.steps,
        "seconds": round(done.seconds, 3),
    }
    told = {"by_class": found.by_class, "failed": found.failed, "notes": list(notes)}
    write_json(run.folder / RESULTS[0], told)
    card = {
        "name": f"{objective.kind}-{start.name}",
        "made_by": f"{objective.kind} on the annotations of {metrics['train']} images, from {start.name}",
        "task": "dense",
        "training": {key: run.arguments[key] for key in ("layers", "backbone_lr_factor")} | {"keep": keep},
        "parent": started_from(start, "", settings.seed),
        "data": {"name": feed.images.name, "images": len(feed.images), "content": run.arguments["images"]},
        "scores": metrics,
    }
    if report is not None and examined is not None:
        facts = {
            **{"head": objective.kind, "from": start.name, "size": f"{objective.size} pixels", "seed": settings.seed},
            "pictures": f"{metrics['train']} to learn from, {found.images} to score on",
            "steps": done.steps,
            "seconds": round(done.seconds),
        }
        report(run.folder, val, found, examined, facts, notes)
    write(run, module, start.preprocess, done, metrics, card, settings)
    yield Event("done", done.steps, done.steps, metrics, f"wrote {run.folder}")


def _names(images: ImageSet, what: str) -> tuple[str, ...]:
    """The classes that the annotations name; before those of objects the background, where pixels are classed."""
    assert images.annotations is not None
    names = images.annotations.classes
    if not names:
        raise bad("images", f"{images.name}, whose annotations name no class", "annotated objects or pixels")
    if what == "semantic" and BACKGROUND not in names and images.annotations[0].semantic is None:
        return (BACKGROUND, *names)
    return names


def _targets(feed: DenseFeed) -> tuple[Tensor, str]:
    """The boxes (n, 4) of all objects that count, in their squares, and a hash of all that is learned from."""
    boxes, hashes = [torch.zeros(0, 4)], []
    for batch in feed.in_order(64):
        if "boxes" in batch:
            boxes.append(batch["boxes"][(batch["classes"] >= 0) & ~batch["ignore"]])
        hashes.append(hash_bytes(*(batch[name].numpy().tobytes() for name in sorted(batch) if name != "images")))
    return torch.cat(boxes), hash_json(hashes)


def _apart(images: ImageSet, val: ImageSet) -> str:
    """The hash of both sets' pictures.

    Raises:
        InputError: a picture is in both.
    """
    here, there = _contents(images), _contents(val)
    known = set(here) - {""}  # which is what cannot be read
    same = [val.called(row) for row in range(len(val)) if there[row] in known]
    if same:
        raise bad("val", f"{len(same)} picture(s) that are learned from too: {', '.join(same[:3])}", "other pictures")
    return hash_json([sorted(here), sorted(there)])


def _contents(images: ImageSet) -> list[str]:
    def one(row: int) -> str:
        try:
            return content_hash(read(images.items[row]))
        except DecodeError:
            return ""

    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(one, range(len(images))))
