"""What `regard learn` is given: a stream or one task, where to start from, by which method, what to forget."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..core.checks import bad, check_choice, check_path
from ..core.discover import names
from ..core.reading import read_bytes
from ..core.records import read_record
from ..core.shown import visible
from ..core.storage import new_folder, write_json
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..data.streams.builtin import builtin_stream_names
from ..data.streams.described import BUILTIN, open_stream
from ..data.streams.stream import Stream
from ..data.streams.task import Task
from ..learning.checkpoint import refuse_other
from ..lifelong.frozen_task import LEARNER, FrozenLearned
from ..lifelong.moving.learned import KEPT, Learned
from ..lifelong.moving.task import task_folder
from ..representation.representation import Representation
from ._given import Rep, Words, given_images, several, words

RECORD = "learn.json"  # of a run of several tasks; that of one is the task's own folder
MOST = 2**26  # bytes of a file of ids
Known = Learned | FrozenLearned


@dataclass(frozen=True, eq=False)
class Asked:
    """One task to learn."""

    name: str
    images: ImageSet
    folder: Path
    test: Task | None = None


def given_stream(given: object) -> Stream | None:
    """A stream, where the first argument is one."""
    if isinstance(given, Stream):
        return given
    word = str(given) if isinstance(given, str | Path) else ""
    cut = word.startswith(BUILTIN) and word.removeprefix(BUILTIN) in builtin_stream_names()
    return open_stream(word, argument="IMAGES") if cut or word.lower().endswith(".toml") else None


def given_start(given: Rep) -> tuple[Known | Representation, list[str]]:
    """What a run of `learn` knows after its last task that is done; else the representation."""
    if isinstance(given, Representation):
        return given, []
    folder, notes = Path(given), []
    if (folder / RECORD).is_file():
        told = read_record(folder / RECORD, {})
        done = [place for place in sorted((folder / "tasks").glob("[0-9]*")) if is_done(place)]
        if not done:
            raise bad("--with", repr(str(given)), "a run of which one task is done", "Let it go on first.")
        if not told.get("finished"):
            notes.append(f"{given} did not end: what its first {len(done)} task(s) taught is taken.")
        folder = done[-1]
    if (folder / KEPT).is_file() or (folder / LEARNER).is_file():
        return known_of(folder), notes
    return Representation.load(given), notes


def check_elsewhere(out: str | Path, start: Rep) -> None:
    """Refuse to write where the run to go on from is, as that is never changed."""
    if isinstance(start, str | Path) and Path(start).is_dir():
        here, there = Path(out).expanduser().resolve(), Path(start).expanduser().resolve()
        if here == there or there in here.parents:
            fix = "A run is not changed: what it knows goes on in a folder of its own, such as --out next."
            raise bad("--out", repr(str(out)), f"a folder outside {str(start)!r}, which --with names", fix)


def known_of(folder: Path) -> Known:
    return Learned.load(folder) if (folder / KEPT).is_file() else FrozenLearned.load(folder)


def is_done(folder: Path) -> bool:
    return (folder / "card.json").is_file() and ((folder / KEPT).is_file() or (folder / LEARNER).is_file())


def name_of(known: Known | Representation) -> str | None:
    if isinstance(known, FrozenLearned):
        return known.method
    if isinstance(known, Learned):
        return type(known.method).__module__.rpartition(".")[2]
    return None


def given_method(
    asked: str | None, start: Known | Representation, forget: bool
) -> tuple[str, Known | Representation, list[str]]:
    """The method, what it starts from, and a note where that is another's encoder."""
    own, known = name_of(start), [*names("frozen"), *names("learn")]
    if asked is None and own is None and not forget:
        fix = "Name one: --method slda; `regard methods frozen` and `regard methods learn` list them."
        raise bad("--method", "none", "a method, as --with is no run of learn", fix)
    if asked is not None:
        check_choice("--method", asked, known, see="regard methods frozen, regard methods learn")
    method = asked or str(own)
    if forget:
        if not isinstance(start, FrozenLearned):
            what = "a representation" if own is None else f"a run of {own}, whose weights hold what it learned"
            raise bad(
                "--forget", f"{what} as --with", "a run of a learner on frozen vectors", "No other can forget exactly."
            )
        if method != own:
            raise bad("--method", repr(method), f"{own!r}, by which it was learned", "Leave it out.")
    if own is None or method == own:
        return method, start, []
    assert not isinstance(start, Representation)
    note = (
        f"What --with learned with {own} is left: {method} starts anew on its encoder, and knows none of its classes."
    )
    return method, start.representation, [note]


def asked_tasks(
    stream: Stream, name: str | None, folder: Path, method: str, start: Known | Representation
) -> list[Asked]:
    """The tasks of a stream, or the one that is named, after a look at whether the method can learn each."""
    tasks = {one.name: one for one in stream.tasks}
    chosen = list(tasks.values()) if name is None else [tasks[check_choice("--task", name, tasks)]]
    part = stream if name is None else Stream(stream.name, tuple(chosen), stream.seed)
    part.check_method(method, unlabelled=False, kinds=("classify", "retrieve"))
    trains = [replace(one.train, name=one.name) for one in chosen]  # as cards call them
    if name is not None:
        return [Asked(name, trains[0], folder, chosen[0])]
    about = {
        "verb": "learn",
        "stream": stream.content_hash(),
        "tasks": list(tasks),
        "method": method,
        "from": (start if isinstance(start, Representation) else start.representation).fingerprint,
    }
    new_folder("--out", folder, marker=RECORD)
    if (folder / RECORD).exists():
        before = read_record(folder / RECORD, {})
        refuse_other("--out", folder, {key: value for key, value in before.items() if key != "finished"}, about)
    else:
        write_json(folder / RECORD, {**about, "finished": False})
    return [Asked(one.name, trains[at], task_folder(folder, at), one) for at, one in enumerate(chosen)]


def to_forget(images: object, stream: Stream | None, ids: str | Path | None, classes: Words | None) -> ImageSet:
    """The images whose ids stand in a file, and those of the classes.

    Raises:
        InputError: an id or class that the images lack, or a file that names none.
    """
    if stream is not None:
        raise bad(
            "--forget", f"the stream {stream.name!r}", "labelled images as IMAGES", "Name what its tasks were cut from."
        )
    given = open_images(given_images("IMAGES", images), argument="IMAGES")
    labels = given.need_labels("IMAGES", 1).astype(str)
    chosen = np.zeros(len(given), bool)
    if ids is not None:
        file = check_path("--forget", ids, folder=False)
        lines = read_bytes(file, "a file of ids", MOST).decode("utf-8", "replace").splitlines()
        asked = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
        if not asked:
            raise bad("--forget", f"{str(ids)!r}, which names none", "a file of ids, one a line")
        held = set(given.ids.tolist())
        for one in asked:
            if one not in held:
                check_choice(f"--forget: {visible(str(ids))}", one, held)
        chosen |= np.isin(given.ids, asked)
    for name in [one for each in several(classes or []) for one in words(each)]:
        check_choice("--forget-class", name, np.unique(labels).tolist())
        chosen |= labels == name
    if not chosen.any():
        raise bad("--forget-class", repr(classes), "the name of a class")
    return given.subset(chosen)
