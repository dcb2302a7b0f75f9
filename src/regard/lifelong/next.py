"""Which existing representation to start from for a new labelled task, by evidence that trains no network.

Candidates are the representations below a folder, `imagenet`, and a random network. The proposal is the best by the
cross-validated probe of `evidence`; k-NN, LogME, H-score and LEEP stand beside it, and decide nothing. Whether it is
ahead of imagenet is said by `metrics.contrast` over the same pictures and cuts, with what learning from few adds. As
the best of several is compared, the interval's level is 1 - 0.05 / (candidates - 1), after Bonferroni, so that all of
them hold at once in 95 of 100 cases.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError, bad, check_number
from ..core.events import Event
from ..core.runtime import pick_device
from ..core.values import group_codes
from ..data.imageset import ImageSet
from ..data.sampling import one_part
from ..data.sources import open_images
from ..metrics.contrast import Difference, contrast
from ..metrics.intervals import TOO_FEW
from ..representation.representation import Representation
from ..reuse.pairs import readable
from .evidence import FOLDS, Evidence, cuts, gather, some
from .lineage import Lineage, read_lineage
from .next_candidates import Candidate, candidates, leaks_of, opened, unseen_heads
from .record import BUNDLED, Record, judged, past_tasks

MOST = 1000  # labelled pictures that are looked at
Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class Proposal:
    """Which representation to start from.

    Attributes:
        evidence: by candidate, the best by the probe first: folders, `imagenet`, `random`.
        what: what each is, in words.
        gains: by candidate but imagenet, its probe minus imagenet's.
        record: how often the evidence was right here.
        leaks: sentences: candidates that have seen pictures of TASK, which was allowed.
        counts: pictures and classes of TASK.
        level: of the intervals of `gains`.
        notes: what a reader should know.
    """

    evidence: Mapping[str, Evidence]
    what: Mapping[str, str]
    gains: Mapping[str, Difference]
    record: Record
    leaks: tuple[str, ...]
    counts: Mapping[str, int]
    level: float
    notes: tuple[str, ...]

    @property
    def best(self) -> str:
        """The best by the probe."""
        return next(iter(self.evidence))

    @property
    def start(self) -> str:
        """What to start from: the best where it is ahead of imagenet beyond chance, else imagenet."""
        return self.best if self.verdict == "gain" else BUNDLED

    @property
    def verdict(self) -> str:
        """Of the best over imagenet; `no gain` where that is imagenet."""
        return "no gain" if self.best == BUNDLED else self.gains[self.best].verdict

    @property
    def sentence(self) -> str:
        """The proposal in one sentence."""
        if self.best == BUNDLED:
            others = f"the best of {len(self.evidence)} candidates by the probe"
            return f"No gain over imagenet: imagenet is {others}; start from it."
        gain = self.gains[self.best]
        points = f"{100 * gain.mean:+.1f} points {gain.told(100, 1, '+')}".replace("-", "−")
        if self.verdict == "gain":
            return f"Start from {self.best}: {points} over imagenet."
        if self.verdict == TOO_FEW:
            return f"Too few to say: {self.best} is {points} over imagenet on so few pictures; start from imagenet."
        return f"No gain over imagenet: {self.best}, the best by the probe, is {points}; start from imagenet."

    def level_with(self) -> list[str]:
        """Candidates that the probe does not tell apart from the best, at 95 % each."""
        first = self.evidence[self.best]
        return [
            name
            for name, one in self.evidence.items()
            if name != self.best and contrast(first.right, one.right, first.units, folds=FOLDS).verdict != "gain"
        ]


def propose(
    task: Any,
    folder: str | Path,
    *,
    past: Sequence[Any] = (),
    most: int = MOST,
    allow_leak: bool = False,
    device: str = "auto",
    seed: int = 0,
    watch: Watch | None = None,
) -> Proposal:
    """Gather evidence for every candidate and say which to start from.

    Args:
        task: labelled pictures, as `open_images` takes them; of one with a column `split`, the part train.
        folder: where representations lie, at any depth.
        past: labelled sets that runs below the folder learned from, to say how often the evidence was right.
        most: labelled pictures that are looked at.
        allow_leak: go on where a candidate has seen pictures of TASK, and tell of it.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of cuts, of the draw of `most`, and of random weights.
        watch: wraps the stream of events.

    Raises:
        InputError: no labels, one class, one picture of each class, no such folder, or a candidate that has seen
            pictures of TASK.
    """
    check_number("--most", most, 10, whole=True)
    place, lineage = pick_device(device), read_lineage(folder)
    notes: list[str] = []
    images, hashes = _labelled(task, "TASK", most, seed, notes)
    labels, groups = images.need_labels("TASK"), _groups(images)
    parts = cuts(labels, groups, seed)
    if groups is not None:
        notes.append("Pictures of one thing are never on both sides of a cut; k-NN does not heed things.")
    lone = int((np.unique(labels, return_counts=True)[1] == 1).sum())
    if lone:
        notes.append(f"{lone} class(es) have one picture, which is learned from and never asked about.")
    wanted = [unseen_heads(one, lineage, hashes, notes) for one in candidates(lineage, notes)]
    leaks = leaks_of(lineage, wanted, images, hashes, notes)
    if leaks and not allow_leak:
        fix = (
            "Take these pictures out of TASK, name another folder, or say --allow-leak, and the answer will tell of it."
        )
        raise bad("TASK", "; ".join(leaks), "pictures that no candidate has learned from", fix)
    earlier, more = past_tasks(lineage)
    notes += more
    asked = [_labelled(one, "--past", None, seed, notes) for one in past]
    found: dict[str, Evidence] = {}
    notes += [f"{one['path']} was set aside: {one['cause']}" for one in lineage.set_aside]
    events = _gathered(wanted, images, parts, groups, place, seed, found, notes)
    for _ in watch(events) if watch else events:
        pass
    sets = [(marks, _Asks(lineage, one, place, seed, most)) for one, marks in asked]
    record = judged(lineage, earlier, sets)
    base = found[BUNDLED]
    level = 1 - 0.05 / max(len(found) - 1, 1)
    gains = {
        name: contrast(one.right, base.right, base.units, folds=FOLDS, level=level)
        for name, one in found.items()
        if name != BUNDLED
    }
    order = sorted(found, key=lambda name: (-float(found[name].right.mean()), name != BUNDLED, name))
    counts = {"labels": len(images), "asked": base.right.shape[1], "classes": len(images.classes)}
    what = {one.name: one.what for one in wanted}
    return Proposal(
        {name: found[name] for name in order},
        {name: what[name] for name in order},
        gains,
        record,
        tuple(leaks),
        counts,
        level,
        (*dict.fromkeys(notes), *record.notes),
    )


class _Asks:
    """Evidence for a start of an earlier task."""

    def __init__(self, lineage: Lineage, images: ImageSet, device: str, seed: int, most: int) -> None:
        self.lineage, self.images, self.device, self.seed, self.most = lineage, images, device, seed, most

    def __call__(self, start: str, rows: np.ndarray) -> Mapping[str, float | None]:
        known = some(self.images.subset(rows), self.most, self.seed)
        groups = _groups(known)
        parts = cuts(known.need_labels("--past"), groups, self.seed)
        folder = self.lineage.root / start
        rep = Representation.load(BUNDLED if start == BUNDLED else folder)
        heads = () if start == BUNDLED else (folder,)
        return gather(rep, known, parts, groups, heads, self.device).scores


def _labelled(given: Any, argument: str, most: int | None, seed: int, notes: list[str]) -> tuple[ImageSet, np.ndarray]:
    """Labelled pictures that can be read, at most so many where `most` is given, and their hashes."""
    opened, told = one_part(open_images(given, argument=argument), "train", argument)
    opened.need_labels(argument)
    notes += told
    chosen = opened if most is None else some(opened, most, seed)
    if len(chosen) < len(opened):
        notes.append(f"{len(chosen)} of {len(opened)} labelled pictures were looked at; --most takes more.")
    images, hashes = readable(chosen, notes)
    images.need_labels(argument)
    return images, hashes


def _groups(images: ImageSet) -> np.ndarray | None:
    things = images.columns.get("identity")
    return None if things is None else group_codes(things, "identity")


def _gathered(
    wanted: Sequence[Candidate],
    images: ImageSet,
    parts: Sequence[Sequence[np.ndarray]],
    groups: np.ndarray | None,
    device: str,
    seed: int,
    found: dict[str, Evidence],
    notes: list[str],
) -> Generator[Event, None, None]:
    """Evidence for each candidate, an event for each."""
    like: Representation | None = None
    prints: dict[str, str] = {}
    for done, one in enumerate(wanted, 1):
        try:
            rep = opened(one, like, seed, device)
            mark = rep.fingerprint
            if mark in prints:
                notes.append(f"{one.name} has the weights of {prints[mark]}: one candidate.")
                continue
            found[one.name] = gather(rep, images, parts, groups, one.folders, device)
            prints[mark] = one.name
            like = rep if like is None and one.folders else like
        except InputError as error:
            if not one.folders:
                raise
            notes.append(f"{one.name} was set aside: {error}")
            continue
        yield Event("next", done, len(wanted), {"probe": float(found[one.name].scores["probe"] or 0.0)}, one.name)
    yield Event("done", len(wanted), len(wanted))
