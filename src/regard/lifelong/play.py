"""A stream is played: a learner learns each task and is scored on all of them after each, which gives a matrix.

A[t, j] is the score on task j after task t (`metrics.continual`): accuracy among all classes that are known by then, of
`retrieve` tasks mean average precision by the vectors as they are then. Learners whose encoder moves (kind `learn`),
those on frozen vectors (kind `frozen`) and two bounds play alike (`players`). Where a task segments or has no labels,
scores are those of fresh probes on the encoder (`players.mixed`).

A run folder holds `play.json` (what makes the run itself), `tasks/NN` (what was learned), `vectors/NN.safetensors` (of
test parts, where they are compared later) and `rows/NN.json` (the matrix's rows, written last). A run that was killed
goes on in the task where it was, to the same matrix.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad
from ..core.discover import names
from ..core.events import Event
from ..core.records import anything, listed, mapped, maybe, number, read_record, text
from ..core.storage import new_folder, plain, write_json
from ..data.streams.stream import Stream
from ..learning.checkpoint import refuse_other
from ..learning.run import Watch, watched
from ..learning.settings import TrainSettings
from ..metrics.continual import summary
from ..representation.representation import Representation
from .looks import checked_looks, linear_probe, looked
from .moving.any_task import Ways
from .moving.task import task_folder
from .players.choose import FROZEN, JOINT, check_player, chosen_player, plays_mixed
from .players.contract import Asked, Player, asked_of
from .players.fresh import Fresh
from .players.frozen import OnVectors
from .players.mixed import Mixed

ABOUT = "play.json"
_VALUES = listed(maybe(number()))
ROW = {
    "scores": _VALUES,
    "seconds": number(0),
    "bytes": mapped(number(0)),
    "about": mapped(anything),
    "looks": maybe(mapped(_VALUES)),
}


@dataclass(frozen=True, eq=False)
class Played:
    """A stream that was played.

    Attributes:
        folder: of the run.
        tasks: the names of what was scored, (tasks,).
        learned: (tasks,) the row after which each is learned.
        A: (rows, tasks) scores, a row for each task or chunk that came.
        seconds: (rows,) to learn each, on a clock; a row that was killed counts from where it went on. Learners on
            frozen vectors: without embedding the images, which is done once for all of them.
        bytes: (rows,) kept after each for later tasks, without the network itself.
        looks: (rows, tasks) of each measure of the representation (`looks.LOOKS`), NaN where not measured; none where
            none were asked for.
    """

    folder: Path
    tasks: tuple[str, ...]
    learned: np.ndarray
    A: np.ndarray
    seconds: np.ndarray
    bytes: np.ndarray
    looks: dict[str, np.ndarray] = field(default_factory=dict)

    @staticmethod
    def load(folder: str | Path) -> "Played":
        """Read what is there of a run, finished or not; rows that are not there are NaN.

        Raises:
            InputError: no such folder, or files that are damaged.
        """
        folder = Path(folder)
        about = read_record(
            folder / ABOUT,
            {"tests": listed(anything), "learned": listed(number(0)), "rows": number(1), "looks": maybe(listed(text))},
        )
        A = np.full((int(about["rows"]), len(about["tests"])), np.nan)
        seconds, kept = np.full(len(A), np.nan), np.full(len(A), np.nan)
        looks = {name: np.full_like(A, np.nan) for name in about.get("looks") or ()}
        for row in range(len(A)):
            if (file := _row(folder, row)).exists():
                found = read_record(file, ROW)
                A[row] = _numbers(found["scores"])
                for name, values in looks.items():
                    if name not in (found.get("looks") or {}):
                        raise bad(str(file), f"no {name!r}", "all looks of the run", "Delete it, and play again.")
                    values[row] = _numbers(found["looks"][name])
                seconds[row], kept[row] = found["seconds"], sum(found["bytes"].values())
        return Played(folder, tuple(about["tests"]), np.array(about["learned"], np.int64), A, seconds, kept, looks)

    @property
    def metrics(self) -> dict[str, float]:
        """Final accuracy, incremental average, transfers and forgetting, with all seconds and the bytes at the end.

        Of each of `looks` there is its mean over tasks at the end, `final_probe` and so on.
        """
        done = np.flatnonzero(np.isfinite(self.seconds))
        ends = {name: values[done[-1]] for name, values in self.looks.items()}
        more = {f"final_{name}": float(np.nanmean(one)) for name, one in ends.items() if np.isfinite(one).any()}
        more |= {"seconds": float(np.nansum(self.seconds)), "bytes": float(self.bytes[done[-1]])}
        return {**summary(self.A, self.learned), **more}


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
    looks: bool | Sequence[str] = False,
    pretext: str = "simclr",
    size: int = 128,
    probe_steps: int = 200,
) -> Iterator[Event]:
    """Play a stream, and yield what happens: the events of each training, and `played` after each task.

    Args:
        stream: of tasks of any kind.
        method: of the kind `learn` or `frozen`, or a bound: `joint` (after each task, all that came by then is learned
            in one training from the start) or `frozen` (nothing moves; a linear layer is fitted on all vectors that
            came by then). Where a task segments or has no labels: one that learns any kind, see `play_methods`, or
            where none has labels one of the kind `unlabelled`, with the settings that `create` takes; where
            domains come without labels, `adapt:NAME` of the kind `adapt`, or `adapt:none`.
        representation: what to start from, by name or folder.
        out: a new or empty folder, or that of the same run.
        chosen: the method's settings.
        settings: of each training, as `learn_task_events` takes them; a frozen learner has none. So are the next three.
        layers: what of the network learns.
        backbone_lr_factor: at what share of the classifier's rate.
        recipe: views of the images.
        looks: measures of the representation after each task, some of `looks.LOOKS`; True: all. Each costs a pass over
            the images of all tasks for each row, `probe` over those to learn from as well.
        pretext: by which task of `create` images without labels are learned from.
        size: side of the squares that pictures to be segmented are brought to, in pixels.
        probe_steps: of the linear layer on maps by which such tasks are scored.

    Raises:
        InputError: an unknown method, one that cannot learn some task, or `out` holds something else.
    """
    mixed, moving = plays_mixed(stream, method), names("learn")
    check_player(stream, method, chosen)
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    asked, wanted = settings or TrainSettings(), checked_looks(looks)
    if mixed and "probe" not in wanted:
        wanted = ("probe", *wanted)  # which is the score itself, or next to nothing beside it
    training = {"layers": layers, "backbone_lr_factor": backbone_lr_factor, "recipe": recipe}
    fresh = Fresh(probe_steps, size, asked.seed, asked.device, asked.precision)
    ways = Ways(pretext, size, **training)  # type: ignore[arg-type]
    moves = method in moving or method == JOINT or (mixed and method != FROZEN)
    about = {
        "stream": stream.content_hash(),
        "method": method,
        "set": dict(chosen or {}),
        "from": start.fingerprint,
        **({**training, **asked.recipe()} if moves else {}),
        **({"pretext": pretext} if mixed and moves else {}),
        **({"size": size, "probe_steps": probe_steps} if mixed else {}),
        **({"looks": list(wanted), "seed": asked.seed} if wanted or method == FROZEN else {}),
        "tests": list(stream.tests),
        "learned": stream.learned.tolist(),
        "rows": len(stream),
    }
    player = chosen_player(stream, start, method, chosen, asked, training, ways, fresh, Path(out))
    out = new_folder("--out", out, marker=ABOUT)
    if (out / ABOUT).exists():
        refuse_other("--out", out, read_record(out / ABOUT, {}), about)
    write_json(out / ABOUT, about)
    yield from _rows(stream, player, wanted, fresh, out)


def _rows(stream: Stream, player: Player, wanted: tuple[str, ...], fresh: Fresh, out: Path) -> Iterator[Event]:
    """Each task that has no row yet is learned and scored."""
    done, every = 0, asked_of(stream)
    while _row(out, done).exists() and done < len(stream):
        done += 1
    for row, task in enumerate(stream.tasks):
        if row < done - 1:
            continue  # the last row that is done says all that came before
        if isinstance(player, OnVectors):
            player.vectors(task.train)  # before the clock: who comes first embeds, and a cache serves the others
        began = time.monotonic()
        yield from player.learn(task, task_folder(out, row))
        if row < done:
            continue
        seconds = time.monotonic() - began
        told = _measured(row, every, player, wanted, fresh, out)
        about = {"task": task.name, "kind": task.kind}
        write_json(_row(out, row), plain({**told, "seconds": seconds, "bytes": dict(player.nbytes), "about": about}))
        known = {f"score {one.name}": score for one, score in zip(every, told["scores"]) if np.isfinite(score)}
        yield Event("played", row + 1, len(stream), {**known, "seconds": seconds}, task.name)


def _measured(
    row: int, every: list[Asked], player: Player, wanted: tuple[str, ...], fresh: Fresh, out: Path
) -> dict[str, Any]:
    """A row's scores and looks; of an encoder that never moves, probes are those of the row before."""
    before = read_record(_row(out, row - 1), ROW) if row and not player.moves else None
    probed = isinstance(player, Mixed)
    scores = _numbers(before["scores"]) if before and probed else [player.score(one) for one in every]
    if not wanted:
        return {"scores": scores}

    def probe(place: int, one: Asked) -> float:
        if before:
            return _numbers(before["looks"]["probe"])[place]
        if probed and one.kind != "retrieve":
            return scores[place]
        return linear_probe(one, player, fresh, out)

    return {"scores": scores, "looks": looked(wanted, row, every, player, probe, out)}


def _row(out: Path, row: int) -> Path:
    return out / "rows" / f"{row:02d}.json"


def _numbers(found: Sequence[float | None]) -> list[float]:
    return [np.nan if one is None else one for one in found]
