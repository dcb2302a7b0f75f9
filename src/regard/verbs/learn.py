"""`regard.learn`: one task after another, learned or forgotten, each in a folder of its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import bad, check_output
from ..core.discover import names
from ..core.records import read_record
from ..core.storage import write_json
from ..core.values import group_codes
from ..data.sources import open_images
from ..learning.run import METRICS, watched
from ..lifelong.frozen_task import FrozenLearned, learn_frozen_events
from ..lifelong.moving.learned import Learned
from ..lifelong.moving.task import learn_task_events
from ..metrics.intervals import Interval, accuracy_interval
from ..report.html import Table
from ..representation.folder_records import read_card
from ..representation.representation import Representation
from ..reuse.pairs import readable
from ._given import Rep, Words, check_machine, given_images, named
from ._learn_given import (
    RECORD,
    Asked,
    Known,
    asked_tasks,
    check_elsewhere,
    given_method,
    given_start,
    given_stream,
    is_done,
    known_of,
    name_of,
    to_forget,
)
from ._result import Progress, Result, verb, watch_of
from ._training import given_settings


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class LearnedTasks(Result):
    """What was learned, or forgotten.

    Attributes:
        out: the folder of the run: of one task its own, of several those below `tasks`.
        method: that learned.
        tasks: of each `name`, `folder`, `images`, `classes`, `new`, `seconds`, `bytes`, and of a stream's `accuracy` on
            its own test part with its interval.
    """

    verb: ClassVar[str] = "learn"
    out: Path
    method: str
    tasks: Sequence[Mapping[str, Any]]

    @property
    def known(self) -> Known:
        """What is known after the last task: `predict(images)`, `representation`, `classes`; read from its folder."""
        return known_of(Path(self.tasks[-1]["folder"]))

    @property
    def representation(self) -> Representation:
        """The representation after the last task, read from its folder."""
        return Representation.load(self.tasks[-1]["folder"])

    def told(self) -> Mapping[str, object]:
        """Where it is, and every task."""
        return {"out": self.out, "method": self.method, "tasks": list(self.tasks)}

    def shown(self) -> Iterator[str | Table]:
        """A row for each task with what it cost, then the notes."""
        yield self.rows()
        for note in self.notes:
            yield f"note: {note}"
        yield f"{self.out}: learned with {self.method}; it goes on with --with {self.out}"

    def rows(self) -> Table:
        """A row for each task."""
        heads = ["task", "images", "classes", "new", "seconds", "bytes kept", "accuracy"]
        rows = []
        for one in self.tasks:
            ends = one["accuracy_low"], one["accuracy_high"]
            said = None if one["accuracy"] is None else str(Interval(one["accuracy"], *ends, one["tested"]))
            cells = [one[key] for key in ("images", "classes", "new", "seconds", "bytes")]
            rows.append([one["name"], *cells, said])
        return Table(heads, rows, f"{self.method}, task by task")


@verb
def learn(
    images: object,
    *,
    out: str | Path,
    with_: Rep = "imagenet",
    method: str | None = None,
    task: str | None = None,
    forget: str | Path | None = None,
    forget_class: Words | None = None,
    set_: Mapping[str, Any] | None = None,
    layers: str | None = None,
    backbone_lr_factor: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    clip: float | None = None,
    no_resume: bool = False,
    precision: str | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> LearnedTasks:
    """Learn one task after others, or take images out again, in a folder of its own.

    Methods of two kinds: those whose encoder moves (`regard methods learn`) and those on frozen vectors (`regard
    methods frozen`). Where `with_` is a run of `learn`, its method goes on, with all classes that it knows. The folder
    it came from is never changed.

    Args:
        images: labelled images, which are one task; or a stream (a TOML file, `builtin:digits_5x2`, a `Stream`), whose
            tasks are learned one after another. It does not take vectors.
        out: a new folder, or that of the same run, which goes on.
        with_: what to start from (`--with`): a name, a folder, a `Representation`, or a run of `learn`.
        method: by name; None: that of the run in `with_`. Another method starts anew on that run's encoder.
        task: the name of one task of a stream.
        forget: a file of ids, one a line: these of `images` are taken out again, to what would be known had they never
            come. Only learners on frozen vectors can.
        forget_class: classes of `images` that are taken out again, with commas between them or as a list.
        set_: settings of the method by name (`--set name=value`).
        layers: what of the network learns: all, head, last:N or lora:R; None: all. This and all down to `precision`,
            but for `no_resume`, are for methods whose encoder moves alone.
        backbone_lr_factor: the network's rate is this times the classifier's; None: 0.1.
        epochs: passes over the task.
        steps: steps, instead of epochs.
        minutes: minutes, instead of epochs.
        batch: images a step; None: from the data.
        lr: highest learning rate, of the classifier; None: 0.002.
        weight_decay: decoupled; None: 0.01.
        clip: longest norm of the gradient.
        no_resume: start anew where a run was stopped.
        precision: auto | fp32 | bf16; None: auto. Learners on frozen vectors take fp32.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it, but for the cut of a stream, which its file says.
        progress: shows the stream of events.

    Raises:
        InputError: no labels, an unknown method, a task that the method cannot learn, an image to be forgotten that was
            not learned, or `out` holds something else.
        RunError: the training went wrong.
    """
    check_output("--out", out, folder=True)
    check_machine(device)
    folder, stream = Path(out), given_stream(images)
    start, notes = given_start(with_)
    check_elsewhere(out, with_)
    method, start, more = given_method(method, start, bool(forget or forget_class))
    notes += more
    trains = method in names("learn")
    given: dict[str, Any] = {"epochs": epochs, "steps": steps, "minutes": minutes, "batch": batch, "lr": lr}
    given |= {"weight_decay": weight_decay, "clip": clip, "precision": precision}
    tuned = {"layers": layers, "backbone_lr_factor": backbone_lr_factor}
    settings, training = given_settings(given, tuned, trains, "--method", device=device, seed=seed)
    options: dict[str, Any] = {"chosen": dict(set_ or {}), "resume": not no_resume}
    if isinstance(start, Learned) and method == name_of(start):  # those that are not said stay as they were
        options["chosen"] = {**asdict(start.method), **options["chosen"]}
    if trains:
        options |= {"settings": settings, **training}
    watch = watch_of(progress, "learn")
    if forget or forget_class:
        chosen = to_forget(images, stream, forget, forget_class)
        tasks = [Asked("forget", chosen, folder)]
        options["forget"] = True
        notes.append(
            f"{named(with_)} still holds what was forgotten, and so do copies of it: delete it to be rid of it."
        )
    elif stream is None:
        if task is not None:
            raise bad("--task", repr(task), "it with a stream", "Name a .toml file or a built-in stream as IMAGES.")
        opened = open_images(given_images("IMAGES", images), argument="IMAGES")
        tasks = [Asked(opened.name, opened, folder)]
    else:
        tasks = asked_tasks(stream, task, folder, method, start)
        notes += stream.notes
    rows: list[dict[str, Any]] = []
    known: Known | Representation = start
    for one in tasks:
        done = is_done(one.folder)
        if trains:
            assert isinstance(known, Learned | Representation)
            events = learn_task_events(one.images, known, method, out=one.folder, **options)
        else:
            assert isinstance(known, FrozenLearned | Representation)
            events = learn_frozen_events(one.images, known, method, out=one.folder, **options)
        watched(events, watch)
        known = known_of(one.folder)
        notes += read_card(one.folder).get("training", {}).get("notes", [])
        notes += [f"{one.name} was learned already."] * done
        rows.append(_row(one, known, notes))
    if stream is not None and task is None and not options.get("forget"):
        write_json(folder / RECORD, {**read_record(folder / RECORD, {}), "finished": True})
    last = rows[-1]
    metrics = {
        "tasks": len(rows),
        "images": sum(one["images"] for one in rows),
        "classes": last["classes"],
        "new": sum(one["new"] for one in rows),
        "bytes": last["bytes"],
        "accuracy": last["accuracy"],
        "accuracy_low": last["accuracy_low"],
        "accuracy_high": last["accuracy_high"],
        "seconds": sum(one["seconds"] for one in rows),
    }
    return LearnedTasks(
        out=folder, method=method, tasks=rows, metrics=metrics, notes=list(dict.fromkeys(map(str, notes)))
    )


def _row(asked: Asked, known: Known, notes: list[str]) -> dict[str, Any]:
    """What a task was and cost, and how well it is known now where it has a test part."""
    told = read_record(asked.folder / METRICS, {})
    row: dict[str, Any] = {
        "name": asked.name,
        "folder": asked.folder,
        "images": told["images"],
        "classes": told["classes"],
        "new": told["new"],
        "seconds": told["seconds"],
        "bytes": sum(known.nbytes.values()),
        "accuracy": None,
        "accuracy_low": None,
        "accuracy_high": None,
        "tested": 0,
    }
    if asked.test is None or asked.test.kind != "classify":
        return row
    test, _ = readable(asked.test.test, notes)
    right = known.predict(test).astype(str) == test.need_labels("TEST", 1).astype(str)
    things = test.columns.get("identity")
    ends = accuracy_interval(right, None if things is None else group_codes(things, "identity")).as_dict()
    more = {"accuracy": ends["mean"], "accuracy_low": ends["low"], "accuracy_high": ends["high"], "tested": len(test)}
    return row | more
