"""A task is learned from images alone: one training on the one loop, from where the task before ended.

The run folder is that of `create`. Nothing but the folder of the task before says what came earlier: its network, and
its head, which goes on where the objective is the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...core.checks import InputError, bad, check_choice, check_number
from ...core.discover import load
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import derive_seed
from ...core.storage import load_tensors
from ...create.carried_out import carried_out
from ...create.plan import planned
from ...data.sources import open_images
from ...learning.look import look
from ...learning.method_settings import method_settings, typed_settings
from ...learning.objective import Objective, check_objective, objectives
from ...learning.run import HEAD, Run, Watch, watched
from ...learning.settings import TrainSettings, completed
from ...representation import checksums
from ...representation.representation import Representation
from .contract import UnlabelledMethod
from .module import Remembering


@dataclass(frozen=True, eq=False)
class _Start:
    """Where a task starts: a network, and the head of the objective where it has one."""

    representation: Representation
    head: Mapping[str, Tensor] | None
    mark: str
    number: int


def learn_unlabelled(
    images: Any,
    before: Representation | str | Path,
    method: str,
    *,
    out: str | Path,
    watch: Watch | None = None,
    **options: Any,
) -> Representation:
    """Learn a task from images alone, and return what came of it; see `learn_unlabelled_events` for the arguments."""
    watched(learn_unlabelled_events(images, before, method, out=out, **options), watch)
    return Representation.load(Path(out))


def learn_unlabelled_events(
    images: Any,
    before: Representation | str | Path,
    method: str,
    *,
    out: str | Path,
    objective: str = "simclr",
    chosen: Mapping[str, Any] | None = None,
    objective_settings: Mapping[str, Any] | None = None,
    settings: TrainSettings | None = None,
    first: bool | None = None,
    size: int | None = None,
    holdout: float = 0.1,
    keep: str = "last",
    resume: bool = True,
) -> Iterator[Event]:
    """Learn a task from images alone, and yield what happens; the last event is `done`.

    Called again on the same folder with the same arguments it goes on, to the same weights as if it had never stopped.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet` ...; labels are not learned from.
        before: what the first task starts from, by name or folder; later the folder of the task before, or what
            `Representation.load` gave for it. It is not changed. A run of `create` by this objective is a task, too.
        method: of the kind `unlabelled`: finetune, cassle, pfr.
        out: a new or empty folder, or that of the same task.
        objective: of the kind `task`, one that needs no labels. Its head goes on from the task before.
        chosen: the method's settings.
        objective_settings: the objective's.
        settings: length, rate, seed ...; what is left open is as in `create`.
        first: whether nothing was learned before that is to be kept, so that the task is learned plainly; None: true
            where `before` has no head of this objective.
        size: side of the input in pixels; None: as `before` takes them.
        holdout: share of the images that is kept for scoring the objective itself.
        keep: `last` or `best` (by the held-out main score): the weights that become the representation.
        resume: False starts the task anew.

    Raises:
        InputError: unknown names, an objective that learns from labels or that the method cannot go with, a head that
            is of other settings, fewer than 16 images, or `out` holds something else.
        RunError: the training went wrong: NaN, collapse.
    """
    check_choice("--keep", keep, ["last", "best"])
    check_number("--holdout", holdout, 0.01, 0.5)
    kind = load("unlabelled", method)
    made: UnlabelledMethod = kind(**typed_settings(kind, chosen))
    check_objective("objective", objective)
    given = method_settings(objective, objective_settings)
    task: Objective = load("task", objective)(**given)
    if task.needs_labels:
        raise bad("objective", objective, "a task that learns from images alone, such as simclr")
    start = _start(before, objective)
    later = start.head is not None if first is None else not first
    if later and made.remembers:
        _check_foretold(method, made, objective, task, start)
    asked = completed(settings or TrainSettings(), task.weight_decay)
    found = look(open_images(images, argument="IMAGES"))
    arguments = {
        "from": start.representation.fingerprint,
        "head": start.mark,
        "method": method,
        **{f"set {name}": value for name, value in made.__dict__.items()},
        "objective": objective,
        **{f"objective {name}": value for name, value in given.items()},
        "later": later,
        "size": size,
        "holdout": holdout,
        "keep": keep,
        **asked.recipe(),
        "images": found.content,
    }
    run = Run.open(out, arguments, resume)
    if ended := run.finished({"steps": whole()}):
        yield ended
        return
    parent = start.representation
    plan = planned(found, task, parent, asked, backbone=parent.encoder.name, size=size, holdout=holdout)
    module = _module(plan.module(), start, made, later, objective, plan.settings.seed)
    told = {
        "name": f"{method}-{objective}-{start.number:02d}-{plan.backbone}",
        "made_by": f"{method} with {objective} from {len(plan.known.train)} images of {found.images.name}",
        "task": f"learn: {method} ({objective})",
        "training": {
            "objective": objective,
            "method": {"name": method, **made.__dict__},
            "number": start.number,
            "plain": not (later and made.remembers),
        },
    }
    yield from run.logged(carried_out(plan, run, keep, told, module))


def _start(before: Representation | str | Path, objective: str) -> _Start:
    found = before if isinstance(before, Representation) else Representation.load(before)
    training, task = found.card.get("training"), found.card.get("task")
    training = training if isinstance(training, Mapping) else {}
    by = training.get("objective") or (task.get("name") if isinstance(task, Mapping) else task)
    folder, kept = Path(found.loaded_from or ""), found.card.get("head")
    if by != objective or not found.loaded_from or not isinstance(kept, Mapping) or kept.get("file") != HEAD:
        return _Start(found, None, "", 0)
    checksums.check_file(folder, HEAD, str(kept.get("checksum")))
    number = training.get("number", 0)
    return _Start(
        found, load_tensors(folder / HEAD), str(kept["checksum"]), 1 + (number if isinstance(number, int) else 0)
    )


def _check_foretold(method: str, made: UnlabelledMethod, name: str, task: Objective, start: _Start) -> None:
    """Refuse what a method cannot go with."""
    if type(task).players is not Objective.players:
        raise bad("objective", name, f"with {method} a task whose network learns alone", f"{name} has several players.")
    if made.of != "embeddings":
        return
    if type(task).embedder is Objective.embedder:
        fits = [one for one in objectives() if load("task", one).embedder is not Objective.embedder]
        raise bad("objective", name, f"with {method} one of {', '.join(fits)}", "pfr goes with others, too.")
    if start.head is None:
        asked = f"with {method} the folder of a task that was learned by {name}, whose head is kept there"
        raise bad("before", start.representation.name, asked, "pfr needs none; with first=True the task is plain.")


def _module(plain: Any, start: _Start, method: UnlabelledMethod, later: bool, objective: str, seed: int) -> Remembering:
    """The same network and head as `create` has, the head as it was after the task before."""
    head = plain.head
    if start.head is not None:
        try:
            head.load_state_dict(dict(start.head))
        except RuntimeError as error:
            why = str(error).splitlines()[-1].strip()
            raise InputError(
                f"objective_settings: the head of {objective} that the task before left is another: {why} Give the "
                f"settings of the task before, or another objective where the head depends on the images."
            ) from None
    return Remembering(plain.objective, plain.encoder, head, method, later, derive_seed(seed, "task", start.number))
