"""One candidate of a run: trained in a folder of its own, judged without target labels, kept until one is chosen."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core import processes
from ...core.event_log import logged, read_log
from ...core.events import Event
from ...core.runtime import Cost
from ...core.storage import load_tensors, read_json, save_tensors, write_json
from ...learning.batches import Feed
from ...learning.freezing import Tuned
from ...learning.run import EVENTS, Run, Trained, learn
from ...learning.sampling import Batches
from ...learning.scored import Scores
from ...learning.settings import TrainSettings
from ..choose.scorers import SCORERS
from ..choose.select import Judged, judge
from .adapting import Adapting
from .evidence import Said, evidence_of, said
from .looks import FEATURES, look
from .signs import class_entropy, signs

WEIGHTS, FOUND = "arm.safetensors", "arm.json"


@dataclass(frozen=True, eq=False)
class Exam:
    """What candidates are judged on.

    Attributes:
        held, held_labels: source images that none has learned from, and their codes.
        source: source images that are learned from, for density ratios; some of them.
        target: target images.
        truth: (nt,) codes of the target's labels, -1 for a class that the source has not; or None. They give
            `oracle_accuracy`, by which nothing is chosen.
        by: the scorer that chooses.
        scorers: all that are asked in the end.
    """

    held: Feed
    held_labels: np.ndarray
    source: Feed
    target: Feed
    truth: np.ndarray | None
    by: str
    scorers: Sequence[str] = tuple(SCORERS)

    def scores(self, module: Tuned) -> Scores:
        """How a network stands in the middle of its training; the main score is `by`'s, without target labels."""
        target, judged = self.judged("now", module, (self.by,))
        values = {
            self.by: judged.scores[self.by],
            "source_accuracy": judged.source,
            "class_entropy": class_entropy(target.probabilities),
        }
        if self.truth is not None:
            values["oracle_accuracy"] = float(np.mean(target.codes == self.truth))
        return Scores(values, self.by)

    def judged(self, name: str, module: Tuned, scorers: Sequence[str] | None = None) -> tuple[Said, Judged]:
        """What it says of the target, and how it is judged: by all scorers, or by some of them."""
        scorers = self.scorers if scorers is None else scorers
        classes = module.head["classes"]
        held, target = (said(module.encoder, classes, feed) for feed in (self.held, self.target))
        weighed = {"iwv", "dev"} & set(scorers)
        source = said(module.encoder, classes, self.source) if weighed else None
        return target, judge(name, evidence_of(held, self.held_labels, target, source, scorers), scorers)


@dataclass(frozen=True, eq=False)
class Arm:
    """A candidate that is done.

    Attributes:
        name: of the candidate.
        done: what its training gave.
        judged: without target labels.
        probabilities: (nt, K) of the target.
        best: the best accuracy on the target at any of its scorings; None where there is nothing to score with.
        notes: signs that it went wrong.
        folder: where its weights are.
    """

    name: str
    done: Trained
    judged: Judged
    probabilities: np.ndarray
    best: float | None
    notes: tuple[str, ...]
    folder: Path

    def weights(self) -> dict[str, torch.Tensor]:
        """The network and `classes` by name, as they are kept."""
        return {k: v for k, v in load_tensors(self.folder / WEIGHTS).items() if k != "probabilities"}


def run_arm(
    name: str,
    module: Tuned,
    batches: Batches,
    settings: TrainSettings,
    exam: Exam,
    folder: Path,
    arguments: Mapping[str, Any],
    keep: str,
    before: Arm | None = None,
) -> Generator[Event, None, Arm]:
    """Train and judge a candidate, or read what a run that was stopped has kept of it.

    Args:
        name: of the candidate.
        module: encoder and head; with the weights of `before` where it goes on from these.
        batches: what it learns from.
        settings: of the run.
        exam: what it is judged on.
        folder: its own.
        arguments: what makes the run itself.
        keep: which weights: last, or best by the exam's scorer.
        before: what it goes on from; a method that does not learn has its training.
    """
    if (folder / FOUND).exists() and (folder / FEATURES).exists():
        return read_arm(folder)
    folder.mkdir(parents=True, exist_ok=True)
    method = module.objective.method if isinstance(module.objective, Adapting) else None
    if before is not None and method is not None and not method.learns:
        done = replace(before.done, scores={})
    else:
        run = Run(folder, {**arguments, "arm": name})
        told = learn(run, module, batches, settings, lambda: exam.scores(module), keep)
        done = yield from _logged(told, folder)
    if processes.first():
        module.eval()
        if method is not None:
            device = next(module.parameters()).device
            # TARGET in its own order, as it is, without views
            method.settle(
                module.encoder,
                lambda: (batch.images.to(device).float() / 255 for batch in exam.target.in_order(256)),
            )
        _write(name, module, done, exam, folder)
    processes.wait_for_all()
    return read_arm(folder)


def _logged(told: Generator[Event, None, Trained], folder: Path) -> Generator[Event, None, Trained]:
    """Pass a training's events on, kept in the folder's log, and return what it gave."""
    found: list[Trained] = []

    def events() -> Generator[Event, None, None]:
        found.append((yield from told))

    yield from logged(events(), folder / EVENTS) if processes.first() else events()
    return found[0]


def _write(name: str, module: Tuned, done: Trained, exam: Exam, folder: Path) -> None:
    target, judged = exam.judged(name, module)
    events = read_log(folder / EVENTS) if (folder / EVENTS).exists() else []
    seen = [event.values["oracle_accuracy"] for event in events if "oracle_accuracy" in event.values]
    if exam.truth is not None:
        seen.append(float(np.mean(target.codes == exam.truth)))
    kept = {f"encoder.{key}": value for key, value in module.encoder.state_dict().items()}
    kept |= {f"classes.{key}": value for key, value in module.head["classes"].state_dict().items()}
    kept = {key: value.detach().cpu().contiguous() for key, value in kept.items()}
    save_tensors(folder / WEIGHTS, kept | {"probabilities": torch.from_numpy(target.probabilities)})
    look(folder, module.encoder, module.head["classes"], exam.held, exam.source, target)
    write_json(
        folder / FOUND,
        {
            "name": name,
            "trained": {**asdict(done), "last": dict(done.last)},
            "judged": {**asdict(judged), "units": {key: value.tolist() for key, value in judged.units.items()}},
            "best": max(seen, default=None),
            "notes": signs(events, target.probabilities),
        },
    )


def read_arm(folder: Path) -> Arm:
    """Read a candidate that is done from its folder."""
    found = read_json(folder / FOUND)
    trained, judged = found["trained"], found["judged"]
    nan = float("nan")
    last = {key: nan if value is None else value for key, value in trained["last"].items()}
    done = Trained(**{**trained, "last": last, "cost": Cost(**trained["cost"])})
    units = {key: np.array(value) for key, value in judged["units"].items()}
    probabilities = load_tensors(folder / WEIGHTS)["probabilities"].numpy()
    return Arm(
        found["name"],
        done,
        Judged(**{**judged, "units": units}),
        probabilities,
        found["best"],
        tuple(found["notes"]),
        folder,
    )
