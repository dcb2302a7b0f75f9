"""The page of `regard compare`: the answer, curves of labels against score, costs, arms, what was known before."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from ..core.storage import replacing
from ..report.figures import Curve, label_efficiency
from ..report.gains import Gain
from ..report.html import Highlight, Picture, Section, Table, literal, write_report
from ..report.minutes_drawn import Spent, against_minutes
from ..report.transfer_map import Cell, transfer_map
from ..reuse.transfer_scores import TITLES
from ..studies.compare.compare import Comparison
from ..studies.compare.foresight import FEWEST
from ..studies.compare.reading import Reading

PAGE, MAP = "report.html", "transfer-map.svg"
UNKNOWN = "unknown"
FULL = 0.3  # the gain from which a cell of the map is shaded as deep as can be


def figures(found: Comparison) -> dict[str, Markup]:
    """The figures by file name: labels, where a reading has several numbers of them, and minutes against score.

    And the map, where there are several readings.
    """
    drawn = {f"labels-{one.task}-{one.way}.svg": labels_figure(one) for one in found.readings if len(one.numbers) > 1}
    drawn |= {f"minutes-{one.task}-{one.way}.svg": minutes_figure(one) for one in found.readings}
    return {**drawn, MAP: map_figure(found)} if len(found.readings) > 1 else drawn


def labels_figure(reading: Reading) -> Markup:
    """Score against labels, a curve for each arm with its interval as a band."""
    curves = [
        Curve(name, list(reading.numbers), [reading.level(name, number) for number in reading.numbers])
        for name in reading.whole.arms
    ]
    reference = {f"{reading.baseline}, all labels": reading.level(reading.baseline).mean}
    alt = f"{reading.main.title} against the number of labels: {reading.sentence(reading.others[0])}"
    return label_efficiency(curves, alt, x="labelled pictures", y=reading.main.title, references=reference)


def minutes_figure(reading: Reading) -> Markup:
    """Score with all labels against minutes, those of pretraining counted where they are known."""
    points = []
    for name in reading.whole.arms:
        cost = reading.costs[name]
        minutes = cost.seconds / 60 if cost.minutes is None else cost.minutes
        points.append(Spent(name, minutes, reading.level(name), cost.minutes is not None and not cost.before))
    alt = f"{reading.main.title} against minutes: " + ", ".join(f"{one.name} {one.minutes:.2g}" for one in points)
    return against_minutes(points, alt, y=reading.main.title, percent=reading.main.percent)


def map_figure(found: Comparison) -> Markup:
    """Which arm helps which task."""
    columns = [reading.title for reading in found.readings]
    cells = [[_cell(reading, name) for reading in found.readings] for name in found.others]
    alt = f"what each representation is worth for each task, against {found.baseline}"
    return transfer_map(found.others, columns, cells, alt)


def write_comparison(found: Comparison, folder: Path, command: str = "") -> list[Path]:
    """Write the page and the figures beside it; returns their paths, the page first."""
    drawn = figures(found)
    written = []
    for name, picture in drawn.items():
        with replacing(folder / name) as beside:
            beside.write_text(str(picture) + "\n", encoding="utf-8")
        written.append(folder / name)
    return [write_comparison_page(found, folder / PAGE, command, drawn), *written]


def write_comparison_page(
    found: Comparison, path: Path, command: str = "", drawn: Mapping[str, Markup] | None = None
) -> Path:
    """Write the page alone."""
    pictures = figures(found) if drawn is None else drawn
    sections = (
        [Section("Which representation helps which task", _MAP_TEXT, [Picture(pictures[MAP])])]
        if MAP in pictures
        else []
    )
    for reading in found.readings:
        blocks: list[Picture | Table] = []
        name = f"labels-{reading.task}-{reading.way}.svg"
        if name in pictures:
            blocks.append(Picture(pictures[name], "Bands are 95 % intervals; labels on a logarithmic axis."))
        blocks += [_levels(reading), _saved(reading)] if reading.numbers else [_levels(reading)]
        blocks.append(Picture(pictures[f"minutes-{reading.task}-{reading.way}.svg"], _MINUTES_TEXT))
        sections.append(Section(reading.title.capitalize(), _told(reading, found.others), blocks))
    sections.append(Section("What it costs", _COST_TEXT, [_costs(found)]))
    if found.foresight is not None:
        sections.append(Section("What was known without training", _FORESIGHT_TEXT, _foresight(found)))
    arms = Table(["arm", "what it is"], [[name, what] for name, what in found.arms.items()])
    sections.append(Section("Arms", "", [arms]))
    if found.notes:
        sections.append(Section("What to know", "", [Table(["note"], [[one] for one in found.notes])]))
    facts: dict[str, object] = {"command": command} if command else {}
    facts |= {key: value if isinstance(value, int | str) else str(value) for key, value in found.about.items()}
    facts["seconds"] = round(found.seconds, 1)
    answer = literal("\n".join(found.sentences))
    gains = [_gain(reading, name) for reading in found.readings for name in found.others]
    first = found.readings[0]
    return write_report(
        path,
        f"Is {found.others[0]} useful, against {found.baseline}?",
        sections,
        answer,
        gains=gains,
        highlights=_highlights(first, found.others[0]),
        facts=facts,
    )


def _highlights(reading: Reading, arm: str) -> list[Highlight]:
    saved, gain, many = reading.saved[arm], reading.gain(arm), 100 if reading.main.percent else 1
    value = f"{many * gain.mean:+.1f} points" if reading.main.percent else f"{gain.mean:+.3g}"
    what = f"{reading.main.title} of {arm} against {reading.baseline}"
    note = f"{gain.told(many, 1, '+') if reading.main.percent else gain.told(sign='+')} {gain.verdict}"
    shown = [Highlight(value.replace("-", "−"), what, note.replace("-", "−"))]
    if saved is None:
        return shown
    more = "> " if saved.beyond else ""
    share = f"{more}{100 * saved.share:.0f} %" if saved.verdict == "gain" else saved.verdict
    return [Highlight(share, "of the labels saved" if saved.verdict == "gain" else "in labels", reading.title), *shown]


def _gain(reading: Reading, arm: str) -> Gain:
    difference = reading.gain(arm)
    if not reading.main.larger_is_better:
        difference = difference.negated()
    return Gain(
        f"{reading.title}: {arm}, {reading.main.title}",
        reading.level(reading.baseline).mean,
        reading.level(arm).mean,
        difference,
        reading.numbers[-1] if reading.numbers else None,
        reading.costs[arm].seconds,
        reading.costs[arm].mib,
        percent=reading.main.percent,
        larger_is_better=reading.main.larger_is_better,
    )


def _cell(reading: Reading, arm: str) -> Cell:
    gain, saved, many = reading.gain(arm), reading.saved[arm], 100 if reading.main.percent else 1
    digits = 1 if reading.main.percent else 3
    ends = gain.told(many, digits, "+") if gain.known else ""
    lines = [f"{many * gain.mean:+.{digits}f} {reading.main.title}".replace("-", "−"), ends.replace("-", "−")]
    if saved is not None and saved.verdict == "gain":
        lines.append(f"{'> ' if saved.beyond else ''}{100 * saved.share:.0f} % of labels")
    return Cell(reading.verdict(arm), min(abs(gain.mean) / FULL, 1.0), [line for line in lines if line])


def _told(reading: Reading, others: list[str]) -> Markup:
    return literal("\n".join(reading.sentence(name) for name in others))


def _levels(reading: Reading) -> Table:
    heads = ["arm", *(f"{number} labels" if number else reading.main.title for number in reading.experiments)]
    rows = [
        [name, *(str(reading.level(name, number)) for number in reading.experiments)] for name in reading.whole.arms
    ]
    return Table(heads, rows, f"{reading.main.title} with its 95 % interval")


def _saved(reading: Reading) -> Table:
    rows = []
    for name in reading.others:
        saved = reading.saved[name]
        if saved is None:
            continue
        low, high = saved.ends
        rows.append(
            [
                name,
                "not told" if low is high is None else f"{'> ' if saved.beyond else ''}{100 * saved.share:.0f} %",
                "not told" if low is None else f"{100 * low:.0f} %",
                "beyond what was tried" if high is None else f"{100 * high:.0f} %",
                saved.verdict,
            ]
        )
    return Table(
        ["arm", "labels saved", "from", "to", "verdict"],
        rows,
        f"Against {reading.baseline} with all labels; below 0 they are lost.",
    )


def _costs(found: Comparison) -> Table:
    rows: list[list[object]] = []
    for reading in found.readings:
        for name in found.arms:
            cost = reading.costs[name]
            least = "at least " if cost.before and cost.minutes is not None else ""
            rows.append(
                [
                    reading.title,
                    name,
                    f"{reading.level(name).mean:.3f}",
                    UNKNOWN if cost.pretraining is None else f"{least}{cost.pretraining:.1f}",
                    f"{cost.seconds / 60:.2f}",
                    UNKNOWN if cost.minutes is None else f"{least}{cost.minutes:.1f}",
                    UNKNOWN if cost.mib is None else f"{cost.mib:.0f}",
                    f"{cost.parameters:,}",
                    ", ".join("–" if one is None else f"{one:g}" for one in cost.chosen),
                ]
            )
    heads = [
        "task",
        "arm",
        "score",
        "minutes of pretraining",
        "of learning",
        "together",
        "peak MiB",
        "parameters",
        "rate or penalty",
    ]
    return Table(heads, rows, "With all labels; means over seeds, the peak of memory the largest.")


def _foresight(found: Comparison) -> list[Picture | Table]:
    assert found.foresight is not None
    reached = found.reached
    heads = ["arm", *TITLES.values(), f"{found.readings[0].title}: {found.readings[0].main.title}"]
    rows = [
        [name, *(None if one.get(key) is None else one[key] for key in TITLES), abs(reached[name])]
        for name, one in found.foresight.scores.items()
    ]
    ranks = [
        [
            TITLES[key],
            one["n"],
            *(
                ("too few arms" if one["n"] is None or one["n"] < FEWEST else None)
                if one[which] is None
                else f"{one[which]:.2f}"
                for which in ("kendall", "spearman")
            ),
        ]
        for key, one in found.foresight.ranked(reached).items()
    ]
    return [
        Table(heads, rows),
        Table(["score", "arms", "Kendall's tau", "Spearman's rho"], ranks, "Ranks against what was reached"),
    ]


_MAP_TEXT = "Each cell: the difference to the baseline with all labels, its 95 % interval, and the labels saved."
_MINUTES_TEXT = "With all labels, pretraining counted; a hollow point has more minutes than are known."
_COST_TEXT = (
    "Minutes of pretraining are those that cards count; `imagenet` and published weights do not tell theirs. Where a "
    "run went on from another, the other's are not in it."
)
_FORESIGHT_TEXT = (
    "LogME, H-score and k-NN on the vectors of TRAIN and its labels; LEEP where an arm has a classifier. They compare "
    "arms, and say little where few are compared."
)
