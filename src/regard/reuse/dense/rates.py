"""The learning rate where the user gives none: three are tried in short runs on a part of the training pictures.

Each rate trains a copy of what is to learn, from the same first weights and on the same batches, on four fifths of the
training pictures, and is judged on the fifth that is left, cut by identity where that is known. The validation and test
pictures are never looked at. A short run is a fifth of the run itself, so three add three fifths to what it costs. The
schedule of a short run is that of a whole one, so that each ends with a rate near 0, as the run itself does.

The best main measure wins. A fifth of a few dozen pictures cannot tell apart what differs by a hundredth, so rates that
come that near to the best are told apart by the head's loss on the same fifth.
"""

import copy
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core import processes
from ...core.checks import RunError, bad, check_number
from ...core.events import Event
from ...core.records import listed, maybe, number, read_record, record, text
from ...core.runtime import derive_seed, torch_rng
from ...core.storage import write_json
from ...data.sampling import hold_out
from ...learning.freezing import Tuned
from ...learning.loop import training
from ...learning.sampling import Shuffled
from ...learning.scored import Scores
from ...learning.settings import TrainSettings
from .feed import DenseFeed
from .model import DenseModel
from .scoring import MAIN, higher, score

FILE = "rates.json"
RATES = (5e-4, 2e-3, 8e-3)  # of the head: the usual one, a quarter of it and four times as much
FEWEST = 50  # steps of a run; of a shorter one a fifth tells nothing
LEAST = 20  # steps of a short run
FIFTH = 5
ALIKE = 0.01  # of the main measure
RECORD = {
    "rate": number(0),
    "note": text,
    "tried": listed(record(rate=number(0), score=maybe(number()), loss=maybe(number()), cause=text)),
}


@dataclass(frozen=True)
class Tried:
    """What one rate came to.

    Attributes:
        rate: of the head.
        score: the main measure on the fifth that was left out; None where nothing tells it, or the run went wrong.
        loss: of the head on the same pictures; None where the run went wrong.
        cause: why it went wrong, else empty.
    """

    rate: float
    score: float | None
    loss: float | None
    cause: str = ""


@dataclass(frozen=True)
class Choice:
    """The rate that is learned with.

    Attributes:
        rate: of the head.
        tried: what each came to, in the order of the rates; empty where nothing was tried.
        note: how it was chosen, or why not, in words.
    """

    rate: float
    tried: tuple[Tried, ...] = ()
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def choose_rate(
    module: Tuned, feed: DenseFeed, settings: TrainSettings, rates: Sequence[float] = RATES, folder: Path | None = None
) -> Generator[Event, None, Choice]:
    """Try rates in short runs; yields a `rate` event for each, and returns the choice.

    Nothing is tried, and the middle rate taken, for a run of fewer than 50 steps, of which a fifth tells nothing; for
    one that is bounded by minutes, which would be longer than was asked for; and where fewer than two pictures, or
    things, could be told apart.

    Args:
        module: what is to learn, as it starts; it is not changed.
        feed: of the training pictures.
        settings: of the run, with its batch size; `lr` is not looked at.
        rates: to be tried, for the head.
        folder: of the run: `rates.json` there keeps what was tried, and after a kill no rate is tried twice. None keeps
            nothing.

    Raises:
        InputError: no rates, or one that is no positive number.
        RunError: the run went wrong with each of them.
    """
    rates = checked_rates(rates)
    if not rates:
        raise bad("rates", "none", "learning rates above 0", f"Such as {', '.join(map(str, RATES))}.")
    middle = sorted(rates)[len(rates) // 2]
    steps = steps_of(settings, len(feed.images))
    learned, judged = _cut(feed, settings.seed)
    without = ""
    if steps is None:
        without = "the run is bounded by minutes"
    elif steps < FEWEST:
        without = f"the run has {steps} steps, fewer than {FEWEST}"
    elif not len(learned) or not len(judged):
        without = "there are too few pictures to leave some out"
    if without or steps is None:
        note = f"No learning rate was chosen, as {without}: {middle:g} was taken."
        return _kept(Choice(middle, (), note), folder)
    few = max(steps // FIFTH, LEAST)
    short = replace(
        settings, epochs=None, steps=few, minutes=None, checkpoint_steps=None, eval_every=few, log_every=few
    )
    short = replace(short, batch=min(settings.batch or 1, len(learned)))
    tried = _read(folder, rates)
    for place, rate in enumerate(rates):
        if place == len(tried):
            tried.append(_try(module, feed, learned, judged, replace(short, lr=rate)))
            _kept(Choice(middle, tuple(tried), "not all were tried yet"), folder)
        one = tried[place]
        known = {name: value for name, value in (("score", one.score), ("loss", one.loss)) if value is not None}
        yield Event("rate", place + 1, len(rates), {"lr": rate, **known}, one.cause)
    objective: Any = module.objective
    best = best_of(tried, higher(objective.what))
    return _kept(_chosen(best, tried, few, len(learned), len(feed.images), len(judged)), folder)


def checked_rates(rates: Sequence[float]) -> tuple[float, ...]:
    """The same as numbers; raises InputError for one that is not above 0, or is given twice."""
    found = tuple(float(check_number("rates", rate, 0, open_low=True)) for rate in rates)
    if len(set(found)) < len(found):
        raise bad("rates", list(found), "each rate once")
    return found


def steps_of(settings: TrainSettings, images: int) -> int | None:
    """How many steps a run of these settings has; None where a clock ends it."""
    if settings.epochs is not None:
        return settings.epochs * (images // (settings.batch or 1))
    return settings.steps


def _cut(feed: DenseFeed, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to learn from and to be judged on, of the pictures that can be used."""
    images = feed.images
    row_of = {name: row for row, name in enumerate(images.ids.tolist())}
    usable = np.array([images.called(row) not in feed.failed for row in range(len(images))])
    good = replace(images, labels=None).subset(usable)  # no rare label of a whole picture stands in the way of a cut
    things = np.unique(good.columns.get("identity", good.ids))
    if len(things) < 2:
        return np.zeros(0, int), np.zeros(0, int)
    learned, judged = (np.array([row_of[name] for name in part.ids.tolist()]) for part in hold_out(good, 0.2, seed)[:2])
    return learned, judged


def _try(module: Tuned, feed: DenseFeed, learned: np.ndarray, judged: np.ndarray, settings: TrainSettings) -> Tried:
    """One short run."""
    trial = copy.deepcopy(module)
    objective: Any = trial.objective
    held_out = feed.images.subset(judged)
    batches = Shuffled(lambda rows: feed(learned[rows]), len(learned), settings.batch, settings.seed, "rates")

    def evaluate() -> Scores:
        head: Any = trial.head
        model = DenseModel(objective, trial.encoder, head, feed.proposals)
        value = score(model, held_out, interval=False).metrics[MAIN[objective.what]]
        known = {} if value is None else {"score": value}
        return Scores({"loss": _loss(trial, feed, judged, settings), **known}, "loss", higher=False)

    found: dict[str, float] = {}
    try:
        for event in training(trial, batches, settings, evaluate=evaluate):
            found = event.values if event.kind == "eval" else found
    except RunError as error:
        return Tried(settings.lr, None, None, str(error))
    if not np.isfinite(found["loss"]):
        return Tried(settings.lr, None, None, "the loss on the pictures left out is not finite")
    return Tried(settings.lr, found.get("score"), found["loss"])


@torch.no_grad()
def _loss(trial: Tuned, feed: DenseFeed, rows: np.ndarray, settings: TrainSettings) -> float:
    """The mean loss on these pictures, unchanged ones; which anchors count is drawn from the seed."""
    device, size, total = next(trial.parameters()).device, settings.batch or 1, 0.0
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        inputs, targets = trial.prepared(
            feed(some, held_out=True).to(device), torch_rng(settings.seed, "judged", start)
        )
        with torch.random.fork_rng([device.index] if device.type == "cuda" else []):
            torch.manual_seed(derive_seed(settings.seed, "judged", start))
            loss, _ = trial.objective.loss(trial.encoder, trial.head, inputs, targets)
        total += float(loss) * len(some)
    return total / len(rows)


def best_of(tried: Sequence[Tried], higher: bool = True) -> Tried:
    """That of the best measure, or of the least loss among those that come near to it.

    Args:
        tried: each rate.
        higher: whether more of the measure is better.

    Raises:
        RunError: each of them went wrong.

    >>> best_of([Tried(5e-4, 0.31, 1.2), Tried(2e-3, 0.505, 1.1), Tried(8e-3, 0.51, 1.4)]).rate
    0.002
    >>> best_of([Tried(5e-4, 0.31, 1.2), Tried(2e-3, 0.12, 1.1)], higher=False).rate
    0.002
    """
    sound = [one for one in tried if one.loss is not None]
    if not sound:
        raise RunError(f"the run went wrong with each learning rate tried: {tried[0].cause}")
    sign = 1 if higher else -1
    most = max((sign * one.score for one in sound if one.score is not None), default=None)
    near = [one for one in sound if most is None or (one.score is not None and sign * one.score >= most - ALIKE)]
    return min(near, key=lambda one: one.loss if one.loss is not None else np.inf)


def _chosen(best: Tried, tried: Sequence[Tried], steps: int, learned: int, every: int, judged: int) -> Choice:
    reached = ", ".join(f"{one.rate:g}: {_told(one)}" for one in tried)
    how = f"runs of {steps} steps on {learned} of the {every} training pictures, judged on {judged}"
    return Choice(best.rate, tuple(tried), f"The learning rate {best.rate:g} was chosen by {how} ({reached}).")


def _told(one: Tried) -> str:
    if one.loss is None:
        return "went wrong"
    return f"loss {one.loss:.3f}" if one.score is None else f"{one.score:.3f}"


def _kept(choice: Choice, folder: Path | None) -> Choice:
    if folder is not None and processes.first():
        write_json(folder / FILE, choice.as_dict())
    return choice


def _read(folder: Path | None, rates: Sequence[float]) -> list[Tried]:
    """What was tried before a kill, as far as it goes."""
    if folder is None or not (folder / FILE).exists():
        return []
    found = read_record(folder / FILE, RECORD)["tried"]
    tried = [Tried(float(one["rate"]), one["score"], one["loss"], one["cause"]) for one in found]
    if [one.rate for one in tried] != list(rates[: len(tried)]):
        raise bad(str(folder / FILE), "other rates", f"those of this run, {', '.join(map(str, rates))}")
    return tried
