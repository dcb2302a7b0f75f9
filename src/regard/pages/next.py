"""The page of `regard next`: the proposal, the probe of every candidate, the evidence beside it, and its record."""

from pathlib import Path

from ..lifelong.next import Proposal
from ..report.figures import bars_with_intervals
from ..report.html import Picture, Section, Table, write_report
from ..reuse.transfer_scores import TITLES

MEASURES = {"probe": "probe", **TITLES}
DRAWN = 40  # bars
_TEXT = (
    "The probe decides, and the others stand beside it: a linear classifier learns from two thirds of the pictures and "
    "is asked about the third that is left, five times over, with one penalty for all. k-NN asks each picture's "
    "nearest others. LogME, H-score and LEEP are larger for what promises more, and compare on one set of labels alone."
)


def write_next_page(found: Proposal, path: str | Path, command: str = "") -> Path:
    """Write the page.

    Args:
        found: the proposal.
        path: the .html file.
        command: what the page names as the command that made it.
    """
    summary = "\n\n".join([*(f"**Leak: {one}.**" for one in found.leaks), f"**{found.sentence}**"])
    summary += f"\n\n{found.counts['labels']} labelled pictures of {found.counts['classes']} classes, "
    summary += f"{len(found.evidence)} candidates."
    bars = [(name, one.probe) for name, one in list(found.evidence.items())[:DRAWN]]
    alt = "accuracy of the cross-validated probe of every candidate, with 95 % intervals"
    figure = Picture(
        bars_with_intervals(bars, alt, emphasis=found.start if found.start in dict(bars) else None),
        alt.capitalize() + ".",
    )
    record = [[MEASURES[name], found.record.told(name)] for name in MEASURES]
    past = [
        [task.name, ", ".join(f"{start} {score:.3f}" for start, score in sorted(task.reached.items()))]
        for task in found.record.tasks
    ]
    sections = [
        Section("Candidates", _TEXT, [figure, evidence_table(found), gains_table(found)]),
        Section(
            "How often the evidence was right here",
            "Of earlier labelled tasks of the cards, those in which the best by evidence was the best by score.",
            [Table(["evidence", "right"], record), *([Table(["task", "scores by start"], past)] if past else [])],
        ),
        Section("What to know", "\n".join(f"- {note}" for note in found.notes)),
    ]
    facts = {"command": command} if command else {}
    return write_report(path, "Which representation next?", sections, summary, facts=facts, verdicts=True)


def evidence_table(found: Proposal) -> Table:
    """A row for each candidate: what it is, the probe with its interval, and the others."""
    rows = []
    for name, one in found.evidence.items():
        others = [one.scores[key] for key in TITLES]
        rows.append([name, found.what[name], str(one.probe), *others])
    return Table(["candidate", "what", "probe", *TITLES.values()], rows)


def gains_table(found: Proposal) -> Table:
    """A row for each candidate but imagenet: points over imagenet with the interval at the level of all, verdict."""
    rows = []
    for name in found.evidence:
        if name in found.gains:
            gain = found.gains[name]
            told = f"{100 * gain.mean:+.1f} {gain.told(100, 1, '+')}".replace("-", "−")
            rows.append([name, told, gain.verdict])
    caption = (
        f"The probe against imagenet's, in points; each interval at {100 * found.level:.1f} %, so that all of them are "
        "to hold at once in 95 of 100 cases."
    )
    return Table(["candidate", "over imagenet", "verdict"], rows, caption)
