"""What of a stream is to be played: the stream of each seed, the methods that can play it, and their settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError, check_choice, check_number
from ..core.discover import load, names
from ..data.imageset import ImageSet
from ..data.streams.described import open_stream
from ..data.streams.stream import Stream
from ..learning.method_settings import setting_names
from ..lifelong.players.adapting import PREFIX as ADAPTING
from ..lifelong.players.choose import JOINT, check_player, play_methods
from ..lifelong.players.mixed import is_mixed
from ..reuse.pairs import readable
from .played import BOUNDS, FROZEN, MOVING, NOTHING_MOVES, kind_of

ALL = "all"
QUICK = ("ncm", "slda", "ridge", "ranpac")  # seconds each, where vectors are known
QUICK_MIXED = (NOTHING_MOVES, "finetune")  # of streams with tasks of several kinds


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be played.

    Attributes:
        streams: by seed.
        methods: in their order.
        left_out: methods that cannot play this stream, with the reason.
        cut: whether seeds draw no order of classes, as the stream was cut already.
        notes: what was set aside.
    """

    streams: Mapping[int, Stream]
    methods: tuple[str, ...]
    left_out: Mapping[str, str]
    cut: bool
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Stream:
        """The stream of the first seed."""
        return next(iter(self.streams.values()))

    @property
    def trains(self) -> bool:
        """Whether any method trains a network."""
        return any(trains(name) for name in self.methods)


def all_methods() -> list[str]:
    """Every method that plays: those on frozen vectors, those whose encoder moves, then the bounds.

    >>> "slda" in all_methods() and "finetune" in all_methods()
    True
    """
    return list(dict.fromkeys([*names("frozen"), *names("learn"), *names("unlabelled"), *BOUNDS]))


def trains(method: str) -> bool:
    """Whether a method trains a network.

    >>> trains("replay"), trains("joint"), trains("ncm")
    (True, True, False)
    """
    return kind_of(method) == MOVING or method == JOINT


def planned(
    source: Stream | str | Path | Callable[[int], Stream],
    methods: Sequence[str] = (),
    *,
    seeds: int = 5,
    seed: int = 0,
    layers: str = "all",
) -> Plan:
    """Open the stream of each seed, and see which methods can play it.

    Args:
        source: as `open_stream` takes it, or what cuts a stream by a seed. Each seed cuts it anew; a `Stream` is cut
            already, and seeds then draw first weights and the order of images alone.
        methods: names, `adapt:NAME`, `all` among them for all; none: `QUICK`, of a stream with tasks of several kinds
            `QUICK_MIXED`. What cannot play is left out of `all`, and refused where it was named.
        seeds: how many.
        seed: the first.
        layers: what of a network learns.

    Raises:
        InputError: no such stream, an unknown method, one that was named and cannot play the stream.
    """
    check_number("--seeds", seeds, 1, whole=True)
    for name in methods:
        if not name.startswith(ADAPTING):
            check_choice("--methods", name, [*all_methods(), ALL], see="regard methods frozen, regard methods learn")
    cut = isinstance(source, Stream)
    streams = {
        one: source(one) if callable(source) else open_stream(source, None if cut else one)
        for one in range(seed, seed + seeds)
    }
    streams, notes = _readable(streams)
    first = streams[seed]
    every = ALL in methods
    asked = all_methods() if every else list(dict.fromkeys(methods)) or (QUICK_MIXED if is_mixed(first) else QUICK)
    left_out = {name: why for name in asked if (why := cannot(first, name, layers))}
    if left_out and not every:
        raise InputError(next(iter(left_out.values())))
    return Plan(streams, tuple(name for name in asked if name not in left_out), left_out, cut, tuple(notes))


def _readable(streams: dict[int, Stream]) -> tuple[dict[int, Stream], list[str]]:
    """The streams without pictures that cannot be read, and a note on each; all seeds cut the same pictures."""
    notes: list[str] = []
    bad: set[str] = set()
    first = next(iter(streams.values()))
    sets = {id(one): one for task in first.tasks for one in (task.train, task.test)}
    marks: dict[int, np.ndarray] = {}
    for key, images in sets.items():
        good, marks[key] = readable(images, notes)
        bad |= set(images.ids.tolist()) - set(good.ids.tolist())
    notes += _equal(first, marks)
    if not bad:
        return streams, list(dict.fromkeys(notes))
    made = {}
    for seed, stream in streams.items():
        left: dict[int, ImageSet] = {}  # chunks of a task share their test part, and go on doing so

        def without(images: ImageSet, left: dict[int, ImageSet] = left) -> ImageSet:
            return left.setdefault(id(images), images.subset(~np.isin(images.ids, sorted(bad))))

        tasks = [replace(task, train=without(task.train), test=without(task.test)) for task in stream.tasks]
        made[seed] = replace(stream, tasks=tuple(tasks))
    return made, list(dict.fromkeys(notes))


def _equal(stream: Stream, marks: Mapping[int, np.ndarray]) -> list[str]:
    """A note where a picture that is scored on is equal to one that is learned from, under whatever ids they are.

    Args:
        stream: of the first seed; other seeds cut the same pictures elsewhere.
        marks: hashes of the pictures of each set, by `id` of the set.
    """
    learned = {mark: task.name for task in reversed(stream.tasks) for mark in marks[id(task.train)].tolist()}
    both: dict[str, list[str]] = {}
    for name, test in stream.tests.items():
        for mark in marks[id(test)].tolist():
            if mark in learned:
                both.setdefault(name, []).append(learned[mark])
    return [
        f"leak? {len(found)} test image(s) of {name} are equal to ones that {found[0]} or a later task learns from."
        for name, found in both.items()
    ]


def cannot(stream: Stream, method: str, layers: str = "all") -> str:
    """Why a method cannot play a stream, or cannot with what learns of the network; "" where it can."""
    if method in names("learn") and load("learn", method).weighs and layers.partition(":")[0] == "lora":
        return f"{method} ties weights to what they were, and --layers {layers} moves others."
    try:
        check_player(stream, method, None)
    except InputError as error:
        return str(error)
    return (
        ""
        if method in play_methods(stream) or method.startswith(ADAPTING)
        else f"{method} does not learn tasks of several kinds."
    )


def settings_of(method: str) -> list[str]:
    """The names of a method's settings.

    >>> settings_of("ncm"), settings_of("lwf")
    (['metric'], ['weight', 'temperature', 'over'])
    """
    kind, _, name = method.rpartition(":")
    if kind_of(method) == FROZEN and name != "none":
        return sorted(load(kind or "frozen", name)().get_params(deep=False))
    own = next((kind for kind in ("learn", "unlabelled") if method in names(kind)), None)
    return [] if own is None else setting_names(load(own, method))


def shared_settings(methods: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each method's share of the settings: those that it has.

    Raises:
        InputError: a setting that no method has.
    """
    known = {name: settings_of(name) for name in methods}
    for setting in chosen:
        check_choice("--set", setting, dict.fromkeys(one for held in known.values() for one in held))
    return {name: {key: value for key, value in chosen.items() if key in held} for name, held in known.items()}
