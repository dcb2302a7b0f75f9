"""The page of `regard evaluate`: whether pretraining helped, every difference with its interval."""

from pathlib import Path

from ..metrics.intervals import TOO_FEW
from ..report.gains import Gain
from ..report.html import Section, Table, write_report
from ..studies.evaluation import MAIN, Evaluation, difference, title, values


def write_evaluation_page(found: Evaluation, path: str | Path, command: str = "") -> Path:
    """Write one HTML page with the same: gains of the run, values of all arms, the other differences, the notes."""
    columns, *rows = values(found)
    others = [one for one in found.contrasts if (one.arm, one.other) != MAIN]
    main = [one for one in found.contrasts if (one.arm, one.other) == MAIN]
    verdicts = [one.verdict for one in main]
    summary = (
        f"{found.about['network']} at {found.about['size']} px against random networks of the same kind, with "
        f"{found.counts['train']:,} images to learn from and {found.counts['test']:,} to score on. "
        f"**{verdicts.count('gain')} of {len(verdicts)} measures gain**, {verdicts.count('loss')} lose, "
        f"{verdicts.count('no gain')} show no gain"
        + (f"; of {verdicts.count(TOO_FEW)} there is too little to say." if TOO_FEW in verdicts else ".")
    )
    random, run = found.arms["random"], found.arms["run"]
    gains = [
        Gain(title(one.measure), random.mean(one.measure), run.mean(one.measure), one.difference, found.counts["train"])
        for one in main
    ]
    named = ["arms", "measure", "difference [95 % interval]", "seeds beaten", "verdict"]
    compared = [[f"{one.arm} - {one.other}", *difference(found, one)] for one in others]
    made = [[name, arm.what, ", ".join(dict.fromkeys(arm.best_layers))] for name, arm in found.arms.items()]
    sections = [
        Section("Arms", "All have one network and one input size.", [Table(["arm", "weights", "best layer"], made)]),
        Section("Measures", "Means over seeds, ± the standard deviation over them.", [Table(columns, rows)]),
        Section("Other differences", "", [Table(named, compared)]),
        Section("What to know", "\n".join(f"- {note}" for note in (found.control_told, *found.notes))),
    ]
    facts: dict[str, object] = {"command": command} if command else {}
    about = {key: value if isinstance(value, int | str) else str(value) for key, value in found.about.items()}
    facts |= {**about, "seconds": round(found.seconds, 1)}
    return write_report(path, "Did pretraining help?", sections, summary, gains=gains, facts=facts)
