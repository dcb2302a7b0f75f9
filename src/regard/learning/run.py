"""One training run in its folder: opened, gone on from, trained, and written; whatever verb trains, trains here.

A run folder holds `config.json`, `model.safetensors` (timm's `local-dir:` form), `card.json`, `metrics.json`,
`events.jsonl` and `head.safetensors`; while it runs, `run.json` (what makes this run itself) and
`checkpoint.safetensors`, from which it goes on after a kill. The card is written last: a folder with a card is
finished. Of several processes the first one writes.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from .. import __version__
from ..core import processes
from ..core.checks import bad
from ..core.event_log import logged, read_log
from ..core.events import Event
from ..core.leftovers import clear
from ..core.records import Check, check_record, maybe, number, read_record
from ..core.runtime import Cost, measured
from ..core.storage import load_tensors, new_folder, save_tensors, write_json
from ..representation import checksums
from ..representation.classifier import save_classifier
from ..representation.folder_records import read_card
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation
from .checkpoint import BEST, CHECKPOINT, read_state, refuse_other
from .learned import LEARNED, write_learned
from .loop import training
from .module import LearningModule
from .sampling import Batches
from .scored import Scores
from .settings import TrainSettings

HEAD, EVENTS, METRICS = "head.safetensors", "events.jsonl", "metrics.json"
Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class Run:
    """A run's folder.

    Attributes:
        folder: where it is.
        arguments: what makes this run itself; a folder that holds another run is refused.
        results: further files that say what came out, whose checksums the card holds.
    """

    folder: Path
    arguments: Mapping[str, Any]
    results: tuple[str, ...] = ()

    @staticmethod
    def open(
        out: str | Path, arguments: Mapping[str, Any], resume: bool = True, results: tuple[str, ...] = ()
    ) -> "Run":
        """Open a new or empty folder, or that of the same run.

        Args:
            out: the folder.
            arguments: what makes the run itself.
            resume: False starts anew, and deletes what a run left there.
            results: see the class.

        Raises:
            InputError: it holds something else, or another run; or several processes that shall start anew.
        """
        run = Run(Path(out), arguments, results)
        if not processes.first():
            return run
        clear(run.folder)
        new_folder("--out", run.folder, marker="run.json")
        if (run.folder / "run.json").exists() and resume:
            refuse_other("--out", run.folder, read_record(run.folder / "run.json", {}), arguments)
        elif (run.folder / "run.json").exists():
            if processes.world_size() > 1:
                raise bad(
                    "--no-resume", "several processes", "one process", "Delete the folder, or name another --out."
                )
            for name in ("card.json", CHECKPOINT, BEST, EVENTS, *results):
                (run.folder / name).unlink(missing_ok=True)
        write_json(run.folder / "run.json", arguments)
        return run

    def finished(self, needed: Mapping[str, Check]) -> Event | None:
        """The `done` event of a run that is finished already, its figures as they were written; None for others."""
        if not (self.folder / "card.json").exists():
            return None
        checksums.check_results(self.folder, read_card(self.folder), (METRICS, *self.results))
        metrics = read_metrics(self.folder, needed)
        steps = int(metrics["steps"])
        return Event("done", steps, steps, metrics, f"already done: {self.folder}")

    def logged(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass events on, and keep them in the folder's log."""
        yield from logged(events, self.folder / EVENTS) if processes.first() else events


def read_metrics(folder: Path, needed: Mapping[str, Check]) -> dict[str, Any]:
    """The figures of a finished run; raises InputError where one that is needed is missing or no number."""
    metrics = read_record(folder / METRICS, dict(needed))
    return check_record(str(folder / METRICS), metrics, dict.fromkeys(metrics, maybe(number())))


@dataclass
class Trained:
    """What a training gave.

    Attributes:
        steps, seconds: how long it was.
        last: the numbers of the last report: `loss` ...
        scores: held out, of the weights that are kept; empty where none were asked for.
        cost: time and memory.
        precision: fp32 or bf16.
    """

    steps: int = 0
    seconds: float = 0.0
    last: Mapping[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    precision: str = "fp32"


def learn(
    run: Run,
    module: LearningModule,
    batches: Batches,
    settings: TrainSettings,
    evaluate: Callable[[], Scores],
    keep: str = "last",
) -> Generator[Event, None, Trained]:
    """Train, passing on the events but `done`; the module then has the weights that are kept.

    Args:
        run: its folder.
        module: what learns.
        batches: what it learns from.
        settings: length, rate, seed ...
        evaluate: held-out scores.
        keep: `last` weights, or the `best` by the main score.
    """
    # a run that was killed after its last step has no report to come: the last one stands in its log
    log = run.folder / EVENTS
    before = read_log(log) if log.exists() else []
    done = Trained(last=next((event.values for event in before[::-1] if event.kind == "train"), {}))
    with measured() as done.cost:
        for event in training(module, batches, settings, evaluate=evaluate, folder=run.folder, about=run.arguments):
            if event.kind == "done":
                done.steps, done.seconds = event.step, event.values["seconds"]
                continue
            done.last = event.values if event.kind == "train" else done.last
            done.scores = dict(event.values) if event.kind == "eval" else done.scores
            yield event
    if processes.first():
        done.precision = read_state(run.folder / CHECKPOINT)["precision"]
        if keep == "best" and (run.folder / BEST).exists():
            best = load_tensors(run.folder / BEST)
            module.load_state_dict({name.removeprefix("module/"): value for name, value in best.items()})
        module.settle()
        if keep == "best" or not done.scores:
            done.scores = dict(evaluate().values)
    return done


def write(
    run: Run,
    module: LearningModule,
    preprocess: Preprocess,
    done: Trained,
    metrics: Mapping[str, Any],
    card: Mapping[str, Any],
    settings: TrainSettings,
    learned: Iterable[str] = (),
    parent: Representation | Sequence[Representation] | None = None,
    temperature: float | None = None,
) -> None:
    """Write what came out: figures, head, classifier and representation, and last the card; then the checkpoint goes.

    Args:
        run: its folder; the files of `run.results` are there already.
        module: with the weights that are kept.
        preprocess: how pictures are prepared for the encoder.
        done: what the training gave.
        metrics: the figures.
        card: what only this verb can say: `name`, `made_by`, `task` (its name), `training`, `parent`, `data`, `scores`.
        settings: as they were used.
        learned: content hashes of the pictures that the run was given.
        parent: what it started from, several where weights of one were put into another; None: fresh weights.
        temperature: what the classifier's weights are divided by, so that whoever answers by it is calibrated; the
            head stays as it was learned. None: they are as they were learned, too.
    """
    folder, objective, encoder = run.folder, module.objective, module.encoder
    module.cpu().eval().to(memory_format=torch.contiguous_format)
    write_json(folder / METRICS, metrics)
    save_tensors(folder / HEAD, head_tensors(module))
    write_learned(folder, learned, parent)
    written: dict[str, Any] = {
        **card,
        "task": {"name": card["task"], **asdict(objective)},  # type: ignore[call-overload]
        "training": {**asdict(settings), "precision": done.precision, "steps_done": done.steps, **card["training"]},
        "cost": {**done.cost.as_dict(), "seconds": round(done.seconds, 3)},
        "made_with": {"regard": __version__, "torch": str(torch.__version__)},
        "head": {"file": HEAD, "checksum": checksums.checksum(folder / HEAD)},
        checksums.RESULTS: checksums.of_files(folder, [METRICS, LEARNED, *run.results]),
    }
    if objective.classes and isinstance(module.head, torch.nn.Linear):  # one that `predict` can use
        own = dict(module.head.named_parameters(recurse=False))  # without auxiliary heads
        layer = {name: value.detach() / (temperature or 1.0) for name, value in own.items()}
        written["classifier"] = save_classifier(folder, layer, objective.classes)
        if temperature is not None:
            written["classifier"]["temperature"] = temperature
    Representation(encoder, preprocess, written).save(folder)
    for name in (CHECKPOINT, BEST):
        (folder / name).unlink(missing_ok=True)


def head_tensors(module: LearningModule) -> dict[str, torch.Tensor]:
    """The head's weights and buffers by name, without those that it shares with the encoder."""
    shared = {value.data_ptr() for value in module.encoder.state_dict().values() if value.numel()}
    return {k: v.contiguous() for k, v in module.head.state_dict().items() if v.data_ptr() not in shared}


def started_from(start: Representation | None, backbone: str, seed: int) -> Any:
    """What the card calls the parent: the representation that a run began with, or fresh weights by their seed."""
    return {"name": start.name, "fingerprint": start.fingerprint} if start else f"random:{backbone}:{seed}"


def watched(events: Iterable[Event], watch: Watch | None) -> None:
    """Run through the events, wrapped in what watches them, and wait for the other processes."""
    for _ in watch(events) if watch else events:
        pass
    # the first process writes the folder, and the others load what it wrote
    processes.wait_for_all()
