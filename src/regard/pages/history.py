"""The page of `regard history`: accuracy by year beside what was published, what it cost, who is ahead of whom."""

from pathlib import Path

from markupsafe import escape

from ..report.cost_drawn import Axis, Point, against_costs
from ..report.gains import Gain, seconds
from ..report.html import Highlight, Picture, Section, Table, literal, write_report
from ..report.line_drawn import Place, line_of_years
from ..studies.history_found import MAIN, Facts, History
from ..studies.history_plan import IMAGENET, RANDOM
from ..studies.history_years import LINE, MEMORY
from ..studies.play_words import share

LEAST_SECONDS = 0.1
AHEAD = ("against the one before", "verdict")
_REFERENCES = {RANDOM: "random features", IMAGENET: "imagenet"}


def write_history_page(found: History, path: str | Path, command: str = "") -> Path:
    """Write the page and return its path.

    Args:
        found: what came out.
        path: of the page, ends in .html.
        command: the command line that made it.

    Raises:
        InputError: a name that does not end in .html.
    """
    about = found.about
    facts: dict[str, object] = {"command": command} if command else {}
    facts |= {
        "images": f"{about['pictures']['train']} to learn from ({about['train_set']}), "
        f"{about['pictures']['test']} to be asked about ({about['test_set']}), {about['classes']} classes",
        "budget of a network": budget(found),
        "seeds": ", ".join(map(str, about["seeds"])),
    }
    sections = [_years(found), _costs(found), _rows(found), _published(found), _known(found)]
    return write_report(
        path,
        "Twenty years of recognition, on your images",
        sections,
        literal(_minus(found.answer)),
        gains=_gains(found),
        highlights=_highlights(found),
        facts=facts,
        verdicts=True,
    )


def budget(found: History) -> str:
    """The one budget, in words."""
    about = found.about
    long = f"{about['steps']} steps" if about["steps"] is not None else f"{about['minutes']:g} minutes"
    rates = " or ".join(f"{rate:g}" for rate in about["rates"])
    return f"{long} of {about['batch']} pictures of {about['size']} px in {about['precision']}, rate {rates}"


def history_table(found: History) -> Table:
    """A row for each representation in the published order, then the references."""
    heads = ["representation", "accuracy", *AHEAD, "depth", "parameters", "FLOPs"]
    before = {later.name: one for later, one in found.steps}
    rows: list[list[object]] = []
    for row in found.rows:
        told = ["", ""]
        if row.name in before:
            gap = found.against(row.name, before[row.name].name).difference
            told = [_points(gap.mean, gap.told(100, 1, "+")), gap.verdict]
        rows.append([row.title, share(found.value(row.name)), *told, *_cost_cells(found.facts[row.name])])
    for name in found.references:
        what = f"{_REFERENCES[name]}, linear (no part of the order)"
        rows.append([what, share(found.value(name)), "", "", *_cost_cells(found.facts[name])])
    return Table([*heads, "time", "MiB"], rows)


def _cost_cells(facts: Facts) -> list[object]:
    mib = "–" if facts.peak_mib is None else f"{facts.peak_mib:.0f}"
    return [facts.depth, count(facts.parameters), count(facts.flops), seconds(facts.seconds), mib]


def count(value: float) -> str:
    """A large number for people.

    >>> count(0), count(830), count(61_100_840), count(1.5e9)
    ('0', '830', '61.1 M', '1.5 G')
    """
    for unit, many in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= many:
            return f"{value / many:.3g} {unit}"
    return f"{value:.0f}"


def _highlights(found: History) -> list[Highlight]:
    best = max(found.rows, key=lambda row: found.value(row.name).mean)
    value = found.value(best.name)
    note = f"95 % interval over {_luck(found)} {value.told(100, 1)}" if value.known else "no interval"
    shown = [Highlight(f"{100 * value.mean:.1f} %", f"{best.title}, the highest of the line", note)]
    if found.order is not None:
        known = found.order.known
        note = f"95 % interval {found.order.told(digits=2, sign='+')}" if known else "one seed: no interval"
        what = "Spearman's correlation with the published order"
        shown.append(Highlight(f"{found.order.mean:+.2f}".replace("-", "\u2212"), what, _minus(note)))
    many = len(found.reversed)
    pairs = sum(len(chain) * (len(chain) - 1) // 2 for chain in found.chains)
    shown.append(Highlight(str(many), f"of {pairs} pairs reversed beyond luck", "later behind earlier"))
    return shown


def _gains(found: History) -> list[Gain]:
    rows = []
    for later, before in found.steps:
        difference = found.against(later.name, before.name).difference
        facts = found.facts[later.name]
        what = f"{later.title} over {before.title}"
        values = found.value(before.name), found.value(later.name)
        rows.append(Gain(what, values[0].mean, values[1].mean, difference, seconds=facts.seconds, mib=facts.peak_mib))
    return rows


def _years(found: History) -> Section:
    used = sorted({row.place for row in found.rows})
    at = {place: number for number, place in enumerate(used)}
    places = [
        Place(one.title, one.year, None if one.error is None else 1 - one.error / 100, one.checked != MEMORY)
        for one in (LINE[place] for place in used)
    ]
    forms = {}
    for chain in found.chains:
        own = [row for row in chain if row.entry is not None]
        name = "networks as published" if any(row.name == row.entry.published for row in own if row.entry) else "scaled"
        forms[name] = [(at[row.place], found.value(row.name)) for row in own]
    ends = ", ".join(f"{row.title} {100 * found.value(row.name).mean:.0f} %" for row in found.rows)
    lines = {_REFERENCES[name]: found.value(name).mean for name in found.references} | {"majority": found.majority}
    picture = line_of_years(
        places,
        forms,
        f"accuracy by year: {ends}",
        references=lines,
        above="published: ImageNet, top 5",
        below="here: accuracy",
    )
    under = (
        f"In the order of the years, equally far apart; upright lines are 95 % intervals over {_luck(found)}. "
        "Hollow: published, and from memory. Dashed: linear classifiers on features without training here, and always "
        "naming the commonest class, which are no part of the order."
    )
    text = (
        "Above, the share of ImageNet's pictures whose label was among the first five answers, after learning from "
        "1.2 million; below, the share of yours that was told right, after learning from "
        f"{found.about['pictures']['train']}."
    )
    return Section("Accuracy by year", text, [Picture(picture, escape(under))])


def _costs(found: History) -> Section:
    names = [row.name for row in found.rows] + list(found.references)
    titles = {row.name: row.title for row in found.rows} | _REFERENCES
    facts = [found.facts[name] for name in names]
    axes = {
        "depth": Axis([one.depth for one in facts]),
        "parameters": Axis([one.parameters for one in facts], count),
        "FLOPs of one picture": Axis([max(one.flops, 1) for one in facts], count),
        "seconds": Axis([max(one.seconds, LEAST_SECONDS) for one in facts]),
    }
    made = [Point(titles[name], 0, found.value(name), name not in found.references) for name in names]
    alt = "accuracy against depth, parameters, FLOPs and seconds: " + ", ".join(
        f"{titles[name]} {one.depth}, {count(one.parameters)}, {count(one.flops)}, {seconds(one.seconds)}"
        for name, one in zip(names, facts)
    )
    under = "On logarithmic axes; upright lines are 95 % intervals, hollow points the references."
    text = (
        "Depth is the number of layers with weights on the longest way through, the classifier with them. Parameters "
        "are all that was learned. FLOPs are those of convolutions and matrix products at the size that was used, two "
        "for each multiplication with its addition. Seconds, to learn and to be asked, are means over seeds without "
        "choosing a rate, on a machine that may have done other things beside."
    )
    return Section("Depth, size and cost", text, [Picture(against_costs(made, axes, alt), under)])


def _rows(found: History) -> Section:
    heads = ["representation", "highest rate", "on the held-out part of TRAIN", "by seed, on TEST"]
    rows: list[list[object]] = []
    for row in found.rows:
        facts = found.facts[row.name]
        tried = ", ".join(f"{rate}: {_per_cent(value)}" for rate, value in facts.tried.items())
        rate = "–" if facts.rate is None else f"{facts.rate:g}" + (f" (short runs: {tried})" if tried else "")
        each = ", ".join(f"{100 * one:.1f}" for one in found.experiment.arms[row.name].by_seed(MAIN))
        rows.append([row.title, rate, _per_cent(facts.held_out), each])
    text = (
        f"Accuracies in per cent with 95 % intervals over {_luck(found)}; times are means over seeds, memory is the "
        "highest of them."
    )
    table = history_table(found)
    kept = [at for at, name in enumerate(table.columns) if name not in AHEAD]  # that stands in the table of gains
    cells = [[_whole(row[at]) for at in kept] for row in table.rows]
    whole = Table([table.columns[at] for at in kept], cells)
    return Section("Every representation", text, [whole, Table(heads, rows, "How each was trained, in per cent.")])


def _published(found: History) -> Section:
    rows = [
        [one.title, one.year, "–" if one.error is None else f"{one.error:g}", f"{one.source}: {one.checked}"]
        for one in LINE
    ]
    text = (
        "Top-5 error in per cent in the ImageNet challenge. They give the order, and nothing else here is compared "
        "with them: other pictures, other networks where these are scaled, hours of many machines in place of minutes."
    )
    return Section("What was published", text, [Table(["representation", "year", "top-5 error", "source"], rows)])


def _known(found: History) -> Section:
    many = sum(len(chain) * (len(chain) - 1) // 2 for chain in found.chains)
    chance = (
        "" if found.order is None else f" Of all orders of these, {100 * found.order.chance:.1f} % would do as well."
    )
    said = [
        "Nothing was chosen by TEST. Rates were chosen by short runs on a tenth of TRAIN that was held out, from the "
        "same few for every network.",
        "One budget is not each network's best: with more steps, pictures or another recipe the order may be another.",
        f"Of {many} pairs, each at 95 %, about one in twenty without a true difference would be told apart by luck.",
        f"Spearman's interval is over pictures, which are drawn anew, and seeds, whose luck is drawn.{chance}",
        *(f"{name} did not end, and is not among these: {why}" for name, why in found.failed.items()),
        *found.notes,
    ]
    return Section("What to know", "", [Table(["note"], [[one] for one in said])])


def _luck(found: History) -> str:
    return "pictures and seeds" if len(found.about["seeds"]) > 1 else "pictures alone"


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _points(mean: float, ends: str) -> str:
    return f"{100 * mean:+.1f} {ends}"


def _minus(text: str) -> str:
    """With minus signs where a number follows a space or a bracket."""
    return text.replace(" -", " \u2212").replace("[-", "[\u2212")


def _whole(cell: object) -> object:
    """An interval that is not broken over lines, with a minus sign."""
    return cell.replace("-", "\u2212").replace(", ", ",\u00a0") if isinstance(cell, str) and "[" in cell else cell
