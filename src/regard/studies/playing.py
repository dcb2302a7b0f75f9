"""A stream is played by several methods over several seeds; each play has a folder, so that what is done stays done.

`OUT/METHOD/seed-S` is a run of `lifelong.play`. A study that was stopped goes on in the task where it was; methods and
seeds that are added later are all that is then played.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError, RunError, bad, check_choice, check_number
from ..core.discover import load, names
from ..core.events import Event
from ..core.records import read_record
from ..core.storage import new_folder, write_json
from ..data.streams.described import open_stream
from ..data.streams.stream import Stream
from ..learning.checkpoint import refuse_other
from ..learning.method_settings import setting_names
from ..learning.run import Watch, watched
from ..learning.settings import TrainSettings
from ..lifelong.play import Played, play_events
from ..metrics.continual import forward_transfer
from ..representation.representation import Representation
from .played import FROZEN, MOVING, Method, StreamPlayed, kind_of, size

RECORD = "plays.json"
QUICK = ("ncm", "slda", "ridge", "ranpac")  # seconds each, where vectors are known
DRAWS = "random_state"


def all_methods() -> list[str]:
    """Every method that plays: those on frozen vectors, then those whose encoder moves.

    >>> "slda" in all_methods() and "finetune" in all_methods()
    True
    """
    return [*names("frozen"), *names("learn")]


def play_methods(
    source: Stream | str | Path,
    methods: Sequence[str] | None = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    seeds: int = 5,
    seed: int = 0,
    against: str | None = None,
    chosen: Mapping[str, Any] | None = None,
    settings: TrainSettings | None = None,
    watch: Watch | None = None,
    **training: Any,
) -> StreamPlayed:
    """Play a stream by each method and seed, and compare them.

    Args:
        source: as `open_stream` takes it. Each seed cuts it anew; a `Stream` is cut already, and seeds then draw first
            weights and the order of images alone.
        methods: names; None: all that can play this stream, the others are told with the reason.
        representation: what all start from.
        out: a new or empty folder, or that of the same study.
        seeds: how many.
        seed: the first.
        against: the method that others are compared with; None: finetune where it is played, else the first.
        chosen: settings; each goes to all methods that have it.
        settings: of trainings.
        watch: sees the events.
        **training: `layers`, `backbone_lr_factor`, `recipe`, as `play_events` takes them.

    Raises:
        InputError: an unknown method, one that was named and cannot play this stream, a setting that no method has, or
            `out` holds something else.
        RunError: no method came to its end.
    """
    check_number("--seeds", seeds, 1, whole=True)
    known = all_methods()
    asked = known if methods is None else list(dict.fromkeys(methods))
    if not asked:
        raise bad("--methods", "none", "all, or names", f"For example --methods {','.join(QUICK)}.")
    for name in asked:
        check_choice("--methods", name, known, see="regard methods frozen, regard methods learn")
    if against is not None:
        check_choice("--against", against, asked)
    streams = {
        one: open_stream(source, None if isinstance(source, Stream) else one) for one in range(seed, seed + seeds)
    }
    first = streams[seed]
    left_out: dict[str, str] = {}
    for name in asked:
        if said := cannot(first, name, training.get("layers", "all")):
            if methods is not None:
                raise InputError(said)
            left_out[name] = said
    able = [name for name in asked if name not in left_out]
    if not able:
        raise bad(
            "STREAM", f"{first.name!r}, which no method can play", "one that some can", next(iter(left_out.values()))
        )
    own = shared_settings(able, chosen or {})
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    about = {"stream": first.name, "from": start.fingerprint}
    folder = new_folder("--out", out, marker=RECORD)
    if (folder / RECORD).exists():
        refuse_other("--out", folder, read_record(folder / RECORD, {}), about)
    write_json(folder / RECORD, about)
    notes = [*first.notes]
    if isinstance(source, Stream) and seeds > 1:
        notes.append("The stream was cut already: seeds draw weights and orders of images, and no order of classes.")
    if seeds == 1:
        notes.append("From one seed there is no interval and no verdict: nobody knows what another order would give.")
    done: dict[str, Method] = {}
    failed: dict[str, str] = {}
    events = _all(streams, able, start, folder, own, settings or TrainSettings(), training, done, failed)
    watched(events, watch)
    if not done:
        raise RunError(f"no method came to its end: {'; '.join(f'{name}: {why}' for name, why in failed.items())}")
    base = against or ("finetune" if "finetune" in done else next(iter(done)))
    if base not in done:
        notes.append(f"{base}, which the others were to be compared with, did not end: {next(iter(done))} is taken.")
        base = next(iter(done))
    kinds = {task.of: task.kind for task in first.tasks}
    return StreamPlayed(
        first.name,
        tuple(first.tests),
        tuple(kinds.values()),
        start.name,
        tuple(streams),
        done,
        base,
        left_out,
        failed,
        notes,
    )


def cannot(stream: Stream, method: str, layers: str = "all") -> str:
    """Why a method cannot play a stream, or cannot with what learns of the network; "" where it can."""
    if kind_of(method) == MOVING and load("learn", method).weighs and layers.partition(":")[0] == "lora":
        return f"{method} ties weights to what they were, and --layers {layers} moves others."
    try:
        stream.check_method(method, unlabelled=False, kinds=("classify", "retrieve"))
    except InputError as error:
        return str(error)
    return ""


def settings_of(method: str) -> list[str]:
    """The names of a method's settings.

    >>> settings_of("ncm"), settings_of("lwf")
    (['metric'], ['weight', 'temperature', 'over'])
    """
    if kind_of(method) == FROZEN:
        return sorted(load("frozen", method)().get_params(deep=False))
    return setting_names(load("learn", method)) if kind_of(method) == MOVING else []


def shared_settings(methods: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each method's share of the settings: those that it has.

    Raises:
        InputError: a setting that no method has.
    """
    known = {name: settings_of(name) for name in methods}
    for setting in chosen:
        check_choice("--set", setting, dict.fromkeys(one for held in known.values() for one in held))
    return {name: {key: value for key, value in chosen.items() if key in held} for name, held in known.items()}


def _all(
    streams: Mapping[int, Stream],
    methods: Sequence[str],
    start: Representation,
    folder: Path,
    own: Mapping[str, Mapping[str, Any]],
    settings: TrainSettings,
    training: Mapping[str, Any],
    done: dict[str, Method],
    failed: dict[str, str],
) -> Iterator[Event]:
    """Play all; what ended is put into `done`, and what went wrong on the way into `failed`."""
    total, at = len(methods) * len(streams), 0
    for number, name in enumerate(methods):
        plays: dict[int, Played] = {}
        for place, (seed, stream) in enumerate(streams.items()):
            at = number * len(streams) + place
            chosen = dict(own[name])
            if DRAWS in settings_of(name):
                chosen.setdefault(DRAWS, seed)
            options: dict[str, Any] = {"chosen": chosen}
            if kind_of(name) == MOVING:
                options |= {"settings": replace(settings, seed=seed), **training}
            try:
                for event in play_events(stream, name, start, out=folder / name / f"seed-{seed}", **options):
                    yield _told(event, name, seed) if event.kind == "played" else event
            except RunError as error:
                failed[name] = f"seed {seed}: {error}"
                yield Event("plays", at, total, text=f"{name} did not end: {error}")
                break
            plays[seed] = Played.load(folder / name / f"seed-{seed}")
            known = plays[seed].metrics
            said = f"final accuracy {100 * known['final_accuracy']:.1f} %, {known['seconds']:.2f} s to learn"
            text = f"{name}, seed {seed}: {said}, {size(known['bytes'])} kept"
            yield Event("plays", at + 1, total, text=text)
        else:
            done[name] = Method(name, plays, {seed: figures(one, streams[seed]) for seed, one in plays.items()})
    yield Event("plays", total, total)


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
