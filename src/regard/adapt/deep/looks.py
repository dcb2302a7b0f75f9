"""What a run keeps to be looked at afterwards: both domains' features before and after, and each candidate's course.

The network that the source alone has taught goes when a run is done; without its features nobody could see what the
adaptation has moved. Of each domain some images are kept, the source's those that none has learned from first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.event_log import read_log
from ...core.events import Event
from ...core.records import anything, listed, mapped, maybe, number, read_record, record, text, whole
from ...core.storage import load_tensors, save_tensors, write_json
from ...learning.batches import Feed
from ...learning.checkpoint import BEST, read_state
from ...learning.run import EVENTS, Trained
from ...representation.checksums import check_results
from ...representation.folder_records import read_card
from ...representation.project2d import rows_to_show
from .evidence import Said, said

FEATURES, CURVES = "features.safetensors", "curves.json"
SHOWN = 300  # images of each domain
POINTS = 200  # of a curve
COLUMNS = mapped(listed(listed(number()), least=2, most=2))
COURSE = record(name=text, steps=whole(), best=maybe(whole()), train=COLUMNS, eval=COLUMNS, cost=mapped(anything))


@dataclass(frozen=True, eq=False)
class Course:
    """How a candidate's training went.

    Attributes:
        name: of the candidate.
        steps: how many it took.
        best: the step with the best score; None where nothing was trained.
        train, eval: numbers by name, each with the (n,) steps at which it was told, in (n,) float.
        cost: `seconds`, `cpu_seconds`, `peak_mib`, None where nothing was trained; `precision`.
    """

    name: str
    steps: int
    best: int | None
    train: Mapping[str, tuple[np.ndarray, np.ndarray]]
    eval: Mapping[str, tuple[np.ndarray, np.ndarray]]
    cost: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Looks:
    """Features of both domains by the network that the source alone has taught, and by the one that is kept.

    Attributes:
        before_source, after_source: (n, D).
        before_target, after_target: (m, D).
        labels: (n,) of the source.
        learned: (n,) whether the source image was learned from.
        rows: (m,) which target images these are.
        before, after: (m,) the class that each network tells of them.
    """

    before_source: np.ndarray
    before_target: np.ndarray
    after_source: np.ndarray
    after_target: np.ndarray
    labels: np.ndarray
    learned: np.ndarray
    rows: np.ndarray
    before: np.ndarray
    after: np.ndarray


class _Some:
    """Some images of a feed."""

    def __init__(self, feed: Feed, rows: np.ndarray) -> None:
        self.feed, self.rows = feed, rows

    def in_order(self, size: int) -> Iterable[Any]:
        """As `Feed.in_order`."""
        return (self.feed(self.rows[at : at + size], held_out=True) for at in range(0, len(self.rows), size))


def look(folder: Path, encoder: nn.Module, classes: nn.Module, held: Feed, source: Feed, target: Said) -> None:
    """Keep what a candidate makes of some images, in its folder.

    Args:
        folder: of the candidate.
        encoder: of its network.
        classes: its classifier.
        held: source images that are not learned from.
        source: source images that are; they fill up what `held` has too few of.
        target: what it says of all target images.
    """
    rows = {"held": rows_to_show(len(held.images), SHOWN)}
    more = min(SHOWN - len(rows["held"]), len(source.images))
    rows["source"] = rows_to_show(len(source.images), more) if more else np.zeros(0, int)
    features, labels, learned = [], [], []
    for name, feed in (("held", held), ("source", source)):
        if len(rows[name]):
            features.append(said(encoder, classes, _Some(feed, rows[name])).features)
            labels.append(np.zeros(len(rows[name]), int) if feed.labels is None else feed.labels.numpy()[rows[name]])
            learned.append(np.full(len(rows[name]), name == "source"))
    seen = rows_to_show(len(target.features), SHOWN)
    kept = {
        "source": np.concatenate(features).astype(np.float32),
        "labels": np.concatenate(labels).astype(np.int64),
        "learned": np.concatenate(learned),
        "target": target.features[seen].astype(np.float32),
        "codes": target.codes[seen].astype(np.int64),
        "rows": seen.astype(np.int64),
    }
    save_tensors(folder / FEATURES, {key: torch.from_numpy(np.ascontiguousarray(one)) for key, one in kept.items()})


def keep_looks(run: Path, before: Path, after: Path, trained: Sequence[tuple[str, Path, Trained]]) -> None:
    """Put what candidates have kept into the run's folder.

    Args:
        run: its folder.
        before: of the source alone.
        after: of the candidate that was chosen.
        trained: each candidate's name, its folder, and what its training gave.
    """
    first, last = (load_tensors(folder / FEATURES) for folder in (before, after))
    found = {f"before_{key}": first[key] for key in ("source", "target", "codes")}
    found |= {f"after_{key}": last[key].clone() for key in ("source", "target", "codes")}
    save_tensors(run / FEATURES, found | {key: first[key] for key in ("labels", "learned", "rows")})
    write_json(run / CURVES, {"candidates": [_course(*one) for one in trained]})


def read_looks(folder: str | Path) -> Looks | None:
    """Read what a finished run has kept; None of a run of an earlier version.

    Raises:
        InputError: files that were changed.
    """
    folder = Path(folder)
    if not (folder / FEATURES).exists():
        return None
    card = read_card(folder)
    check_results(folder, card, (FEATURES,))
    found = {key: value.numpy() for key, value in load_tensors(folder / FEATURES).items()}
    names = np.array(list(card["task"]["classes"]))
    sides = {f"{when}_{side}": found[f"{when}_{side}"] for when in ("before", "after") for side in ("source", "target")}
    return Looks(
        **{key: value.astype(np.float64) for key, value in sides.items()},
        labels=names[found["labels"]],
        learned=found["learned"],
        rows=found["rows"],
        before=names[found["before_codes"]],
        after=names[found["after_codes"]],
    )


def read_courses(folder: str | Path) -> list[Course]:
    """Read how the candidates of a finished run went; none of a run of an earlier version.

    Raises:
        InputError: a file that was changed.
    """
    folder = Path(folder)
    if not (folder / CURVES).exists():
        return []
    check_results(folder, read_card(folder), (CURVES,))
    rows = read_record(folder / CURVES, {"candidates": listed(COURSE)})["candidates"]
    return [
        Course(row["name"], row["steps"], row["best"], _arrays(row["train"]), _arrays(row["eval"]), row["cost"])
        for row in rows
    ]


def _course(name: str, folder: Path, done: Trained) -> dict[str, Any]:
    log = read_log(folder / EVENTS) if (folder / EVENTS).exists() else []
    best = read_state(folder / BEST)["step"] if (folder / BEST).exists() else None
    cost = {**done.cost.as_dict(), "seconds": done.seconds} if log else dict.fromkeys(done.cost.as_dict())
    return {
        "name": name,
        "steps": done.steps,
        "best": best,
        "cost": {**cost, "precision": done.precision},
        **{kind: _columns([one for one in log if one.kind == kind]) for kind in ("train", "eval")},
    }


def _columns(events: Sequence[Event]) -> dict[str, list[list[float]]]:
    """Of each number the steps and its values; of many the means of neighbours."""
    names = dict.fromkeys(name for event in events for name in event.values)
    found = {}
    for name in names:
        told = [(one.step, one.values[name]) for one in events if np.isfinite(one.values.get(name, np.nan))]
        if told:
            parts = np.array_split(np.array(told, float), min(len(told), POINTS))
            found[name] = [[float(part[-1, 0]) for part in parts], [float(part[:, 1].mean()) for part in parts]]
    return found


def _arrays(columns: Mapping[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: (np.array(steps, float), np.array(values, float)) for name, (steps, values) in columns.items()}
