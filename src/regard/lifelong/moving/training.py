"""The training of one task, once all is opened and checked: batches, the loop, the memory, and what is written."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...core import processes
from ...core.events import Event
from ...data.imageset import ImageSet
from ...learning.batches import Feed
from ...learning.freezing import Tuned
from ...learning.module import channels_last
from ...learning.run import Run, Trained, learn, started_from, write
from ...learning.sampling import Batches, Shuffled, Together
from ...learning.scored import Scores
from ...learning.settings import TrainSettings
from ...representation.classifier import ANSWERS
from ..memory import Memory
from .contract import Finished, LearnMethod, Tensors
from .learned import said_of, save_kept, told_of
from .remembering import Remembering, weights_of
from .replayed import Replay, packed, unpacked
from .start import Start

ANSWERED = "regard.lifelong.moving.learned.Learned.load(RUN).predict(images)"


def trained(
    run: Run,
    module: Tuned,
    start: Start,
    train: ImageSet,
    pictures: np.ndarray,
    name: str,
    settings: TrainSettings,
    notes: list[str],
) -> Iterator[Event]:
    """Learn, fill the memory, and write the folder; the last event is `done`.

    Args:
        run: its folder.
        module: what learns, made by `module_of`.
        start: where the task starts.
        train: the task's images, all of which can be read.
        pictures: (n,) hashes of their contents.
        name: of the method.
        settings: with a length.
        notes: what is to be said already.
    """
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
        **({} if type(method).scores is LearnMethod.scores else {ANSWERS: ANSWERED}),
    }
    module.head = classifier
    encoder.requires_grad_(True)
    write(run, module, preprocess, done, metrics, card, settings, pictures.tolist(), start.representation)
    yield Event("done", done.steps, done.steps, metrics, f"wrote {run.folder}")


def _memory(start: Start, method: LearnMethod, seed: int) -> Memory | None:
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
