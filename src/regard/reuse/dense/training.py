"""A dense training whose parts are there: the rate is chosen, it learns, it is scored, and its folder is written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ...core import processes
from ...core.events import Event
from ...core.storage import write_json
from ...data.imageset import ImageSet
from ...learning.freezing import RATES, Tuned
from ...learning.run import Run, Trained, learn, started_from, write
from ...learning.sampling import Shuffled
from ...learning.scored import Scores
from ...learning.settings import TrainSettings
from .apart import SCORES
from .beginning import Beginning
from .examined import Examined, Report, examine
from .feed import DenseFeed
from .model import DenseModel
from .rates import Choice, choose_rate
from .scoring import MAIN, DenseScores, higher, score


@dataclass(frozen=True)
class Ready:
    """All that a training needs.

    Attributes:
        run: its folder.
        module: what learns, with its head.
        begun: what it began with.
        feed: what it learns from.
        val: what it is scored on.
        settings: as they are used.
        keep: `last` weights, or the `best` on `val`.
        notes: what is known already that a reader should know.
        learned: hashes of the pictures that are learned from.
        rates: of which one is chosen; none: that of `settings`.
    """

    run: Run
    module: Tuned
    begun: Beginning
    feed: DenseFeed
    val: ImageSet
    settings: TrainSettings
    keep: str
    notes: tuple[str, ...]
    learned: tuple[str, ...]
    rates: tuple[float, ...]

    def trained(self, report: Report | None) -> Iterator[Event]:
        """Learn and write; the last event is `done`."""
        choice = None
        if self.rates:
            choice = yield from choose_rate(self.module, self.feed, self.settings, self.rates, self.run.folder)
        now = self if choice is None else self._chosen(choice)
        batches = Shuffled(now.feed, len(now.feed.images), now.settings.batch, now.settings.seed)
        done = yield from learn(now.run, now.module, batches, now.settings, now._evaluated, now.keep)
        if processes.first():
            yield now._written(done, choice, report)

    def _chosen(self, choice: Choice) -> "Ready":
        return replace(self, settings=replace(self.settings, lr=choice.rate), notes=(*self.notes, choice.note))

    def _model(self) -> DenseModel:
        objective: Any = self.module.objective
        head: Any = self.module.head
        return DenseModel(objective, self.module.encoder, head, self.feed.proposals)

    def _evaluated(self) -> Scores:
        found = score(self._model(), self.val, interval=False).metrics
        what = self._model().objective.what
        worst = 0.0 if higher(what) else np.inf
        known = {name: value for name, value in found.items() if value is not None}
        return Scores({MAIN[what]: worst, **known}, MAIN[what], higher(what))

    def _written(self, done: Trained, choice: Choice | None, report: Report | None) -> Event:
        run, model, settings = self.run, self._model(), self.settings
        self.module.cpu().eval().to(memory_format=torch.contiguous_format)
        examined: Examined | None = None
        if report is not None:
            found, examined = examine(model, self.val)
        else:
            found = score(model, self.val)
        metrics: dict[str, Any] = {
            **found.metrics,
            "train_loss": done.last.get("loss", np.nan),
            "train": len(self.feed.images) - len(self.feed.failed),
            "val": found.images,
            "steps": done.steps,
            "seconds": round(done.seconds, 3),
        }
        told = {"by_class": found.by_class, "failed": found.failed}
        write_json(run.folder / SCORES, told | {"notes": list(self.notes), "learned": list(self.learned)})
        if report is not None and examined is not None:
            report(run.folder, self.val, found, examined, self._facts(metrics, found), self.notes)
        card, start = self._card(metrics, choice), self.begun.start
        write(run, self.module, start.preprocess, done, metrics, card, settings, self.learned, self.begun.parents)
        return Event("done", done.steps, done.steps, metrics, f"wrote {run.folder}")

    def _card(self, metrics: dict[str, Any], choice: Choice | None) -> dict[str, Any]:
        start, kind, arguments = self.begun.start, self._model().objective.kind, self.run.arguments
        rates = {} if choice is None else {"rates": choice.as_dict()}
        return {
            "name": f"{kind}-{start.name.removeprefix(kind + '-')}",
            "made_by": f"{kind} on the annotations of {metrics['train']} images, from {start.name}",
            "task": "dense",
            "training": {**{name: arguments[name] for name in RATES if name in arguments}, "keep": self.keep, **rates},
            "parent": started_from(start, "", self.settings.seed),
            "data": {
                "name": self.feed.images.name,
                "images": len(self.feed.images),
                "content": arguments["images"],
            },
            "scores": metrics,
            **self.begun.card(),
        }

    def _facts(self, metrics: dict[str, Any], found: DenseScores) -> dict[str, object]:
        objective = self._model().objective
        return {
            "head": objective.kind,
            "from": self.begun.start.name,
            "size": f"{objective.size} pixels",
            "seed": self.settings.seed,
            "pictures": f"{metrics['train']} to learn from, {found.images} to score on",
            "steps": metrics["steps"],
            "seconds": round(metrics["seconds"]),
        }
