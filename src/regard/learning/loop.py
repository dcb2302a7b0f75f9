"""The one training loop: a generator of events over steps, for one player or several, that goes on after a kill.

The loop knows no method by name, and no data: it trains a `Trainable` on the batches that it is given. Every random
draw comes from (seed, step), never from a generator that lives on, so that a run which goes on from a checkpoint meets
the same batches, the same views and the same dropout: on one machine, with as many threads, its weights are equal to
the last bit. Only a run bounded by `minutes` is not repeatable to the bit, since its schedule follows the clock; one
that goes on also continues its clock.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from ..core import processes
from ..core.checks import bad
from ..core.events import Event
from ..core.runtime import kept_memory, launch, pick_device, torch_rng
from ..core.storage import save_tensors
from .averaging import Average
from .checkpoint import BEST, CHECKPOINT, load_checkpoint, read_best, read_state, refuse_other, save_checkpoint
from .divergence import Window
from .precision import settle_precision
from .prefetch import ahead
from .sampling import Batches
from .schedules import learning_rate_factor
from .scored import Scores
from .settings import TrainSettings, completed
from .small_maps import small_maps_as_products
from .trainable import Moment, Player, Trainable
from .update import Place, Updates, forget


@dataclass
class Progress:
    """Where a run stands; what a checkpoint keeps beside tensors."""

    step: int = 0
    seconds: float = 0.0
    flat: int = 0
    precision: str = "fp32"
    about: Mapping[str, Any] = field(default_factory=dict)
    best: float | None = None  # the best main score so far, and how many scorings ago that was
    waited: int = 0


def training(
    trainable: Trainable,
    batches: Batches,
    settings: TrainSettings,
    *,
    evaluate: Callable[[], Scores] | None = None,
    folder: Path | None = None,
    about: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Train a module and yield what happens: `start`, `train`, `eval`, `checkpoint`, `done`.

    Args:
        trainable: what learns.
        batches: what it learns from; made in a thread, ahead of the network. So is `prepared`, on a CPU.
        settings: with one of `epochs`, `steps`, `minutes` given.
        evaluate: held-out scores, called without gradients and with the module in evaluation mode; the weights with
            the best main score are kept in `best.safetensors`.
        folder: where checkpoints are; one that is there is gone on from. None keeps nothing.
        about: what else makes this run itself (task, data, ...); a checkpoint of another run is refused.

    Raises:
        InputError: settings that cannot be, or a folder with a checkpoint of another run.
        RunError: the loss or a weight is NaN or infinite, or the features have collapsed.
    """
    yield from _Loop(trainable, batches, settings, evaluate, folder, about or {}).events()


class _Loop:
    """One run: set up when it is made; each method is a phase of a step."""

    def __init__(
        self,
        trainable: Trainable,
        batches: Batches,
        settings: TrainSettings,
        evaluate: Callable[[], Scores] | None,
        folder: Path | None,
        about: Mapping[str, Any],
    ) -> None:
        # the settings name the size, wherever the batches come from: it makes a run itself
        settings = replace(completed(settings, trainable.weight_decay), batch=batches.size)
        self.trainable, self.batches, self.settings, self.evaluate = trainable, batches, settings, evaluate
        self.per_epoch = batches.steps_per_epoch
        self.steps = settings.epochs * self.per_epoch if settings.epochs else settings.steps
        self.limit = settings.minutes * 60 if settings.minutes else None
        if self.steps is None and self.limit is None:
            raise bad("--epochs, --steps, --minutes", "none of them", "one of the three")
        self.saved = folder / CHECKPOINT if folder else None
        self.at = self._where_it_stood({**about, **settings.recipe()})
        # its notes on precision are in the `start` event
        logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
        self.fabric = launch(settings.device, self.at.precision, processes.local_world_size())
        if self.fabric.device.type != "mps":
            trainable.to(memory_format=torch.channels_last)
        # moved before the optimisers look at the parameters
        trainable.to(self.fabric.device)
        self.updates = Updates(self.fabric, trainable, settings)
        self.average = Average(trainable, settings.ema) if settings.ema else None
        self._take_up()
        self.updates.module = self.fabric.setup_module(trainable)
        self.fabric.barrier()
        self.began = time.monotonic() - self.at.seconds
        self.seen, self.counted = Window(self.at.flat), self.at.step
        self.reported = self.noted = time.monotonic()

    def _where_it_stood(self, about: Mapping[str, Any]) -> Progress:
        if self.saved and self.saved.exists():
            state = read_state(self.saved)
            at = Progress(**{key: value for key, value in state.items() if key in Progress.__annotations__})
            refuse_other("--out", self.saved.parent, at.about, about)
            return at
        device = pick_device(self.settings.device)
        precision = settle_precision(
            self.settings.precision, device, self.trainable, lambda: self.batches(0), self.steps
        )
        return Progress(precision=precision, about=about)

    def _take_up(self) -> None:
        """Go on from a checkpoint, and clear what a kill left beside it."""
        if self.saved and self.saved.exists():
            average = self.average.values if self.average else None
            load_checkpoint(self.saved, self.trainable, self.updates.optimisers, average)
        if self.saved and self.fabric.global_rank == 0:
            for left_over in self.saved.parent.glob(f".{CHECKPOINT}.*.tmp"):
                left_over.unlink(missing_ok=True)

    def events(self) -> Iterator[Event]:
        """The run, step by step."""
        settings, at = self.settings, self.at
        every = settings.eval_every or max(1, (self.steps or 10 * self.per_epoch) // 10)
        self.trainable.train()
        yield self._started()
        done = self._share()
        with kept_memory(), small_maps_as_products(self.trainable), closing(ahead(self._moves, at.step)) as feed:
            while done < 1 and not self._has_waited():
                rate = self._step(next(feed), done)
                if self.average:
                    self.average.update(self.trainable, at.step)
                at.step += 1
                done = self._share()
                over = done >= 1
                if at.step % settings.log_every == 0 or over:
                    yield self._report(rate, done)
                if at.step % every == 0 or over:
                    self.seen.check()
                    if event := self._examine(done):
                        yield event
                    if not over and self._has_waited():
                        over = True
                        yield Event("note", at.step, self._ends(done), text=f"stopped early at step {at.step}")
                if self._is_time_to_save(over):
                    self.seen.check()
                    yield self._save(done)
        self.fabric.barrier()
        if self.average:
            self.average.put(self.trainable)
        yield Event("done", at.step, at.step, {"seconds": time.monotonic() - self.began})

    def _moves(self, step: int) -> list[tuple[Player, Place, Any]]:
        """Who moves in a step, and on what; made ahead."""
        batch, found = self.batches(step), []
        for player in (player for player in self.updates.players if step % player.every == 0):
            for place in ((step, player.name, turn, self.fabric.global_rank) for turn in range(player.turns)):
                ready = batch
                if self.fabric.device.type == "cpu":
                    ready = self.trainable.prepared(batch, torch_rng(self.settings.seed, "views", *place))
                found.append((player, place, ready))
        return found

    def _step(self, moves: list[tuple[Player, Place, Any]], done: float) -> float:
        """All moves of one step; returns the learning rate."""
        settings, several = self.settings, len(self.updates.players) > 1
        factor = learning_rate_factor(settings.schedule, done, settings.warmup)
        self.updates.set_rates(factor, self.trainable.decay_factor(min(done, 1.0)))
        now = Moment(self.at.step, min(done, 1.0), self.per_epoch)
        forget(self.updates.optimisers, self.trainable.before_step(now))
        for player, place, batch in moves:
            ready = self.fabric.to_device(batch)
            log = self.updates.move(player, now._replace(player=player.name), ready, place)
            self.seen.add(self.at.step, settings.lr * factor, player.name if several else "", log)
        self.trainable.after_step(now)
        return settings.lr * factor

    def _share(self) -> float:
        """The share of the run that is done."""
        gone = self.at.step / self.steps if self.steps else (time.monotonic() - self.began) / (self.limit or 1.0)
        # all processes must take the same number of steps: the first one's clock counts
        return float(self.fabric.broadcast(gone)) if self.limit and self.fabric.world_size > 1 else gone

    def _ends(self, done: float) -> int:
        """At which step; of a run bounded by minutes, at this speed."""
        return self.steps or round(self.at.step / max(done, 1e-9))

    def _started(self) -> Event:
        at = self.at
        text = f"{self.fabric.device} in {at.precision}" + (f", going on from step {at.step}" if at.step else "")
        values = {"images": self.batches.images, "batch": self.batches.size, "processes": self.fabric.world_size}
        return Event("start", at.step, self.steps or 0, values, text)

    def _report(self, rate: float, done: float) -> Event:
        now, steps = time.monotonic(), self.at.step - self.counted
        speed = steps * self.batches.size / (now - self.reported)
        values = self.seen.report() | {"images_per_second": speed}
        self.reported, self.counted, self.at.flat = now, self.at.step, self.seen.flat
        return Event("train", self.at.step, self._ends(done), {"lr": rate, **values})

    def _examine(self, done: float) -> Event | None:
        """Held-out scores; the best weights by them are kept. Where there is an average, both are of it."""
        if self.evaluate is None or self.fabric.global_rank != 0:
            self._count(None)
            return None
        with self.average.standing_in(self.trainable) if self.average else nullcontext():
            self.trainable.eval()
            try:
                with torch.no_grad(), self.fabric.autocast():
                    scores = self.evaluate()
            finally:
                self.trainable.train()
            # the file itself is the record of the best so far, whatever the checkpoint's step
            if self.saved and scores.main in scores.values and scores.better_than(read_best(self.saved.parent / BEST)):
                text = {"state": json.dumps({"step": self.at.step, "main": scores.main, "score": scores.score})}
                best = {f"module/{name}": value for name, value in self.trainable.state_dict().items()}
                save_tensors(self.saved.parent / BEST, best, text, seal=True)
        self._count(scores)
        return Event("eval", self.at.step, self._ends(done), dict(scores.values))

    def _count(self, scores: Scores | None) -> None:
        """Note how long ago the best score was; the first process, which scores, tells the others."""
        if scores is not None and scores.main in scores.values:
            better = isfinite(scores.score) and scores.better_than(self.at.best)
            self.at.best, self.at.waited = (scores.score, 0) if better else (self.at.best, self.at.waited + 1)
        if self.settings.patience and self.fabric.world_size > 1:
            self.at.waited = int(self.fabric.broadcast(self.at.waited))

    def _has_waited(self) -> bool:
        """Whether the scores have not become better for so long that the run ends."""
        return bool(self.settings.patience and self.at.waited >= self.settings.patience)

    def _is_time_to_save(self, over: bool) -> bool:
        if not self.saved:
            return False
        by_step = self.settings.checkpoint_steps and self.at.step % self.settings.checkpoint_steps == 0
        return bool(over or by_step or time.monotonic() - self.noted >= self.settings.checkpoint_seconds)

    def _save(self, done: float) -> Event:
        self.at.seconds = time.monotonic() - self.began
        if self.saved and self.fabric.global_rank == 0:
            average = self.average.values if self.average else None
            save_checkpoint(self.saved, self.trainable, self.updates.optimisers, asdict(self.at), average)
        self.noted = time.monotonic()
        return Event("checkpoint", self.at.step, self._ends(done), {"seconds": self.at.seconds}, str(self.saved))
