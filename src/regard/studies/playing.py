"""A stream is played by several methods over several seeds; each play has a folder, so that what is done stays done.

`OUT/METHOD/seed-S` is a run of `lifelong.play`. A study that was stopped goes on in the task where it was; methods and
seeds that are added later are all that is then played.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import RunError, check_choice
from ..core.events import Event
from ..core.records import read_record
from ..core.storage import new_folder, write_json
from ..data.streams.stream import Stream
from ..learning.checkpoint import refuse_other
from ..learning.run import Watch, watched
from ..learning.settings import TrainSettings
from ..lifelong.play import Played, play_events
from ..lifelong.players.adapting import NONE, PREFIX
from ..lifelong.players.mixed import is_mixed
from ..metrics.continual import forward_transfer
from ..representation.representation import Representation
from .play_plan import Plan, settings_of, shared_settings
from .play_words import size
from .played import BOUNDS, NOTHING_MOVES, Method, StreamPlayed

RECORD = "plays.json"
DRAWS = "random_state"
UNADAPTED = f"{PREFIX}{NONE}"  # what methods of adaptation are held against


def play_stream(
    plan: Plan,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    against: str | None = None,
    chosen: Mapping[str, Any] | None = None,
    settings: TrainSettings | None = None,
    watch: Watch | None = None,
    **options: Any,
) -> StreamPlayed:
    """Play a stream by each method and seed, and compare them.

    Args:
        plan: of `planned`.
        representation: what all start from.
        out: a new or empty folder, or that of the same study.
        against: the method that others are compared with; None: finetune where it is played, then a bound, then
            `adapt:none`, then the first.
        chosen: settings; each goes to all methods that have it.
        settings: of trainings.
        watch: sees the events.
        **options: `layers`, `backbone_lr_factor`, `recipe`, `looks` ..., as `play_events` takes them.

    Raises:
        InputError: a setting that no method has, or `out` holds something else.
        RunError: no method came to its end.
    """
    if against is not None:
        check_choice("--against", against, plan.methods)
    first, seeds = plan.first, tuple(plan.streams)
    own = shared_settings(plan.methods, chosen or {})
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    about = {"stream": first.name, "from": start.fingerprint}
    folder = new_folder("--out", out, marker=RECORD)
    if (folder / RECORD).exists():
        refuse_other("--out", folder, read_record(folder / RECORD, {}), about)
    write_json(folder / RECORD, about)
    notes = [*first.notes, *plan.notes]
    if plan.cut and len(seeds) > 1:
        notes.append("The stream was cut already: seeds draw weights and orders of images, and no order of classes.")
    if len(seeds) == 1:
        notes.append("From one seed there is no interval and no verdict: nobody knows what another order would give.")
    done: dict[str, Method] = {}
    failed: dict[str, str] = {}
    watched(_all(plan, start, folder, own, settings or TrainSettings(), options, done, failed), watch)
    if not done:
        raise RunError(f"no method came to its end: {'; '.join(f'{name}: {why}' for name, why in failed.items())}")
    base = against or next((name for name in ("finetune", *BOUNDS, UNADAPTED) if name in done), next(iter(done)))
    if base not in done:
        notes.append(f"{base}, which the others were to be compared with, did not end: {next(iter(done))} is taken.")
        base = next(iter(done))
    kinds = {task.of: task.kind for task in first.tasks}
    return StreamPlayed(
        first.name,
        tuple(first.tests),
        tuple(kinds.values()),
        is_mixed(first),
        start.name,
        seeds,
        _transferred(done) if is_mixed(first) else done,
        base,
        plan.left_out,
        failed,
        notes,
    )


def _all(
    plan: Plan,
    start: Representation,
    folder: Path,
    own: Mapping[str, Mapping[str, Any]],
    settings: TrainSettings,
    options: Mapping[str, Any],
    done: dict[str, Method],
    failed: dict[str, str],
) -> Iterator[Event]:
    """Play all; what ended is put into `done`, and what went wrong on the way into `failed`."""
    total, at = len(plan.methods) * len(plan.streams), 0
    for number, name in enumerate(plan.methods):
        plays: dict[int, Played] = {}
        for place, (seed, stream) in enumerate(plan.streams.items()):
            at = number * len(plan.streams) + place
            where, chosen = folder / name / f"seed-{seed}", dict(own[name])
            if DRAWS in settings_of(name):
                chosen.setdefault(DRAWS, seed)
            asked = {"chosen": chosen, "settings": replace(settings, seed=seed), **options}
            try:
                for event in play_events(stream, name, start, out=where, **asked):
                    yield _told(event, name, seed) if event.kind == "played" else event
            except RunError as error:
                failed[name] = f"seed {seed}: {error}"
                yield Event("plays", at, total, text=f"{name} did not end: {error}")
                break
            plays[seed] = Played.load(where)
            known = plays[seed].metrics
            said = f"final accuracy {100 * known['final_accuracy']:.1f} %, {known['seconds']:.2f} s to learn"
            text = f"{name}, seed {seed}: {said}, {size(known['bytes'])} kept"
            yield Event("plays", at + 1, total, text=text)
        else:
            done[name] = Method(name, plays, {seed: figures(one, plan.streams[seed]) for seed, one in plays.items()})
    yield Event("plays", total, total)


def _transferred(done: Mapping[str, Method]) -> dict[str, Method]:
    """With forward transfer against the encoder as it was at the start, where a player was asked whose never moves.

    Of that one itself there is none: it is what the others are held against.
    """
    base = done.get(NOTHING_MOVES)
    if base is None:
        return dict(done)
    own = {seed: {k: v for k, v in one.items() if k != "forward_transfer"} for seed, one in base.figures.items()}
    found = {NOTHING_MOVES: Method(NOTHING_MOVES, base.plays, own)}
    for name in [name for name in done if name != NOTHING_MOVES]:
        one = done[name]
        more = {
            seed: {**own, "forward_transfer": forward_transfer(one.plays[seed].A, base.plays[seed].A[0], one.learned)}
            for seed, own in one.figures.items()
        }
        found[name] = Method(name, one.plays, more)
    return {name: found[name] for name in done}


def _told(event: Event, name: str, seed: int) -> Event:
    """A task that is learned, with who learned it and how long that took; its scores stand in the matrix."""
    took = event.values["seconds"]
    text = f"{name}, seed {seed}: {event.text} learned in {took:.2f} s"
    return Event(event.kind, event.step, event.steps, {"seconds": took}, text)


def figures(played: Played, stream: Stream) -> dict[str, float]:
    """The measures of one play; forward transfer where tasks were scored before they were learned.

    That is so where no task brings a class of its own: what a guess would give, 1 / classes, is then the score without
    any learning. A class that is not known yet can only be missed, which says nothing of transfer.
    """
    found = dict(played.metrics)
    later = [task for task in stream.tasks if task.of != stream.tasks[0].of]
    if "forward_transfer" not in found and later and all(one.kind == "classify" and not one.new for one in later):
        chance = np.full(len(played.tasks), 1 / len(stream.classes()))
        found["forward_transfer"] = forward_transfer(played.A, chance, played.learned)
    return found
