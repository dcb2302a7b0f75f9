"""Which player plays a stream by a method's name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.checks import bad, check_choice
from ...core.discover import load, names
from ...data.streams.stream import Stream
from ...learning.method_settings import typed_settings
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from ..learner_files import learner
from ..moving.any_task import Ways
from .adapting import PREFIX, Adapting, check_adapting
from .contract import Player
from .fresh import Fresh
from .frozen import Frozen, FrozenTogether
from .mixed import Mixed, is_mixed
from .moving import Joint, Moving
from .unlabelled import Unlabelled, all_unlabelled

JOINT, FROZEN = "joint", "frozen"  # the bounds


def play_methods(stream: Stream) -> list[str]:
    """The names that can play a stream: methods of the kinds `learn` and `frozen`, and the bounds `joint`, `frozen`.

    Where a task segments or has no labels: methods whose `any_kind` is true, and `frozen`; where none has labels those
    of the kind `unlabelled`, too, of which `finetune` then is one. Beside them there is
    `adapt:NAME` where domains arrive one after another, see `adapting`.
    """
    if is_mixed(stream):
        more = names("unlabelled") if all_unlabelled(stream) else []
        return sorted({FROZEN, *more, *(name for name in names("learn") if load("learn", name).any_kind)})
    return _all()


def plays_mixed(stream: Stream, method: str) -> bool:
    """Whether the scores are those of fresh probes."""
    return is_mixed(stream) and not method.startswith(PREFIX)


def check_player(stream: Stream, method: str, chosen: Mapping[str, Any] | None) -> None:
    """Refuse a method that there is not, that cannot learn some task of the stream, or settings of a bound.

    Raises:
        InputError: one of these; the tasks are named.
    """
    if method.startswith(PREFIX):
        return check_adapting(stream, method)
    check_choice("method", method, sorted({*_all(), *names("unlabelled")}))
    if method not in _all() and not all_unlabelled(stream):
        known = next(task.name for task in stream.tasks if task.labelled)
        got = f"{method!r}, which learns from images alone, and task {known!r} has labels"
        raise bad("method", got, f"one of {', '.join(play_methods(stream))}", "Or put its labels away.")
    if method not in play_methods(stream):
        stream.check_method(method, unlabelled=False, kinds=("classify", "retrieve"))
    if method in (JOINT, FROZEN) and chosen:
        raise bad("chosen", dict(chosen), f"none, as {method} has no settings")


def chosen_player(
    stream: Stream,
    start: Representation,
    method: str,
    chosen: Mapping[str, Any] | None,
    settings: TrainSettings,
    training: Mapping[str, Any],
    ways: Ways,
    fresh: Fresh,
    out: Path,
) -> Player:
    """The player, before it has learned anything.

    Args:
        stream: that is played.
        start: what to start from.
        method: its name, checked.
        chosen: its settings.
        settings: of each training.
        training: further options of `learn_task_events`.
        ways: how tasks of a mixed stream are learned.
        fresh: how they are scored.
        out: the run's folder.
    """
    if method.startswith(PREFIX):
        return Adapting(start, stream, method, chosen)
    if all_unlabelled(stream) and method in names("unlabelled"):
        return Unlabelled(start, method, chosen, fresh, ways, settings, out)
    if plays_mixed(stream, method):
        kind = None if method == FROZEN else load("learn", method)
        made = None if kind is None else kind(**typed_settings(kind, chosen))
        return Mixed(start, made, fresh, ways, settings, out)
    options = {"settings": settings, **training}
    if method == JOINT:
        return Joint(start, stream, options)
    if method == FROZEN:
        return FrozenTogether(start, stream, settings.seed)
    if method in names("learn"):
        return Moving(start, method, {"chosen": chosen, **options})
    return Frozen(start, learner(method, **dict(chosen or {})))


def _all() -> list[str]:
    return sorted({*names("learn"), *names("frozen"), JOINT, FROZEN})
