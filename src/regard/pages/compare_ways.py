"""A comparison of the four ways to use a deep network on another domain, as one HTML page."""

import platform
from pathlib import Path

from .. import __version__
from ..adapt.worth.ways.found import DEEP_AUTO, FINETUNED, FINETUNED_AND_LABELS, ORACLE, FourWays, WayRow
from ..core.runtime import threads
from ..metrics.intervals import TOO_FEW, Interval
from ..report.figures import bars_with_intervals
from ..report.gains import Gain
from ..report.html import Highlight, Picture, Section, Table, write_report

NO_METHOD = ("source_and_labels", FINETUNED, FINETUNED_AND_LABELS, ORACLE)  # rows of no method


def write_ways_page(found: FourWays, path: str | Path, *, command: str) -> Path:
    """Write the page and return its path.

    Args:
        found: the comparison.
        path: of the page, ends in .html.
        command: the command line that made it.
    """
    named = {row.name: row for row in found.rows}
    start = named.get(FINETUNED_AND_LABELS, named[FINETUNED])
    highlights = [
        Highlight(_percent(found.base.accuracy), "a classifier on frozen features", ""),
        Highlight(_percent(start.accuracy), f"{start.name}: the network without adaptation", _verdict(start)),
        *[
            Highlight(_percent(row.accuracy), f"{row.name}: {what}", _verdict(row))
            for row, what in (
                (named.get(DEEP_AUTO), "chosen among the deep methods"),
                (named.get(ORACLE), "with target labels"),
            )
            if row is not None
        ],
    ]
    methods = [row for row in found.rows if row.gain is not None and row.name not in (*NO_METHOD, DEEP_AUTO)]
    summary = _summary(methods, named.get(DEEP_AUTO), found.over)
    facts = {"command": command, "regard": __version__, "machine": f"{platform.machine()}, {threads()} processors"}
    gains = [
        Gain(
            f"{row.name}, against {row.against}",
            named[row.against].accuracy,
            row.accuracy,
            row.gain,
            seconds=row.seconds,
        )
        for row in found.rows
        if row.gain is not None
    ]
    sections = [_accuracies(found), _choice(found), _ahead(found)]
    title = "Four ways to use a network on another domain"
    return write_report(path, title, sections, summary, gains=gains, highlights=highlights, facts=facts)


def _summary(methods: list[WayRow], auto: WayRow | None, over: str) -> str:
    verdicts = [row.gain.verdict for row in methods if row.gain is not None]
    text = f"Of {len(verdicts)} rows with a method **{verdicts.count('gain')}** gained on what they start from "
    text += f"beyond chance (95 % intervals over {over})"
    text += f"; of {verdicts.count(TOO_FEW)} there is too little to say." if TOO_FEW in verdicts else "."
    if auto is not None:
        text += f" Among the deep methods `auto` took, without target labels: {_counted(auto.chosen)}."
    return text


def _accuracies(found: FourWays) -> Section:
    bars = [(row.name, row.accuracy) for row in found.rows]
    picture = bars_with_intervals(
        bars, "accuracy on the target of every row", references={FINETUNED: found.row(FINETUNED).accuracy.mean}
    )
    ways = dict.fromkeys(row.way for row in found.rows)
    order = "; ".join(f"{way}: {', '.join(f'`{row.name}`' for row in found.rows if row.way == way)}" for way in ways)
    notes = "\n".join(f"- {note}" for note in found.notes)
    text = f"From top to bottom: {order}. Intervals are over {found.over}. The dashed line is `{FINETUNED}`."
    return Section("Accuracy on the target", f"{text}\n\n{notes}", [Picture(picture)])


def _choice(found: FourWays) -> Section:
    rows = [
        [row.name, _counted(row.chosen), row.source, row.score, row.accuracy.mean, row.best]
        for row in found.rows
        if row.best is not None
    ]
    text = (
        f"Which weights of a training are kept, and which of several candidates, is chosen by `{found.by}`, **without "
        "target labels**. The last column is what target labels would have chosen, and no method's accuracy."
    )
    heads = ["network", "kept", "source accuracy", found.by, "accuracy", "best at any scoring"]
    rounded = [[round(cell, 3) if isinstance(cell, float) else cell for cell in row] for row in rows]
    return Section("The choice, and what it left", text, [Table(heads, rounded, "means over seeds")])


def _ahead(found: FourWays) -> Section:
    rows = [
        [row.name, row.way, f"{100 * row.ahead.mean:+.1f} {row.ahead.told(100, 1, '+')}", row.ahead.verdict]
        for row in found.rows
        if row.ahead is not None
    ]
    text = "The table of gains asks what adaptation added to its start. This one asks what the whole was worth."
    heads = ["row", "way", f"points ahead of {found.base.name}", "verdict"]
    return Section("Ahead of a classifier on frozen features", text, [Table(heads, rows)])


def _counted(chosen: tuple[str, ...]) -> str:
    """Names with how often each was chosen; a line where there was nothing to choose from.

    >>> _counted(("mcc", "mcc", "finetuned"))
    'mcc (2), finetuned'
    """
    if not any(chosen):
        return "–"
    return ", ".join(f"{one} ({chosen.count(one)})" if chosen.count(one) > 1 else one for one in dict.fromkeys(chosen))


def _verdict(row: WayRow) -> str:
    return "" if row.gain is None else row.gain.verdict


def _percent(value: Interval) -> str:
    return f"{100 * value.mean:.1f} %"
