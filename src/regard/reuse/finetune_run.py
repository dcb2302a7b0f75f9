"""A fine-tuning, carried out: trained, scored on the test images, and written into its folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch

from ..core import processes
from ..core.events import Event
from ..core.storage import write_json
from ..core.values import group_codes
from ..data.imageset import ImageSet
from ..learning.batches import Feed
from ..learning.bridge import BRIDGE, KEY, write_bridge
from ..learning.freezing import RATES, Tuned
from ..learning.objective import Split
from ..learning.run import Run, learn, started_from, write
from ..learning.sampling import Shuffled
from ..learning.scored import Scores
from ..learning.settings import TrainSettings
from ..metrics.classify import balanced_accuracy
from ..metrics.intervals import accuracy_interval
from ..representation.representation import Representation
from . import head_first
from .dense.apart import contents
from .dense.beginning import Beginning


def carried_out(
    module: Tuned,
    begun: Beginning,
    known: Split,
    judged: ImageSet,
    settings: TrainSettings,
    run: Run,
    keep: str,
    notes: list[str],
    every: ImageSet,
    cost: Mapping[str, float],
    shown: Sequence[Any],
) -> Iterator[Event]:
    """Train, score on TEST, and write the run folder.

    Args:
        module: what learns.
        begun: what it begins with.
        known: to learn from, and to be scored on.
        judged: what is scored along the way.
        settings: with a batch and a length.
        run: its folder.
        keep: `last` or `best`.
        notes: for the reader of the result.
        every: all that the run was given to learn from.
        cost: of the normalisation's exchange.
        shown: pictures of the bridge.
    """
    objective, classes, start = module.objective, np.array(module.objective.classes), begun.start
    feed, test = (
        Feed(images, start.preprocess, classes=objective.classes, workers=settings.threads)
        for images in (known.train, known.held_out)
    )
    exam = test
    if judged is not known.held_out:
        exam = Feed(judged, start.preprocess, classes=objective.classes, workers=settings.threads)
    wanted, truth = (np.searchsorted(classes, images.need_labels("", 1)) for images in (judged, known.held_out))

    def evaluate() -> Scores:
        return Scores({"accuracy": _accuracy(module, exam, wanted)})

    probe = None
    if head_first.FILE in run.results:
        score = partial(_accuracy, module, test, truth)
        probe = head_first.begin(module, feed, run.folder, settings.seed, settings.device, score)
        scored = f"{probe.accuracy:.3f} on TEST, which has no say in it"
        yield Event("note", text=f"the head begins as a linear probe: accuracy {scored}; penalty {probe.penalty:g}")
    batches = Shuffled(feed, len(known.train), settings.batch, settings.seed)
    done = yield from learn(run, module, batches, settings, evaluate, keep)
    if not processes.first():
        return
    module.cpu().eval().to(memory_format=torch.contiguous_format)
    answers = _answers(module, test)
    things = known.held_out.columns.get("identity")
    interval = accuracy_interval(answers == truth, None if things is None else group_codes(things, "identity"))
    metrics: dict[str, Any] = {
        "accuracy": interval.mean,
        "accuracy_low": interval.as_dict()["low"],
        "accuracy_high": interval.as_dict()["high"],
        "balanced_accuracy": balanced_accuracy(truth, answers),
        "majority": float(np.mean(truth == np.bincount(known.train.targets).argmax())),
        "train_loss": done.last.get("loss", np.nan),
        "train": len(known.train),
        "test": len(truth),
        "classes": len(classes),
        "steps": done.steps,
        "seconds": round(done.seconds, 3),
        **cost,
        **({"probe_accuracy": probe.accuracy} if probe else {}),
    }
    rows = {"ids": known.held_out.ids, "labels": classes[truth], "predictions": classes[answers]}
    write_json(run.folder / "predictions.json", rows | {"interval": interval.as_dict(), "notes": notes})
    if shown:
        yield Event("note", text=f"embeds {len(shown)} pictures with both networks, for indexes of {start.name}")
        made = Representation(module.encoder, start.preprocess)
        embedding = {"precision": settings.precision, "device": settings.device}
        brought = {KEY: write_bridge(run.folder, start, made, shown, **embedding)}
    else:
        brought = {}
        (run.folder / BRIDGE).unlink(missing_ok=True)  # of a run that was here before
    card = {
        "name": f"finetuned-{start.name}",
        "made_by": f"cross-entropy on the labels of {len(known.train)} images, from {start.name}",
        "task": "labels",
        "training": {key: run.arguments[key] for key in RATES if key in run.arguments} | {"keep": keep},
        **({"probe": asdict(probe)} if probe else {}),
        **brought,
        **begun.card(),
        "parent": started_from(start, "", settings.seed),
        "data": {"name": known.train.name, "images": len(known.train), "content": run.arguments["images"]},
        "scores": metrics,
    }
    write(run, module, start.preprocess, done, metrics, card, settings, contents(every), begun.parents)
    yield Event("done", done.steps, done.steps, metrics, f"wrote {run.folder}")


def _accuracy(module: Tuned, feed: Feed, truth: np.ndarray) -> float:
    return float(np.mean(_answers(module, feed) == truth))


@torch.no_grad()
def _answers(module: Tuned, feed: Feed) -> np.ndarray:
    device = next(module.parameters()).device
    was, found = module.training, []
    module.eval()
    for batch in feed.in_order(128):
        x_NCHW = batch.images.to(device).float() / 255
        found.append(module.head(module.encoder(x_NCHW)).argmax(1).cpu())
    module.train(was)
    return torch.cat(found).numpy()
