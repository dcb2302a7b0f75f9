"""`regard.next`: which existing representation to start from for a new task."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import check_output
from ..lifelong.next import BUNDLED, Proposal, propose
from ..lifelong.next_candidates import RANDOM
from ..pages.next import MEASURES, evidence_table, gains_table, write_next_page
from ..report.html import Table
from ._given import check_machine, given_images, named, several
from ._result import Progress, Result, difference, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Proposed(Result):
    """Which representation to start from.

    Attributes:
        task, from_: what was asked.
        report: the page that was written, or None.
        found: the evidence of every candidate, and how often such evidence was right.
    """

    verb: ClassVar[str] = "next"
    task: str
    from_: str
    report: Path | None
    found: Proposal

    @property
    def start(self) -> str:
        """What to start from: a folder below `from_`, or imagenet."""
        return self.found.start

    def told(self) -> Mapping[str, object]:
        """The proposal and all that it rests on."""
        found, record = self.found, self.found.record
        candidates = [
            {"name": name, "what": found.what[name], "dim": one.dim, **one.scores, "probe": one.probe.as_dict()}
            for name, one in found.evidence.items()
        ]
        right = {}
        for name in MEASURES:
            share = record.share(name)
            number, of = record.right(name)
            right[name] = {"right": number, "of": of, **({} if share is None else share.as_dict())}
        tasks = [
            {"name": one.name, "runs": list(one.runs), "reached": dict(one.reached), "evidence": one.evidence}
            for one in record.tasks
        ]
        return {
            "task": self.task,
            "from": self.from_,
            "answer": found.sentence,
            "start": found.start,
            "best": found.best,
            "level_with": found.level_with(),
            "level": found.level,
            "leaks": list(found.leaks),
            "candidates": candidates,
            "record": {"right": right, "by_chance": record.by_chance, "tasks": tasks},
            **({"report": self.report} if self.report is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """The proposal, the evidence, and how often it was right."""
        for leak in self.found.leaks:
            yield f"Leak: {leak}."
        yield self.found.sentence
        yield evidence_table(self.found)
        yield gains_table(self.found)
        alike = self.found.level_with()
        if alike:
            yield f"not told apart from {self.found.best} by the probe: {', '.join(alike)}"
        record = self.found.record
        if record.tasks:
            yield Table(["evidence", "right"], [[MEASURES[one], record.told(one)] for one in MEASURES], _HOW)
        else:
            yield "how often such evidence was right here: too few to say; no labelled task was tried from two starts."
        for note in self.notes:
            yield f"note: {note}"
        if self.report is not None:
            yield f"report: {self.report}"

    def rows(self) -> Table:
        """A row for each candidate."""
        return evidence_table(self.found)

    def write_page(self, path: Path) -> None:
        """The proposal, the probe as bars, the gains, the record."""
        write_next_page(self.found, path, f"regard next {self.task} --from {self.from_}")


_HOW = "how often the best by evidence was the best by score, of earlier tasks"


@verb
def next(
    task: object,
    *,
    from_: str | Path,
    past: Sequence[object] | object = None,
    most: int = 1000,
    allow_leak: bool = False,
    report: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Proposed:
    """Say which existing representation to start from for a new labelled task.

    Every representation below a folder, imagenet and a random network are asked without training: a short linear
    probe by cross-validation decides; k-NN, LogME, H-score and LEEP stand beside it. The answer is how far the best is
    ahead of imagenet, with an interval, and how often such evidence was right on earlier tasks. A candidate that has
    learned from pictures of TASK is refused.

    Args:
        task: labelled images, as `open_images` takes them.
        from_: folder (`--from`) below which representations lie.
        past: earlier labelled sets that runs there learned from, to say how often the evidence was right.
        most: labelled images that are looked at.
        allow_leak: go on where a candidate has learned from images of TASK, and tell of it.
        report: write a page to this .html.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of cuts, of the draw of `most`, and of random weights.
        progress: shows the stream of events.

    Raises:
        InputError: no labels, one class, one image of each class, no such folder, or a candidate that has learned from
            images of TASK.
    """
    if report is not None:
        check_output("--report", report, ".html")
    check_machine(device)
    earlier = [] if past is None else [given_images("--past", one) for one in several(past)]
    found = propose(
        given_images("TASK", task),
        from_,
        past=earlier,
        most=most,
        allow_leak=allow_leak,
        device=device,
        seed=seed,
        watch=watch_of(progress, "next"),
    )
    best, base, plain = (found.evidence.get(name) for name in (found.best, BUNDLED, RANDOM))
    gain = None if found.best == BUNDLED else found.gains[found.best]
    ends = {} if gain is None else gain.as_dict()
    right, of = found.record.right("probe")
    made = Proposed(
        task=named(task),
        from_=str(from_),
        report=None if report is None else Path(report),
        found=found,
        metrics={
            "candidates": len(found.evidence),
            "labels": found.counts["labels"],
            "classes": found.counts["classes"],
            "best_probe": None if best is None else best.scores["probe"],
            "imagenet_probe": None if base is None else base.scores["probe"],
            "random_probe": None if plain is None else plain.scores["probe"],
            "gain": None if gain is None else gain.mean,
            "gain_low": ends.get("low"),
            "gain_high": ends.get("high"),
            "past_tasks": of,
            "past_right": right,
            "leaks": len(found.leaks),
        },
        notes=found.notes,
        differences=[difference(f"{name} over imagenet", one) for name, one in found.gains.items()],
    )
    if made.report is not None:
        made.write_page(made.report)
    return made
