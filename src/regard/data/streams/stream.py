"""A named sequence of tasks with fixed ids and seeds, which can be made longer without changing what is there."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import bad
from ...core.runtime import threads
from ...core.storage import hash_json
from ...core.values import nearest
from ..decode import DecodeError, content_hash, read
from ..imageset import ImageSet
from .task import SHOWN, Task, named


@dataclass(frozen=True, eq=False)
class Stream:
    """Tasks in the order in which they come.

    Classes are numbered in the order in which they come, kind by kind, never by sorting: a longer stream gives the old
    classes their old numbers.

    Attributes:
        name: of the stream.
        tasks: at least one, with different names; the stream fills in which of their classes are new.
        seed: by which they were cut.
        notes: what is to be said: classes that come back, images that were left out.

    Raises:
        InputError: no task, a name twice, an id that is of two pictures, a picture that one task learns from and
            another is scored on, or a class in two parts where neither says that it is the same.
    """

    name: str
    tasks: tuple[Task, ...]
    seed: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.tasks:
            raise bad("tasks", "none", f"at least one task in the stream {self.name!r}")
        names = [task.name for task in self.tasks]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise bad("tasks", f"two that are called {twice[0]!r}", "a different name for each")
        _check_pictures(self.tasks)
        tasks, told = _first_seen(self.tasks)
        object.__setattr__(self, "tasks", tasks)
        object.__setattr__(self, "notes", tuple(dict.fromkeys((*self.notes, *told))))

    def __len__(self) -> int:
        return len(self.tasks)

    def classes(self, kind: str = "classify") -> tuple[str, ...]:
        """The classes of all tasks of a kind, in the order in which they come."""
        return tuple(name for task in self.tasks if task.kind == kind for name in task.new)

    def codes(self, labels: Sequence[str] | np.ndarray, kind: str = "classify") -> np.ndarray:
        """(n,) whole numbers: the place of each label in `classes`, the same in any longer stream.

        Raises:
            InputError: a label that no task of this kind has.
        """
        known = {name: place for place, name in enumerate(self.classes(kind))}
        given = [str(label) for label in labels]
        strange = sorted(set(given) - known.keys())
        if strange:
            got = f"{named(strange)}, which no task of the stream {self.name!r} has"
            raise bad("labels", got, "known classes", nearest(strange, known))
        return np.array([known[label] for label in given], dtype=np.int64)

    @property
    def tests(self) -> dict[str, ImageSet]:
        """What to score on, by the name of the task: a task's test part once, also where it comes in many chunks."""
        return {task.of: task.test for task in self.tasks}

    @property
    def learned(self) -> np.ndarray:
        """(len(tests),) the row after which each of `tests` is learned, as `metrics.continual` asks for it."""
        last = {task.of: row for row, task in enumerate(self.tasks)}
        return np.array([last[name] for name in self.tests], dtype=np.int64)

    def extended(self, *more: "Stream | Task", name: str | None = None) -> "Stream":
        """The stream with further tasks at its end; those that are there, their ids and class numbers stay."""
        tasks = [task for one in more for task in (one.tasks if isinstance(one, Stream) else (one,))]
        notes = [note for one in more if isinstance(one, Stream) for note in one.notes]
        own = tuple(note for note in (*self.notes, *notes) if not note.startswith(_BACK))
        return replace(self, name=name or self.name, tasks=(*self.tasks, *tasks), notes=own)

    def check_method(self, method: str, *, unlabelled: bool, kinds: Collection[str] = ("classify",)) -> None:
        """Refuse a method that cannot learn some task of the stream, before any is learned.

        Args:
            method: its name, for the message.
            unlabelled: whether it can learn from pictures without labels.
            kinds: the kinds of task that it can learn.

        Raises:
            InputError: a task without labels, or of another kind; all such tasks are named.
        """
        other = [task.name for task in self.tasks if task.kind not in kinds]
        if other:
            kind = next(task.kind for task in self.tasks if task.name == other[0])
            got = f"{method!r}, which does not {kind}, as {_tasks(other)} ask{'s' * (len(other) == 1)} for"
            raise bad("method", got, "one that learns each task", "Leave these tasks out, or name another method.")
        without = [] if unlabelled else [task.name for task in self.tasks if not task.labelled]
        if without:
            fix = "Name a method that learns without labels, or give these tasks labels."
            got = f"{method!r}, which learns from labels, that {_tasks(without)} lack{'s' * (len(without) == 1)}"
            raise bad("method", got, "one that can do without labels", fix)

    def told(self) -> dict[str, Any]:
        """Names, numbers and classes, for JSON and cards."""
        rows = [
            {
                "name": task.name,
                "kind": task.kind,
                "labelled": task.labelled,
                "train": len(task.train),
                "test": len(task.test),
                "classes": list(task.classes or ()),
                "new": list(task.new),
                "back": dict(task.back),
                **({"whole": task.whole} if task.whole else {}),
            }
            for task in self.tasks
        ]
        return {"name": self.name, "seed": self.seed, "tasks": rows, "notes": list(self.notes)}

    def content_hash(self) -> str:
        """Hash of all that the tasks hold: names, kinds, ids, labels, and the bytes of each picture.

        Two streams of the same hash ask for the same. Reads each picture once, and what pixels show of tasks that
        segment; one that cannot be read counts as empty.
        """
        known: dict[tuple[int, bool], str] = {}  # the chunks of a task share its test part
        rows = []
        for task in self.tasks:
            parts = []
            for images, shown in ((task.train, task.labelled), (task.test, True)):
                key = (id(images), task.kind == "segment" and shown)
                if key not in known:
                    known[key] = _hash_of(images, key[1])
                parts.append(known[key])
            rows.append([task.name, task.kind, task.labelled, task.whole, list(task.classes or ()), *parts])
        return hash_json([self.name, rows])


_BACK = "Classes that come back"


def _first_seen(tasks: Sequence[Task]) -> tuple[tuple[Task, ...], list[str]]:
    """The tasks with what is new in each and what comes back, and a sentence on that; refuses what is not meant."""
    first: dict[tuple[str, str], Task] = {}
    made, told = [], []
    begun: set[str] = set()
    for task in tasks:
        known = [(name, first[task.kind, name]) for name in task.classes or () if (task.kind, name) in first]
        foreign = [name for name, before in known if before.part != task.part]
        if foreign and not task.again:
            before = first[task.kind, foreign[0]]
            other = "" if task.kind == "segment" else ", or give a prefix, if others are called so too"
            raise bad(
                f"task {task.name!r}",
                f"{named(foreign)}, which {before.name!r} has already",
                "classes of its own",
                f"Say again = true, if they are the same classes{other}.",
            )
        back = tuple((name, before.name) for name, before in known)
        new = tuple(name for name in task.classes or () if (task.kind, name) not in first)
        first |= {(task.kind, name): task for name in new}
        if task.whole not in begun:  # of chunks the first alone
            told += [f"{name!r} in {task.name} (first in {its})" for name, its in back]
        begun |= {task.whole} - {""}
        made.append(replace(task, new=new, back=back))
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return tuple(made), [f"{_BACK}: {', '.join(told[:SHOWN])}{more}."] if told else []


def _check_pictures(tasks: Sequence[Task]) -> None:
    """No id is of two pictures, and no picture is learned from in one task and scored on in another."""
    sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
    files: dict[str, tuple[Path, str]] = {}
    seen: set[tuple[int, int]] = set()  # chunks share their test part
    for task in tasks:
        for place, images in enumerate((task.train, task.test)):
            if (id(images), place) in seen:
                continue
            seen.add((id(images), place))
            side = sides[place]
            for name, item in zip(images.ids.tolist(), () if _late(images) else images.items):
                if isinstance(item, Path) and files.setdefault(name, (item, task.name))[0] != item:
                    got = f"the id {name!r} for {str(item)!r} and, in {files[name][1]!r}, for {str(files[name][0])!r}"
                    raise bad(f"task {task.name!r}", got, "ids that differ", "Give these tasks a prefix.")
            side |= {name: task.name for name in images.ids.tolist() if name not in side}
    both = sides[0].keys() & sides[1].keys()
    if both:
        name = min(both)
        got = f"{len(both)} images that {sides[0][name]!r} learns from and {sides[1][name]!r} is scored on ({name!r})"
        raise bad("tasks", got, "test images that no task learns from", "Cut both by the same test part and seed.")


def _late(images: ImageSet) -> bool:
    return bool(getattr(images.items, "made_late", False))


def _tasks(names: list[str]) -> str:
    return f"task{'s' * (len(names) > 1)} {named(names)}"


def _hash_of(images: ImageSet, mapped: bool) -> str:
    """Hash of a set's ids, labels, pictures and, where they are asked for, what its pixels show."""

    def one(row: int) -> list[str]:
        try:
            found = [content_hash(read(images.items[row]))]
        except DecodeError:
            found = [""]
        if mapped and images.annotations is not None:
            known = images.annotations[row]
            if known.semantic is not None:
                found += [content_hash(known.semantic.values), *known.semantic.classes]
            if known.masks is not None and known.boxes is not None:
                found += [
                    *known.boxes.classes.tolist(),
                    *("" if run is None else content_hash(run) for run in known.masks.runs),
                ]
        return found

    with ThreadPoolExecutor(threads()) as pool:
        pictures = list(pool.map(one, range(len(images))))
    labels = None if images.labels is None else images.labels.tolist()
    return hash_json([images.ids.tolist(), labels, pictures])
