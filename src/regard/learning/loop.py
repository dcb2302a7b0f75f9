"""The one training loop: a generator of events over steps, for one player or several, that goes on after a kill.

The loop knows no method by name. What it trains is a *game*: a module that holds everything with weights or state and
whose `forward(player, batch, generator)` gives a loss. Every random draw comes from (seed, step), never from a
generator that lives on, so that a run which goes on from a checkpoint meets the same batches, the same views and the
same dropout: on one machine, with as many threads, its weights are equal to the last bit. Only a run bounded by
`minutes` is not repeatable to the bit, since its schedule follows the clock; one that goes on also continues its clock.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from ..core.checks import bad
from ..core.events import Event
from ..core.runtime import derive_seed, kept_memory, launch, numpy_rng, pick_device, torch_rng
from ..core.storage import save_tensors
from .checkpoint import BEST, CHECKPOINT, load_checkpoint, read_state, refuse_other, save_checkpoint
from .divergence import Window
from .precision import settle_precision
from .prefetch import ahead
from .schedules import learning_rate_factor
from .small_maps import small_maps_as_products
from .trainable import Player, Trainable, TrainSettings, completed

# who moves; what its draws are named by (step, player, turn, process); on what
Move: TypeAlias = tuple[Player, tuple[int, str, int, int], Any]

__all__ = ["Trainable", "Player", "Progress", "TrainSettings", "training"]


@dataclass
class Progress:
    """Where a run stands; what a checkpoint keeps beside tensors."""

    step: int = 0
    seconds: float = 0.0
    flat: int = 0
    precision: str = "fp32"
    about: Mapping[str, Any] = field(default_factory=dict)


def training(
    game: Any,
    batches: Callable[[np.ndarray], Any],
    count: int,
    settings: TrainSettings,
    *,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    folder: Path | None = None,
    about: Mapping[str, Any] | None = None,
) -> Iterator[Event]:
    """Train a game and yield what happens: `start`, `train`, `eval`, `checkpoint`, `done`.

    Args:
        game: an `nn.Module` as `Trainable` says.
        batches: makes the batch of some rows (whole numbers below `count`); runs in a thread of its own, ahead of
            the network, and must depend on nothing but the rows. So does the game's `prepared`, on a CPU.
        count: how many rows there are. Each epoch takes them in a new order and leaves out the last part batch.
        settings: with `batch` and one of `epochs`, `steps`, `minutes` given.
        evaluate: held-out scores, called without gradients and with the game in evaluation mode; the weights with
            the highest `accuracy` are kept in `best.safetensors`.
        folder: where checkpoints are; one that is there is gone on from. None keeps nothing.
        about: what else makes this run itself (task, data, ...); a checkpoint of another run is refused.

    Raises:
        InputError: settings that cannot be, or a folder with a checkpoint of another run.
        RunError: the loss or a weight is NaN or infinite, or the features have collapsed.
    """
    batch_size = settings.batch
    if batch_size is None:
        raise bad("--batch", None, "a whole number of at least 1")
    if count < batch_size:
        raise bad("--batch", batch_size, f"at most {count}, as many as there are images to train on")
    settings = completed(settings, game)
    per_epoch = count // batch_size
    steps: int | None = settings.epochs * per_epoch if settings.epochs else settings.steps
    limit = settings.minutes * 60 if settings.minutes else None
    if steps is None and limit is None:
        raise bad("--epochs, --steps, --minutes", "none of them", "one of the three")
    about = {**(about or {}), **settings.recipe()}
    saved = folder / CHECKPOINT if folder else None
    at = Progress(about=about)
    if saved and saved.exists():
        at = Progress(**{key: value for key, value in read_state(saved).items() if key in Progress.__annotations__})
        refuse_other("--out", saved.parent, at.about, about)
    else:
        at.precision = settle_precision(
            settings.precision, pick_device(settings.device), game, lambda: batches(np.arange(batch_size))
        )
    # its notes on precision are in the `start` event
    logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)
    fabric = launch(settings.device, at.precision, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    if fabric.device.type != "mps":
        game.to(memory_format=torch.channels_last)
    # moved before the optimisers look at the parameters
    game.to(fabric.device)
    players = _players(game)
    optimisers = {player.name: player.make_optimiser(settings) for player in players}
    highest = [(group["lr"], group.get("weight_decay", 0.0)) for group in _groups(optimisers)]
    if saved and saved.exists():
        load_checkpoint(saved, game, optimisers)
    if saved and fabric.global_rank == 0:
        for left_over in saved.parent.glob(f".{CHECKPOINT}.*.tmp"):
            left_over.unlink(missing_ok=True)
    module = fabric.setup_module(game)
    fabric.barrier()

    @lru_cache(maxsize=2)
    def order(epoch: int) -> np.ndarray:
        return numpy_rng(settings.seed, "order", epoch).permutation(count)

    def rows(step: int) -> np.ndarray:
        epoch, place = divmod(step, per_epoch)
        here = order(epoch)[place * batch_size : (place + 1) * batch_size]
        return here[fabric.global_rank :: fabric.world_size]

    last_look = getattr(game, "before_update", _nothing)
    prepared = getattr(game, "prepared", None) if fabric.device.type == "cpu" else None

    def moves(step: int) -> list[Move]:
        batch, found = batches(rows(step)), []
        for player in (player for player in players if step % player.every == 0):
            for place in ((step, player.name, turn, fabric.global_rank) for turn in range(player.turns)):
                ready = prepared(batch, torch_rng(settings.seed, "views", *place)) if prepared else batch
                found.append((player, place, ready))
        return found

    began = time.monotonic() - at.seconds
    seen, counted = Window(at.flat), at.step
    since = noted = time.monotonic()
    every = settings.eval_every or max(1, (steps or 10 * per_epoch) // 10)

    def share() -> float:
        gone = at.step / steps if steps else (time.monotonic() - began) / (limit or 1.0)
        # all processes must take the same number of steps: the first one's clock counts
        return float(fabric.broadcast(gone)) if limit and fabric.world_size > 1 else gone

    def ends() -> int:
        # of a run bounded by minutes: where it will end at this speed
        return steps or round(at.step / max(done, 1e-9))

    def keep() -> Event:
        at.seconds = time.monotonic() - began
        if saved and fabric.global_rank == 0:
            save_checkpoint(saved, game, optimisers, asdict(at))
        return Event("checkpoint", at.step, ends(), {"seconds": at.seconds}, str(saved))

    def examine() -> Event | None:
        if evaluate is None or fabric.global_rank != 0:
            return None
        scores = _examined(game, evaluate, fabric)
        if saved and scores.get("accuracy", -1.0) > _best(saved.parent / BEST):
            text = {"state": f'{{"step": {at.step}, "accuracy": {scores["accuracy"]!r}}}'}
            best = {f"module/{name}": value for name, value in game.state_dict().items()}
            save_tensors(saved.parent / BEST, best, text, seal=True)
        return Event("eval", at.step, ends(), scores)

    game.train()
    yield Event(
        "start",
        at.step,
        steps or 0,
        {"images": count, "batch": batch_size, "processes": fabric.world_size},
        f"{fabric.device} in {at.precision}" + (f", going on from step {at.step}" if at.step else ""),
    )
    done = share()
    with kept_memory(), small_maps_as_products(game), closing(ahead(moves, at.step)) as feed:
        while done < 1:
            factor = learning_rate_factor(settings.schedule, done, settings.warmup)
            decayed = getattr(game, "decay_factor", _always)(min(done, 1.0))
            for group, (rate, decay) in zip(_groups(optimisers), highest):
                group["lr"], group["weight_decay"] = rate * factor, decay * decayed
            _forget(optimisers, getattr(game, "before_step", _nothing)(at.step))
            for player, place, batch in next(feed):
                ready = fabric.to_device(batch)
                log = _move(fabric, module, player, players, optimisers, ready, settings, place, last_look)
                seen.add(at.step, settings.lr * factor, player.name if len(players) > 1 else "", log)
            getattr(game, "after_step", _nothing)(at.step)
            at.step += 1
            done = share()
            over = done >= 1
            if at.step % settings.log_every == 0 or over:
                now = time.monotonic()
                values = seen.report() | {"images_per_second": (at.step - counted) * batch_size / (now - since)}
                since, counted, at.flat = now, at.step, seen.flat
                yield Event("train", at.step, ends(), {"lr": settings.lr * factor, **values})
            if at.step % every == 0 or over:
                seen.check()
                event = examine()
                if event:
                    yield event
            by_step = settings.checkpoint_steps and at.step % settings.checkpoint_steps == 0
            if saved and (over or by_step or time.monotonic() - noted >= settings.checkpoint_seconds):
                seen.check()
                yield keep()
                noted = time.monotonic()
    fabric.barrier()
    yield Event("done", at.step, at.step, {"seconds": time.monotonic() - began})


def _nothing(step: int) -> None:
    """The default of the hooks."""


def _always(progress: float) -> float:
    """The default of factors."""
    return 1.0


def _groups(optimisers: Mapping[str, torch.optim.Optimizer]) -> list[dict[str, Any]]:
    return [group for optimiser in optimisers.values() for group in optimiser.param_groups]


def _forget(optimisers: Mapping[str, torch.optim.Optimizer], renewed: Iterable[torch.Tensor] | None) -> None:
    """Drop what optimisers know of parameters that were drawn anew: it is about weights that are gone."""
    for parameter in renewed or ():
        for optimiser in optimisers.values():
            optimiser.state.pop(parameter, None)


def _players(game: Any) -> list[Player]:
    own = getattr(game, "players", None)
    return list(own()) if own else [Player("all", [p for p in game.parameters() if p.requires_grad])]


def _move(
    fabric: Any,
    module: Any,
    player: Player,
    players: list[Player],
    optimisers: dict[str, torch.optim.Optimizer],
    batch: Any,
    settings: TrainSettings,
    place: tuple[int, str, int, int],
    before_update: Callable[[int], object],
) -> dict[str, Any]:
    """One update of one player; returns what it logs, with the loss."""
    alone = len(players) == 1
    if not alone:
        for other in players:
            for parameter in other.parameters:
                parameter.requires_grad_(other is player)
    generator = torch_rng(settings.seed, "views", *place, device=str(fabric.device))
    devices = [fabric.device.index] if fabric.device.type == "cuda" else []
    optimisers[player.name].zero_grad()
    # dropout draws from the global generator: seeded for this step, and given back as it was
    with torch.random.fork_rng(devices), fabric.no_backward_sync(module, enabled=not alone):
        torch.manual_seed(derive_seed(settings.seed, "dropout", *place))
        loss, log = module(player.name, batch, generator)
        fabric.backward(loss)
    if not alone:
        for other in players:
            for parameter in other.parameters:
                parameter.requires_grad_(True)
    if not alone and fabric.world_size > 1:
        # DDP averages by itself only where each step reaches every parameter
        for parameter in player.parameters:
            if parameter.grad is not None:
                parameter.grad = fabric.all_reduce(parameter.grad, reduce_op="mean")
    before_update(place[0])
    if settings.clip:
        torch.nn.utils.clip_grad_norm_(list(player.parameters), settings.clip)
    optimisers[player.name].step()
    # detached, or the graph of each step would be kept until the next report
    return {key: v.detach() if torch.is_tensor(v) else v for key, v in {"loss": loss, **log}.items()}


def _examined(game: Any, evaluate: Callable[[], Mapping[str, float]], fabric: Any) -> dict[str, float]:
    game.eval()
    try:
        with torch.no_grad(), fabric.autocast():
            return dict(evaluate())
    finally:
        game.train()


def _best(path: Path) -> float:
    """The accuracy of the best weights so far; the file itself is the record, whatever the checkpoint's step."""
    return float(read_state(path)["accuracy"]) if path.exists() else -1.0
