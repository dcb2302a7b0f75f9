"""The page of `regard bet`: who owes whom a gelato, each arm with its interval, and what was published before."""

from pathlib import Path

from markupsafe import escape

from ..report.gains import Gain
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..report.thumbs import thumbnail
from ..report.years import Past, years_beside
from ..studies.bet_cells import MEASURES
from ..studies.bet_found import MAIN, TITLES, Bet, named
from ..studies.bet_history import AFTER, LABELS, MEMORY, METHODS, RANDOM, published
from ..studies.bet_plan import BASES, OUTSIDE, SUPERVISED
from ..studies.experiment import told

_NAMED = ("jigsaw", "rotation")  # in the figure
_WIDE = 700  # pixels of a puzzle


def write_bet_page(found: Bet, path: str | Path, command: str = "") -> Path:
    """Write one HTML page with all of it; puzzles come from the folders of the pretraining beside it.

    Args:
        found: the bet.
        path: of the page, in the folder of the bet.
        command: what the page names as the command that made it.
    """
    plan, path = found.plan, Path(path)
    facts: dict[str, object] = {"command": command} if command else {}
    facts |= {
        "pictures": f"{found.counts['train']} annotated to learn from, {found.counts['unlabelled']} seen without "
        f"annotations, {found.counts['test']} to be scored on",
        "steps": f"{plan.steps.pretrain} of each pretraining, {plan.steps.detect} of each detector",
        "seeds": ", ".join(map(str, plan.turns)),
        "seconds": round(found.seconds, 1),
    }
    sections = [
        *(_protocol(found, protocol) for protocol in found.experiments),
        _saw(found),
        *_puzzles(found, path.parent),
        _history(found),
        Section("What to know", "\n".join(f"- {note}" for note in _notes(found))),
    ]
    return write_report(
        path,
        "The gelato bet, on your pictures",
        sections,
        _summary(found),
        gains=_gains(found),
        highlights=_highlights(found),
        facts=facts,
    )


def _summary(found: Bet) -> str:
    said = " ".join(found.sentence(protocol) for protocol in found.experiments)
    return (
        "In 2014 Efros bet that by autumn 2015 pretraining without labels would match pretraining with them in "
        f"detection on Pascal VOC; Malik took the other side. Here the bet is run on your pictures. **{found.gelato}** "
        f"{said} The pretext task was chosen on a part of the training pictures."
    )


def _highlights(found: Bet) -> list[Highlight]:
    one, task = found.experiments[found.plan.main], found.chosen[found.plan.main]
    rows = ((task, "without labels"), (SUPERVISED, "with the labels of your objects"), (BASES[0], "no pretraining"))
    where = f"AP50, {named(found.plan, found.plan.main)}"
    return [Highlight(f"{100 * one.arms[name].mean(MAIN):.1f} %", f"{name}: {what}", where) for name, what in rows]


def _gains(found: Bet) -> list[Gain]:
    rows = []
    for protocol, one in found.experiments.items():
        task, where = found.chosen[protocol], named(found.plan, protocol)
        pairs = [(task, SUPERVISED), (task, BASES[0]), (SUPERVISED, BASES[0])]
        for arm, other in pairs:
            labels = found.counts["train"]
            base, with_ = (one.arms[name].mean(MAIN) for name in (other, arm))
            difference = found.contrast(protocol, arm, other).difference
            what = f"{arm} over {other}: AP50, {where}"
            rows.append(Gain(what, base, with_, difference, labels, one.arms[arm].seconds))
    return rows


def _protocol(found: Bet, protocol: str) -> Section:
    one, task = found.experiments[protocol], found.chosen[protocol]
    values = [
        [name, *(str(one.value(name, measure)) for measure in MEASURES), f"{one.arms[name].seconds or 0:.0f}"]
        for name in one.arms
    ]
    heads = ["arm", *(TITLES[measure] for measure in MEASURES), "seconds"]
    differences = [
        [f"{each.arm} − {each.other}", TITLES[each.measure], *told(each)]
        for at, each in found.contrasts
        if at == protocol
    ]
    judged = found.judged[protocol]
    shares = ", ".join(f"{name} {'–' if value is None else f'{value:.3f}'}" for name, value in judged.items())
    chosen = f"Chosen on a part of TRAIN: **{task}** (AP50 of short runs there: {shares})." if judged else ""
    text = f"{found.sentence(protocol)}\n\n{chosen}\n\nThe sentence rests on {task} alone. Rows of other tasks are "
    text += "shown as they are, without a correction for choosing among them, and prove nothing by being the best."
    alt = f"AP50 of each arm with its 95 % interval, {named(found.plan, protocol)}"
    blocks: list[Picture | Table] = [
        Picture(one.figure(MAIN, alt, task), "AP50 with 95 % intervals over test pictures and seeds."),
        Table(heads, values, "Means over seeds [95 % interval]; seconds of pretraining and one detector."),
        Table(["arms", "measure", "difference [95 % interval]", "verdict"], differences),
    ]
    return Section(named(found.plan, protocol), text, blocks)


def _saw(found: Bet) -> Section:
    heads = ["arm", "network", "saw", "labels", "from outside"]
    rows = [[name, one["network"], one["saw"], one["labels"], one["outside"]] for name, one in found.saw.items()]
    text = "Before a detector is put on it. All arms then learn from the same annotated pictures."
    if OUTSIDE in found.saw:
        text += f" `{OUTSIDE}` is another network, with weights from outside: it is shown beside, and decides nothing."
    return Section("What each arm saw", text, [Table(heads, rows)])


def _puzzles(found: Bet, folder: Path) -> list[Section]:
    seed = found.plan.seed
    paths = [(name, folder / "pretrain" / f"{name}-{seed}" / "preview.png") for name in found.plan.learned]
    shown = [(name, path) for name, path in paths if path.is_file()]
    if not shown:
        return []
    blocks = [Picture(thumbnail(path, f"the puzzle of {name}", _WIDE), escape(name)) for name, path in shown]
    return [Section("What they learned from", "The puzzle of each task, as its network got it.", blocks)]


def _history(found: Bet) -> Section:
    one = found.experiments[found.plan.main]
    past = [
        Past(row.year, row.ap / 100, row.checked != MEMORY, row.method if row.method in _NAMED else "")
        for row in METHODS
    ]
    figure = years_beside(
        past,
        [(name, one.value(name, MAIN)) for name in one.arms],
        "published VOC 2007 detection by year, and at the right the arms of this bet",
        references={"ImageNet labels": LABELS.ap / 100, "random weights": RANDOM.ap / 100},
        emphasis=(found.chosen[found.plan.main], SUPERVISED),
    )
    rows = [
        [f"{row.method} ({row.protocol})", row.year, f"{row.ap:.1f}", f"{row.source}: {row.checked}"]
        for row in published()
    ]
    text = (
        "Mean AP in per cent on the test pictures of VOC 2007, of networks like AlexNet that were fine-tuned: 51.1 "
        "against 54.2 with R-CNN is how the bet ended in 2015. Your figures at the right are of other pictures, "
        "another network and minutes of training: compare arms with each other, not with the years. Rows are "
        f"comparable only roughly, as weights that are rescaled before fine-tuning gain by that alone.\n\n{AFTER}"
    )
    under = "Filled: checked. Hollow: from memory, not checked. Squares: yours, with 95 % intervals."
    table = Table(["method", "year", "VOC07 AP", "source: how checked"], rows)
    return Section("What was published", text, [Picture(figure, escape(under)), table])


def _notes(found: Bet) -> list[str]:
    margin = 100 * found.margin
    return [
        f"“Matched” is said where the interval of the difference excludes a loss by more than {margin:g} points, “not "
        "matched” where its upper end is below 0, and else “too few to say”. Where labels show no gain on random "
        "weights, only a gain on them is a match: detectors that learn nothing are all alike.",
        f"It is decided by {named(found.plan, found.plan.main)}.",
        "Every rate was chosen by short runs on a part of the training pictures, for each arm and seed anew, from the "
        "same three. Nothing was chosen on the test pictures.",
        "Pretext tasks saw the pictures of TRAIN, also those that detectors learn from, but never an annotation.",
        *found.notes,
    ]
