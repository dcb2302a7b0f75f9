"""How often the evidence was right here: whether the best start by evidence was best by score, of earlier tasks.

The cards below a folder hold what fine-tuned runs scored. Runs of one task have the same data (pictures, labels and
test part, by the hash in their cards) and trained the same layers; where they began from two representations or more,
one of these turned out best. Evidence for the same starts is gathered anew from the pictures that the runs learned
from, which the user names (`--past`) and which are known by their hashes; pictures that a start had seen before are no
evidence, so such a start is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..core.checks import InputError
from ..learning.learned import learned_in
from ..metrics.intervals import FEWEST_UNITS, TOO_FEW, Interval, accuracy_interval
from .lineage import Lineage
from .lineage_node import NAMED, Node

BUNDLED = "imagenet"
Ask = Callable[[str, np.ndarray], Mapping[str, float | None]]  # a start, the rows of a past set: evidence


@dataclass(frozen=True)
class PastTask:
    """A labelled task on which runs from several starts were scored.

    Attributes:
        name: of its data.
        runs: folders.
        reached: by start (a folder, or imagenet), the mean accuracy of its runs.
        evidence: by measure and start; empty where the pictures were not named.
    """

    name: str
    runs: tuple[str, ...]
    reached: Mapping[str, float]
    evidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def was_right(self, measure: str) -> bool | None:
        """Whether a start that was best by evidence was best by score; None where not all starts have evidence."""
        told = self.evidence.get(measure, {})
        if set(told) != set(self.reached) or len(told) < 2:
            return None
        best = max(self.reached, key=lambda start: told[start])
        return self.reached[best] == max(self.reached.values())


@dataclass(frozen=True)
class Record:
    """How often each measure was right.

    Attributes:
        tasks: those of the cards.
        notes: what could not be used.
    """

    tasks: tuple[PastTask, ...] = ()
    notes: tuple[str, ...] = ()

    def right(self, measure: str) -> tuple[int, int]:
        """How often it was right, and of how many tasks."""
        known = [one for one in (task.was_right(measure) for task in self.tasks) if one is not None]
        return sum(known), len(known)

    def share(self, measure: str) -> Interval | None:
        """The share with its interval; None below five tasks."""
        right, of = self.right(measure)
        return accuracy_interval([True] * right + [False] * (of - right)) if of >= FEWEST_UNITS else None

    def told(self, measure: str) -> str:
        """It in words, with counts."""
        (right, of), share = self.right(measure), self.share(measure)
        if not of:
            return f"0 tasks: {TOO_FEW}"
        return f"{right} of {of}" + (f", {100 * share.mean:.0f} % {share.told(100, 0)}" if share else f": {TOO_FEW}")

    @property
    def by_chance(self) -> float | None:
        """How often a start taken at random would have been right; None without tasks that were judged."""
        known = [1 / len(one.reached) for one in self.tasks if one.was_right("probe") is not None]
        return float(np.mean(known)) if known else None


def past_tasks(lineage: Lineage) -> tuple[list[PastTask], list[str]]:
    """The tasks of the cards whose runs began from two starts or more (folders here, or imagenet); and notes."""
    held: dict[tuple[str, str], list[tuple[str, Node]]] = {}
    same: dict[str, str] = {}  # folders of equal weights are one start
    for name, node in lineage.nodes.items():
        content = (node.card.get("data") or {}).get("content")
        if node.task == "labels" and node.score == "accuracy" and content:
            start = _start(lineage, name)
            if start and node.parent is not None:
                start = same.setdefault(node.parent.fingerprint, start)
                layers = str((node.card.get("training") or {}).get("layers"))
                held.setdefault((str(content), layers), []).append((start, node))
    found, lone = [], 0
    for runs in held.values():
        reached: dict[str, list[float]] = {}
        for start, node in runs:
            reached.setdefault(start, []).append(node.scores["accuracy"])
        if len(reached) < 2:
            lone += 1
            continue
        means = {start: float(np.mean(values)) for start, values in reached.items()}
        found.append(PastTask(runs[0][1].data, tuple(node.folder for _, node in runs), means))
    notes = [f"{lone} labelled task(s) of the cards were tried from one start alone, and tell nothing."] * bool(lone)
    return found, notes


def judged(lineage: Lineage, tasks: Sequence[PastTask], sets: Sequence[tuple[np.ndarray, Ask]]) -> Record:
    """Gather evidence for earlier tasks from the sets of pictures that were named.

    Args:
        lineage: of the folder.
        tasks: as `past_tasks` gives them.
        sets: for each, the hashes (n,) of its pictures, and what gives evidence for a start on some rows.
    """
    found, notes = [], []
    for task in tasks:
        made = task
        for hashes, ask in sets:
            rows = _learned_rows(lineage, task, hashes)
            if not len(rows):
                continue
            evidence: dict[str, dict[str, float]] = {}
            reached = {start: score for start, score in task.reached.items() if not _saw(lineage, start, hashes[rows])}
            if len(reached) < len(task.reached):
                seen = ", ".join(sorted(set(task.reached) - set(reached)))
                notes.append(f"{task.name}: {seen} had seen its pictures before, and is no start to judge by.")
            for start in reached if len(reached) > 1 else ():
                try:
                    scores = ask(start, rows)
                except InputError as error:
                    notes.append(f"{task.name}: {start} was left out: {error}")
                    continue
                for measure, value in scores.items():
                    if value is not None:
                        evidence.setdefault(measure, {})[start] = float(value)
            made = PastTask(task.name, task.runs, reached, evidence)
            break
        else:
            notes.append(
                f"{task.name}: {len(task.reached)} starts were scored; name its pictures with --past to judge by."
            )
        found.append(made)
    return Record(tuple(found), tuple(notes))


def pictures_of(lineage: Lineage, folder: str) -> frozenset[str]:
    """Hashes of all that a representation of the folder learned from, as far as it says."""
    return learned_in(lineage.root / folder, lineage.nodes[folder].card, folder).pictures


def _start(lineage: Lineage, folder: str) -> str:
    parent = lineage.nodes[folder].parent
    if folder in lineage.parents:
        return lineage.parents[folder]
    return BUNDLED if parent is not None and (parent.kind, parent.name) == (NAMED, BUNDLED) else ""


def _learned_rows(lineage: Lineage, task: PastTask, hashes: np.ndarray) -> np.ndarray:
    """The rows of a set that the task's runs learned from; none where a run learned something of its own elsewhere."""
    shared, here = None, set(hashes.tolist())
    for run in task.runs:
        pictures, start = pictures_of(lineage, run), _start(lineage, run)
        own = pictures - (pictures_of(lineage, start) if start != BUNDLED else frozenset())
        if own - here:
            return np.zeros(0, int)
        shared = pictures if shared is None else shared & pictures
    return np.flatnonzero(np.isin(hashes, sorted(shared or ())))


def _saw(lineage: Lineage, start: str, hashes: np.ndarray) -> bool:
    return start != BUNDLED and bool(set(hashes.tolist()) & pictures_of(lineage, start))
