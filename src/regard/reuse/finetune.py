"""Fine-tuning: a representation goes on learning, from labels, together with a new classifier.

The same loop, feed and views as `create`, so a run can be killed and goes on to the same numbers. The test images are
scored along the way and at the end; nothing is chosen by them: the weights are those of the last step.

The folder holds the tuned representation, `classifier.safetensors` (`weight` (classes, d), `bias`), `card.json` with
the classes, `metrics.json`, `predictions.json` and `events.jsonl`.
"""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import __version__
from ..core.checks import bad, check_number
from ..core.discover import load
from ..core.event_log import logged, read_log
from ..core.events import Event
from ..core.reading import MOST_ROWS
from ..core.records import check_record, listed, maybe, number, read_record, record, text, whole
from ..core.runtime import derive_seed, measured, seeded_init
from ..core.storage import new_folder, write_json
from ..core.values import group_codes
from ..learning.batches import Feed
from ..learning.checkpoint import BEST, CHECKPOINT, refuse_other
from ..learning.freezing import Tuned
from ..learning.loop import TrainSettings, training
from ..learning.objective import Split, method_settings
from ..metrics.classify import balanced_accuracy
from ..metrics.intervals import Interval, accuracy_interval, unknown
from ..representation import checksums
from ..representation.checksums import check_results
from ..representation.classifier import read_classifier, save_classifier
from ..representation.folder_records import read_card
from ..representation.representation import Representation
from .pairs import open_pair

RESULTS = ("metrics.json", "predictions.json")
METRICS = {"steps": whole(), "accuracy": number(0, 1)}
PREDICTIONS = {
    "ids": listed(text),
    "labels": listed(text),
    "predictions": listed(text),
    "interval": record(mean=number(0, 1), low=maybe(number(0, 1)), high=maybe(number(0, 1)), n=whole()),
    "notes": listed(text),
}
Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class FinetuneResult:
    """What fine-tuning gave.

    Attributes:
        folder: the tuned representation and its classifier.
        metrics: `accuracy` with `accuracy_low` and `accuracy_high`, `balanced_accuracy`, `majority`, `train_loss`,
            `train`, `test`, `classes`, `steps`, `seconds`.
        interval: the test accuracy with its 95 % interval, over identities where known.
        ids, labels, predictions: (test,) each, for confusion and paired differences.
        notes: what the reader should know before believing the numbers.
    """

    folder: Path
    metrics: dict[str, float]
    interval: Interval
    ids: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    notes: tuple[str, ...] = ()

    @staticmethod
    def load(folder: str | Path) -> "FinetuneResult":
        """Read the result of a finished run."""
        folder = Path(folder)
        if (folder / "card.json").exists():
            check_results(folder, read_card(folder), RESULTS)
        metrics = _metrics(folder)
        found = read_record(folder / "predictions.json", PREDICTIONS, most=MOST_ROWS)
        if len({len(found[key]) for key in ("ids", "labels", "predictions")}) > 1:
            raise bad(str(folder / "predictions.json"), "lists of other lengths", "an id, label and answer for each")
        ids, labels, predictions = (np.array(found[key], np.str_) for key in ("ids", "labels", "predictions"))
        mean, low, high, n = (found["interval"][key] for key in ("mean", "low", "high", "n"))
        interval = unknown(mean, n) if low is None or high is None else Interval(mean, low, high, n)
        return FinetuneResult(folder, metrics, interval, ids, labels, predictions, tuple(found["notes"]))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the single predictions."""
        return {"metrics": self.metrics, "folder": str(self.folder), "notes": list(self.notes)}


def finetune(
    train: Any,
    test: Any = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    watch: Watch | None = None,
    **options: Any,
) -> FinetuneResult:
    """Fine-tune a representation on labelled images and score it; see `finetune_events` for the arguments."""
    events = finetune_events(train, test, representation, out=out, **options)
    for _ in watch(events) if watch else events:
        pass
    return FinetuneResult.load(out)


def finetune_events(
    train: Any,
    test: Any = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    settings: TrainSettings | None = None,
    method: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Fine-tune, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        train: labelled images, as `open_images` takes them.
        test: labelled images, none of them in `train`; None holds a quarter of `train` out, by identity where known.
        representation: what to start from, by name or folder; it is not changed.
        out: a new or empty folder, or that of the same run.
        layers: `all`, `head`, or `last:N` stages of the network.
        backbone_lr_factor: the network's learning rate is this times the head's, in (0, 1].
        settings: length, rate, seed ...; what is left open: batches of 64 (fewer where there are fewer images), and
            20 epochs, but at least 200 and at most 20,000 steps.
        method: settings of cross-entropy: `smoothing`, `recipe` (photo | digit | none | auto).

    Raises:
        InputError: no labels, one class, a test class that training lacks, images in both sets, unknown names, or
            `out` holds something else, or several processes of torchrun.
        RunError: the run went wrong (NaN).
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        # each of them would write the same files
        raise bad("processes", processes, "1: fine-tuning runs in one process", "Start it without torchrun.")
    check_number("--backbone-lr-factor", backbone_lr_factor, 0, 1, open_low=True)
    asked, given = settings or TrainSettings(), method_settings("labels", method)
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    known, notes, content = open_pair(train, test, asked.seed)
    arguments = {
        "from": start.fingerprint,
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        **{f"set {key}": value for key, value in given.items()},
        **asked.recipe(),
        "images": content,
    }
    objective = load("task", "labels")(**given).configure(known)
    encoder = copy.deepcopy(start.encoder)
    with seeded_init(derive_seed(asked.seed, "head")):
        pupil = Tuned(objective, encoder, objective.head(encoder), layers, backbone_lr_factor)
    folder = new_folder("--out", out, marker="run.json")
    if (folder / "run.json").exists():
        refuse_other("--out", folder, read_record(folder / "run.json", {}), arguments)
    if (folder / "card.json").exists():
        check_results(folder, read_card(folder), RESULTS)
        metrics = _metrics(folder)
        yield Event("done", int(metrics["steps"]), int(metrics["steps"]), metrics, f"already done: {folder}")
        return
    write_json(folder / "run.json", arguments)
    count = len(known.train)
    chosen = replace(asked, batch=asked.batch or min(64, count))
    if asked.epochs is asked.steps is asked.minutes is None:
        chosen = replace(chosen, steps=min(max(20 * (count // (chosen.batch or 1)), 200), 20_000))
    events = _run(pupil, start, known, chosen, folder, arguments, notes)
    yield from logged(events, folder / "events.jsonl")


def _metrics(folder: Path) -> dict[str, Any]:
    found = read_record(folder / "metrics.json", METRICS)
    return check_record(str(folder / "metrics.json"), found, dict.fromkeys(found, maybe(number())))


def classify(folder: str | Path, images: Any, **embed_settings: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Name the class of images with a fine-tuned folder.

    Returns:
        Ids (n,), probabilities (n, classes), and the classes in the order of the columns.
    """
    from ..representation.embed import embed

    head = read_classifier(folder, "folder")
    found = embed(images, str(folder), **embed_settings)
    return found.ids, head.probabilities(found.vectors), list(head.classes)


def _run(
    pupil: Tuned,
    start: Representation,
    known: Split,
    settings: TrainSettings,
    folder: Path,
    arguments: Mapping[str, Any],
    notes: list[str],
) -> Iterator[Event]:
    objective = pupil.objective
    options: dict[str, Any] = {"classes": objective.classes, "workers": settings.threads}
    feed, held_out = (Feed(images, start.preprocess, **options) for images in (known.train, known.held_out))
    truth = np.searchsorted(np.array(objective.classes), known.held_out.need_labels("TEST", 1))
    # a run that was killed after its last step has no loss to come: the last one stands in its log
    before = read_log(log) if (log := folder / "events.jsonl").exists() else []
    finished, train_loss = Event("done"), next((e.values["loss"] for e in before[::-1] if e.kind == "train"), np.nan)
    with measured() as cost:
        for event in training(
            pupil,
            feed,
            len(known.train),
            settings,
            evaluate=lambda: {"accuracy": float(np.mean(_answers(pupil, held_out) == truth))},
            folder=folder,
            about=arguments,
        ):
            if event.kind == "done":
                finished = event
                continue
            train_loss = event.values["loss"] if event.kind == "train" else train_loss
            yield event
    pupil.cpu().eval().to(memory_format=torch.contiguous_format)
    answers = _answers(pupil, held_out)
    things = known.held_out.columns.get("identity")
    things = None if things is None else group_codes(things, "identity")
    interval = accuracy_interval(answers == truth, things)
    metrics: dict[str, Any] = {
        "accuracy": interval.mean,
        "accuracy_low": interval.as_dict()["low"],
        "accuracy_high": interval.as_dict()["high"],
        "balanced_accuracy": balanced_accuracy(truth, answers),
        "majority": float(np.mean(truth == np.bincount(known.train.targets).argmax())),
        "train_loss": train_loss,
        "train": len(known.train),
        "test": len(truth),
        "classes": len(objective.classes),
        "steps": finished.step,
        "seconds": round(finished.values["seconds"], 3),
    }
    classes = np.array(objective.classes)
    classifier = save_classifier(folder, pupil.head.state_dict(), objective.classes)
    write_json(folder / "metrics.json", metrics)
    rows = {"ids": known.held_out.ids, "labels": classes[truth], "predictions": classes[answers]}
    write_json(folder / "predictions.json", rows | {"interval": interval.as_dict(), "notes": notes})
    card = {
        "name": f"finetuned-{start.name}",
        "made_by": f"cross-entropy on the labels of {len(known.train)} images, from {start.name}",
        "parent": {"name": start.name, "fingerprint": start.fingerprint},
        checksums.RESULTS: checksums.of_files(folder, RESULTS),
        "classifier": classifier,
        "training": {**asdict(settings), **{key: arguments[key] for key in ("layers", "backbone_lr_factor")}},
        "task": {"name": "labels", **asdict(objective)},
        "data": {"name": known.train.name, "images": len(known.train), "content": arguments["images"]},
        "cost": {**cost.as_dict(), "seconds": metrics["seconds"]},
        "scores": metrics,
        "made_with": {"regard": __version__, "torch": str(torch.__version__)},
    }
    Representation(pupil.encoder, start.preprocess, card).save(folder)
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)
    yield Event("done", finished.step, finished.step, metrics, f"wrote {folder}")


@torch.no_grad()
def _answers(pupil: Tuned, held_out: Feed) -> np.ndarray:
    device = next(pupil.parameters()).device
    was, found = pupil.training, []
    pupil.eval()
    for batch in held_out.in_order(128):
        x_NCHW: Tensor = batch.images.to(device).float() / 255
        found.append(pupil.head(pupil.encoder(x_NCHW)).argmax(1).cpu())
    pupil.train(was)
    return torch.cat(found).numpy()
