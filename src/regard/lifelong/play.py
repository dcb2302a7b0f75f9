"""A stream is played: a learner learns each task and is scored on all of them after each, which gives a matrix.

A[t, j] is the score on task j after task t (`metrics.continual`): accuracy among all classes that are known by then, of
`retrieve` tasks mean average precision by the vectors as they are then. Two kinds of learner play alike: those whose
encoder moves (kind `learn`), and those on frozen vectors (kind `frozen`), whose vectors are one representation's.

A run folder holds `play.json` (what makes the run itself), `tasks/NN` (what was learned) and `rows/NN.json` (the
matrix's rows, written last). A run that was killed goes on in the task where it was, to the same matrix.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..core.checks import check_choice
from ..core.discover import names
from ..core.events import Event
from ..core.records import anything, listed, mapped, maybe, number, read_record
from ..core.storage import new_folder, plain, write_json
from ..data.imageset import ImageSet
from ..data.streams.stream import Stream
from ..data.streams.task import Task
from ..learning.checkpoint import refuse_other
from ..learning.run import Watch, watched
from ..learning.settings import TrainSettings
from ..metrics.continual import summary
from ..metrics.retrieve import retrieval
from ..representation.representation import Representation
from .frozen._common import Learner
from .learner_files import learner, load_learner, save_learner
from .moving.learned import KEPT, Learned
from .moving.task import learn_task_events, task_folder

ABOUT = "play.json"
ROW = {"scores": listed(maybe(number())), "seconds": number(0), "bytes": mapped(number(0)), "about": mapped(anything)}


@dataclass(frozen=True, eq=False)
class Played:
    """A stream that was played.

    Attributes:
        folder: of the run.
        tasks: the names of what was scored, (tasks,).
        learned: (tasks,) the row after which each is learned.
        A: (rows, tasks) scores, a row for each task or chunk that came.
        seconds: (rows,) to learn each, on a clock; a row that was killed counts from where it went on.
        bytes: (rows,) kept after each for later tasks, without the network itself.
    """

    folder: Path
    tasks: tuple[str, ...]
    learned: np.ndarray
    A: np.ndarray
    seconds: np.ndarray
    bytes: np.ndarray

    @staticmethod
    def load(folder: str | Path) -> "Played":
        """Read what is there of a run, finished or not; rows that are not there are NaN.

        Raises:
            InputError: no such folder, or files that are damaged.
        """
        folder = Path(folder)
        about = read_record(
            folder / ABOUT, {"tests": listed(anything), "learned": listed(number(0)), "rows": number(1)}
        )
        A = np.full((int(about["rows"]), len(about["tests"])), np.nan)
        seconds, kept = np.full(len(A), np.nan), np.full(len(A), np.nan)
        for row in range(len(A)):
            if (file := _row(folder, row)).exists():
                found = read_record(file, ROW)
                A[row] = [np.nan if one is None else one for one in found["scores"]]
                seconds[row], kept[row] = found["seconds"], sum(found["bytes"].values())
        return Played(folder, tuple(about["tests"]), np.array(about["learned"], np.int64), A, seconds, kept)

    @property
    def metrics(self) -> dict[str, float]:
        """Final accuracy, incremental average, transfers and forgetting, with all seconds and the bytes at the end."""
        done = np.flatnonzero(np.isfinite(self.seconds))
        more = {"seconds": float(np.nansum(self.seconds)), "bytes": float(self.bytes[done[-1]])}
        return {**summary(self.A, self.learned), **more}


class _Player(Protocol):
    """One who learns tasks and is asked about images."""

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """Learn a task in its folder, or read it where it is learned."""
        ...

    def predict(self, images: ImageSet) -> np.ndarray:
        """(n,) names of classes."""
        ...

    def vectors(self, images: ImageSet) -> np.ndarray:
        """(n, d)."""
        ...

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Bytes that are kept for later tasks, by what they are."""
        ...


def play(
    stream: Stream,
    method: str,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    watch: Watch | None = None,
    **options: Any,
) -> Played:
    """Play a stream to its end; see `play_events` for the arguments."""
    watched(play_events(stream, method, representation, out=out, **options), watch)
    return Played.load(out)


def play_events(
    stream: Stream,
    method: str,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    chosen: Mapping[str, Any] | None = None,
    settings: TrainSettings | None = None,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    recipe: str = "auto",
) -> Iterator[Event]:
    """Play a stream, and yield what happens: the events of each training, and `played` after each task.

    Args:
        stream: of tasks `classify` and `retrieve`, with labels.
        method: of the kind `learn` or `frozen`.
        representation: what to start from, by name or folder.
        out: a new or empty folder, or that of the same run.
        chosen: the method's settings.
        settings: of each training, as `learn_task_events` takes them; a frozen learner has none. So are the next three.
        layers: what of the network learns.
        backbone_lr_factor: at what share of the classifier's rate.
        recipe: views of the images.

    Raises:
        InputError: an unknown method, a task without labels or one to be segmented, or `out` holds something else.
    """
    moving = names("learn")
    check_choice("method", method, [*moving, *names("frozen")])
    stream.check_method(method, unlabelled=False, kinds=("classify", "retrieve"))
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    asked = settings or TrainSettings()
    training = {"layers": layers, "backbone_lr_factor": backbone_lr_factor, "recipe": recipe}
    about = {
        "stream": stream.content_hash(),
        "method": method,
        "set": dict(chosen or {}),
        "from": start.fingerprint,
        **({**training, **asked.recipe()} if method in moving else {}),
        "tests": list(stream.tests),
        "learned": stream.learned.tolist(),
        "rows": len(stream),
    }
    out = new_folder("--out", out, marker=ABOUT)
    if (out / ABOUT).exists():
        refuse_other("--out", out, read_record(out / ABOUT, {}), about)
    write_json(out / ABOUT, about)
    player: _Player = (
        _Moving(start, method, {"chosen": chosen, "settings": asked, **training})
        if method in moving
        else _Frozen(start, learner(method, **dict(chosen or {})))
    )
    done = 0
    while _row(out, done).exists() and done < len(stream):
        done += 1
    for row, task in enumerate(stream.tasks):
        began = time.monotonic()
        if row < done - 1:
            continue  # the last row that is done says all that came before
        yield from player.learn(task, task_folder(out, row))
        if row < done:
            continue
        seconds = time.monotonic() - began
        scores = [_score(player, one) for one in _scored(stream)]
        told = {"task": task.name, "kind": task.kind}
        write_json(
            _row(out, row),
            plain({"scores": scores, "seconds": seconds, "bytes": dict(player.nbytes), "about": told}),
        )
        known = {f"score {one.of}": score for one, score in zip(_scored(stream), scores) if np.isfinite(score)}
        yield Event("played", row + 1, len(stream), {**known, "seconds": seconds}, task.name)


def _row(out: Path, row: int) -> Path:
    return out / "rows" / f"{row:02d}.json"


def _scored(stream: Stream) -> list[Task]:
    """A task for each test part, in the order of `stream.tests`."""
    return list({task.of: task for task in stream.tasks}.values())


def _score(player: _Player, task: Task) -> float:
    truth = task.test.need_labels("TEST", 1).astype(str)
    if task.kind == "retrieve":
        return retrieval(_directions(player.vectors(task.test)), truth)["map"]
    return float(np.mean(player.predict(task.test).astype(str) == truth))


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Vectors of zeros, as a network that collapsed gives, become alike to one another and to nothing else."""
    return np.column_stack([vectors, (~vectors.any(axis=1)).astype(vectors.dtype)])


class _Moving:
    """A learner whose encoder moves."""

    def __init__(self, start: Representation, method: str, options: Mapping[str, Any]) -> None:
        self.start, self.method, self.options = start, method, options
        self.known: Learned | None = None

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """One training, from the folder before."""
        before: Learned | Representation | Path = self.known or self.start
        previous = folder.parent / f"{int(folder.name) - 1:02d}"
        if self.known is None and (previous / KEPT).exists():
            before = previous
        for event in learn_task_events(task.train, before, self.method, out=folder, **self.options):
            if event.kind != "done":
                yield event
        self.known = Learned.load(folder)

    def predict(self, images: ImageSet) -> np.ndarray:
        """By the method's scores."""
        assert self.known is not None
        return self.known.predict(images)

    def vectors(self, images: ImageSet) -> np.ndarray:
        """Of the network as it is now."""
        assert self.known is not None
        return np.asarray(self.known.representation.embed(images, precision="fp32", cache=False).vectors)

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the memory, the method and an old network."""
        assert self.known is not None
        return self.known.nbytes


class _Frozen:
    """A learner on the vectors of one representation, each computed once."""

    def __init__(self, start: Representation, model: Learner) -> None:
        self.start, self.model = start, model
        self.seen: dict[int, tuple[ImageSet, np.ndarray]] = {}

    def learn(self, task: Task, folder: Path) -> Generator[Event, None, None]:
        """The statistics of a task's vectors join those of the tasks before."""
        file, previous = (
            one / "learner.safetensors" for one in (folder, folder.parent / f"{int(folder.name) - 1:02d}")
        )
        if file.exists():
            self.model = load_learner(file)
            return
        if not hasattr(self.model, "classes_") and previous.exists():
            self.model = load_learner(previous)
        labels = task.train.need_labels("TRAIN", 1).astype(str)
        self.model.partial_fit(self.start.embed(task.train, precision="fp32").vectors, labels)
        folder.mkdir(parents=True, exist_ok=True)
        save_learner(file, self.model)
        yield from ()

    def predict(self, images: ImageSet) -> np.ndarray:
        """The learner's; with one class there is nothing else to say."""
        if len(self.model.classes_) == 1:
            return np.repeat(self.model.classes_, len(images))
        return self.model.predict(self.vectors(images))

    def vectors(self, images: ImageSet) -> np.ndarray:
        """The same after every task."""
        if id(images) not in self.seen:
            self.seen[id(images)] = images, np.asarray(self.start.embed(images, precision="fp32").vectors)
        return self.seen[id(images)][1]

    @property
    def nbytes(self) -> Mapping[str, int]:
        """Of the learner."""
        return {"learner_bytes": self.model.nbytes}
