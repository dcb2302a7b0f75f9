"""One task is learned: one training on the one loop, in a folder of its own, from where the task before ended.

A task that was killed goes on from its checkpoint to the same bits; a stream goes on from the last folder that is done.
Nothing but the folder of the task before says what came earlier.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core import processes
from ...core.checks import bad, check_number
from ...core.discover import load
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import derive_seed, seeded_init
from ...core.storage import hash_json
from ...data.imageset import ImageSet
from ...learning.batches import Feed
from ...learning.freezing import Tuned
from ...learning.method_settings import typed_settings
from ...learning.module import channels_last
from ...learning.run import Run, Trained, Watch, learn, started_from, watched, write
from ...learning.sampling import Batches, Shuffled, Together
from ...learning.scored import Scores
from ...learning.settings import TrainSettings, completed
from ...representation.representation import Representation
from ...reuse.pairs import readable, show_symbols
from ..memory import Memory
from .contract import Finished, LearnMethod, Tensors
from .learned import KEPT, MEMORY, Learned, said_of, save_kept, told_of
from .remembering import Held, Remembering, weights_of
from .replayed import Replay, packed, unpacked

NEEDED = {"steps": whole(), "classes": whole(1)}


@dataclass(frozen=True, eq=False)
class _Start:
    """Where a task starts."""

    representation: Representation
    before: Learned | None

    @property
    def number(self) -> int:
        return 0 if self.before is None else self.before.number + 1

    @property
    def classes(self) -> tuple[str, ...]:
        return () if self.before is None else self.before.classes


def task_folder(out: str | Path, number: int) -> Path:
    """Where a stream's task is learned: `OUT/tasks/NN`.

    >>> task_folder("run", 3).as_posix()
    'run/tasks/03'
    """
    return Path(out) / "tasks" / f"{number:02d}"


def learn_task(
    train: ImageSet,
    before: Learned | Representation | str | Path,
    method: str,
    *,
    out: str | Path,
    watch: Watch | None = None,
    **options: Any,
) -> Learned:
    """Learn a task after others, and return what is known then; see `learn_task_events` for the arguments."""
    watched(learn_task_events(train, before, method, out=out, **options), watch)
    return Learned.load(out)


def learn_task_events(
    train: ImageSet,
    before: Learned | Representation | str | Path,
    method: str,
    *,
    out: str | Path,
    chosen: Mapping[str, Any] | None = None,
    classes: Iterable[str] | None = None,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    recipe: str = "auto",
    settings: TrainSettings | None = None,
    resume: bool = True,
) -> Iterator[Event]:
    """Learn a task, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        train: labelled images of the task. One image is enough; so is one class, which teaches little by itself.
        before: the representation that the first task starts from, by name or folder; later the folder of the task
            before, or what `Learned.load` gave. It is not changed.
        method: of the kind `learn`.
        out: a new or empty folder, or that of the same task.
        chosen: the method's settings.
        classes: of the task, in the order that new ones are numbered in; None: those of `train`, sorted. Old classes
            may come back.
        layers: what of the network learns: `all`, `head`, `last:N` or `lora:R`.
        backbone_lr_factor: at what share of the classifier's rate.
        recipe: views of the images: photo | digit | none | auto by the images.
        settings: length, rate, seed ...; what is left open: batches of 64 (fewer where there are fewer images) beside
            as many from the memory, and 20 epochs of the task, but at least 200 steps.
        resume: False starts the task anew.

    Raises:
        InputError: no labels, a label that is not among the classes, another method or other settings of it than in
            the task before, a method that ties weights with LoRA, or `out` holds something else.
        RunError: the training went wrong (NaN).
    """
    check_number("--backbone-lr-factor", backbone_lr_factor, 0, 1, open_low=True)
    kind = load("learn", method)
    made: LearnMethod = kind(**typed_settings(kind, chosen))
    start = _start(before, made)
    asked = completed(settings or TrainSettings())
    notes: list[str] = []
    train, pictures = readable(train, notes)
    labels = train.need_labels("TRAIN", 1).astype(str)
    of_task = tuple(dict.fromkeys(map(str, train.classes if classes is None else classes)))
    strange = sorted(set(labels.tolist()) - set(of_task))
    if strange:
        raise bad("classes", f"a label {strange[0]!r} that is not among them", f"the classes of {train.name}")
    known = (*start.classes, *(name for name in of_task if name not in start.classes))
    part = made.layers(start.number, layers) if made.trains(start.number) else "all"
    if made.weighs and part.partition(":")[0] == "lora":
        raise bad("--layers", repr(part), f"all, head or last:N with {method}, which ties weights to what they were")
    content = hash_json(sorted(zip(pictures.tolist(), labels.tolist())))
    length = _length(asked, len(train))
    arguments = {
        "from": start.representation.fingerprint,
        "before": "" if start.before is None else start.before.mark,
        "method": method,
        **{f"set {name}": value for name, value in made.__dict__.items()},
        "classes": list(known),
        "here": list(of_task),
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        "recipe": recipe,
        **length.recipe(),
        "images": content,
    }
    results = (KEPT, MEMORY) if made.rule else (KEPT,)
    run = Run.open(out, arguments, resume, results)
    if ended := run.finished(NEEDED):
        yield ended
        return
    if recipe == "auto":
        recipe = "digit" if show_symbols(train) else "photo"
    places = tuple(sorted(known.index(name) for name in of_task))
    objective = Remembering(made, recipe, known, len(start.classes), places)  # type: ignore[arg-type]
    module = _module(objective, start, part, backbone_lr_factor, asked.seed)
    yield from run.logged(_events(run, module, start, train, pictures, method, length, notes))


def _start(before: Learned | Representation | str | Path, method: LearnMethod) -> _Start:
    if isinstance(before, str | Path) and (Path(before) / KEPT).is_file():
        before = Learned.load(before)
    if not isinstance(before, Learned):
        found = before if isinstance(before, Representation) else Representation.load(before)
        return _Start(found, None)
    if before.method != method:
        raise bad("method", repr(method), f"{before.method!r}, as the task before was learned with")
    return _Start(before.representation, before)


def _length(asked: TrainSettings, count: int) -> TrainSettings:
    """With what is left open; counted in steps over the task alone, so that a memory makes no task longer."""
    batch = min(asked.batch or 64, count)
    found = replace(asked, batch=batch)
    if asked.epochs is not None:
        return replace(found, epochs=None, steps=asked.epochs * (count // batch))
    if asked.steps is asked.minutes is None:
        return replace(found, steps=min(max(20 * (count // batch), 200), 20_000))
    return found


def _module(objective: Remembering, start: _Start, layers: str, factor: float, seed: int) -> Tuned:
    encoder, before = copy.deepcopy(start.representation.encoder), start.before
    encoder.requires_grad_(True)
    with seeded_init(derive_seed(seed, "head", start.number)):
        head = objective.head(encoder)
    if before is not None:
        with torch.no_grad():
            for mine, old in zip(head["classes"].parameters(), before.classifier.parameters()):
                mine[: len(old)] = old
    method = objective.method
    module = Tuned(objective, encoder, head, layers, factor, derive_seed(seed, "task", start.number))
    if method.remembers and method.needs_old and before is not None:
        parts = {"encoder": copy.deepcopy(before.representation.encoder), "classes": copy.deepcopy(before.classifier)}
        head["old"] = nn.ModuleDict(parts).requires_grad_(False)
    if method.remembers and method.weighs:
        head["kept"] = Held({} if before is None else before.kept, changing=False)
    if method.remembers and method.notes_steps:
        weights = {name: one.detach() for name, one in weights_of(encoder, head).items()}
        head["notes"] = Held(method.start(weights), changing=True)
    return module


def _events(
    run: Run,
    module: Tuned,
    start: _Start,
    train: ImageSet,
    pictures: np.ndarray,
    name: str,
    settings: TrainSettings,
    notes: list[str],
) -> Iterator[Event]:
    objective = module.objective
    assert isinstance(objective, Remembering)
    method, preprocess = objective.method, start.representation.preprocess
    order = np.array(sorted(objective.classes))
    feed = Feed(train, preprocess, classes=order.tolist(), workers=settings.threads)
    # a feed numbers labels by the alphabet; here they are numbered as they came
    assert feed.labels is not None
    feed.labels = torch.tensor([objective.classes.index(one) for one in order.tolist()])[feed.labels]
    memory = _memory(start, method, settings.seed)
    done = Trained()
    if method.trains(start.number):
        batches = _batches(feed, memory, objective, preprocess.shape, settings)
        done = yield from learn(run, module, batches, settings, lambda: Scores({}))
    if not processes.first():
        return
    module.eval()
    encoder, classifier = module.encoder, module.head["classes"]
    device = next(encoder.parameters()).device
    if memory is not None:
        _remember(memory, method, encoder, classifier, feed, train, device)
    held = memory.kept if memory is not None else []

    def remembered() -> Iterator[tuple[Tensor, Tensor]]:
        for at in range(0, len(held), 128):
            some = held[at : at + 128]
            x = torch.from_numpy(np.stack([unpacked(one.item, preprocess.shape)[0] for one in some]))
            labels = torch.tensor([int(one.label) for one in some], device=device)
            yield channels_last(x.to(device).float() / 255), labels

    before: Tensors = {} if start.before is None else start.before.kept
    taken = module.head["notes"].tensors() if "notes" in module.head else {}
    weights = {key: one.detach() for key, one in weights_of(encoder, module.head).items()}
    kept = method.after_task(
        Finished(
            start.number,
            encoder,
            classifier,
            weights,
            lambda: told_of(feed, device),
            remembered,
            {key: value.to(device) for key, value in before.items()},
            taken,
            settings.seed,
        )
    )
    save_kept(run.folder, name, method, start.number, {key: one.contiguous() for key, one in kept.items()}, memory)
    metrics: dict[str, Any] = {
        "task": start.number,
        "images": len(train),
        "classes": len(objective.classes),
        "new": len(objective.classes) - objective.old,
        "train_loss": done.last.get("loss", np.nan),
        "memory_bytes": 0 if memory is None else memory.nbytes,
        "memory_images": len(held),
        "kept_bytes": sum(one.nbytes for one in kept.values()),
        "steps": done.steps,
        "seconds": round(done.seconds, 3),
    }
    if memory is not None and memory.too_large:
        notes.append(f"The memory's budget of {memory.budget} bytes is less than one image: nothing is replayed.")
    if len(objective.classes) == 1:
        notes.append("One class is known: there is nothing to tell it from, and its labels teach nothing.")
    card = {
        "name": f"{name}-{start.number:02d}-{start.representation.name}"[:120],
        "made_by": f"{name} on the labels of {len(train)} images of {train.name}, task {start.number}",
        "task": f"learn: {name}",
        "training": {key: run.arguments[key] for key in ("layers", "backbone_lr_factor")} | {"notes": notes},
        "parent": started_from(start.representation, "", settings.seed),
        "data": {"name": train.name, "images": len(train), "content": run.arguments["images"]},
        "scores": metrics,
    }
    module.head = classifier
    encoder.requires_grad_(True)
    write(run, module, preprocess, done, metrics, card, settings, pictures.tolist(), start.representation)
    yield Event("done", done.steps, done.steps, metrics, f"wrote {run.folder}")


def _memory(start: _Start, method: LearnMethod, seed: int) -> Memory | None:
    if start.before is not None and start.before.memory is not None:
        return copy.deepcopy(start.before.memory)
    return method.memory(seed)


def _batches(
    feed: Feed, memory: Memory | None, objective: Remembering, shape: tuple[int, int], settings: TrainSettings
) -> Batches:
    """Batches of the task, and where something is remembered as large ones of the memory beside them."""
    size, n = settings.batch or 1, len(feed.images)
    sources: dict[str, Batches] = {"task": Shuffled(feed, n, size, settings.seed, "task")}
    if memory is not None and len(memory) and objective.method.remembers:
        replay = Replay(memory.kept, shape, len(objective.classes), objective.method.keeps_logits)
        sources["memory"] = Shuffled(replay, len(replay), min(size, len(replay)), settings.seed, "memory")
    return Together(sources)


def _remember(
    memory: Memory,
    method: LearnMethod,
    encoder: nn.Module,
    classifier: nn.Module,
    feed: Feed,
    train: ImageSet,
    device: Any,
) -> None:
    """Offer the task's images to the memory, with what the network says of them where that is kept."""
    samples, vectors, labels = [], [], []
    for batch in feed.in_order(128):
        features, logits = said_of(encoder, classifier, channels_last(batch.images.to(device).float() / 255))
        said = logits.cpu().numpy()
        for row, picture in enumerate(batch.images.numpy()):
            samples.append(packed(picture, said[row] if method.keeps_logits else None))
        vectors.append(nn.functional.normalize(features, dim=1).cpu().numpy())
        labels.append(batch.labels.numpy())
    wanted = np.concatenate(vectors) if method.rule == "herding" else None
    memory.add(samples, np.concatenate(labels), wanted, train.ids.tolist())
