"""The red/blue toy as a page: the shifts, and for each family of methods what it makes of each of them."""

import platform
from collections import Counter
from pathlib import Path

import numpy as np
from markupsafe import Markup

from .. import __version__
from ..core.runtime import threads
from ..metrics.intervals import TOO_FEW
from ..report.gains import chip
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..studies.toy import Toy, before
from ..studies.toy_families import FAMILIES, Family, Way, ways
from ..studies.toy_shifts import SCORED, SHIFTS
from .toy_drawn import toy_drawn, toy_legend


def write_toy_page(toy: Toy, path: Path) -> Path:
    """Write the page and return its path."""
    verdicts = {(shift, way.key): toy.contrast(shift, way.key).verdict for shift in SHIFTS for way in ways()}
    count = Counter(verdicts.values())
    still = Counter(verdict for (shift, _), verdict in verdicts.items() if shift == "none")
    harmed = sum(any(verdicts[shift, way.key] == "loss" for shift in SHIFTS) for way in ways())
    everywhere = sum(all(verdicts[shift, way.key] == "gain" for shift in list(SHIFTS)[1:]) for way in ways())
    few = f" Of {count[TOO_FEW]} there is too little to say." if count[TOO_FEW] else ""
    summary = (
        f"Red and blue points on a plane, and **{len(SHIFTS) - 1} ways** in which a target may differ from the source "
        f"that a classifier has learned from; in a sixth picture it does not. {len(ways())} methods of "
        f"{len(FAMILIES)} families try to make up for it, at their defaults but for what stands beside their names. "
        f"{_counted(everywhere, 'No method')} "
        f"on every shift, and {harmed} of them do harm on some: which one helps depends on what has "
        f"changed.{few}\n\nEvery figure was measured in this run. {len(verdicts)} intervals are told here; by luck "
        f"alone about {0.05 * len(verdicts):.0f} of them would leave 0 out."
    )
    highlights = [
        Highlight(str(count["gain"]), f"gains, of {len(verdicts)} pairs of method and shift"),
        Highlight(str(count["loss"]), "losses: adapting did harm", f"{count['no gain']} are neither"),
        Highlight(
            str(still["gain"]),
            "gains where nothing has shifted",
            f"of {len(ways())} methods {still['no gain']} are neither better nor worse there, and {still['loss']} lose",
        ),
    ]
    facts = {
        "command": f"regard demo --toy --seed {toy.seed} --seeds {toy.seeds} --steps {toy.steps}",
        "time": f"{toy.cost.seconds:.0f} s, of which {toy.cost.cpu_seconds:.0f} s of a processor",
        "peak memory": f"{toy.cost.peak_mib:.0f} MiB",
        "regard": __version__,
        "machine": f"{platform.machine()}, {threads()} processors, no accelerator needed",
    }
    sections = [_shifts(toy), _overview(toy), *(_family(toy, family) for family in FAMILIES)]
    return write_report(path, "Red and blue", sections, summary, highlights=highlights, facts=facts, verdicts=True)


def _counted(number: int, none: str) -> str:
    return f"{none} gains" if not number else f"{number} {'gains' if number == 1 else 'gain'}"


def _shifts(toy: Toy) -> Section:
    tiles = []
    for name, shift in SHIFTS.items():
        drawn = toy.drawn[name]
        right = toy.experiment.arms[before("weighting")].mean(name)
        picture = toy_drawn(
            f"source and target points of “{shift.title}”, and the source's straight line",
            toy.boxes[name],
            (drawn.Xs, drawn.ys),
            (drawn.Xt, drawn.yt),
            toy.plain[name],
        )
        caption = Markup('<b>{}</b>: {}. <span class="figures">The line is right about {} of the target.</span>')
        tiles.append(_tile(picture, caption.format(shift.title, shift.what, _percent(right))))
    return Section(
        "The shifts",
        f"Filled points are the source, whose classes are known; hollow ones are the target. Shaded is what a straight "
        f"line that has learned from the source (logistic regression) answers where. Each picture shows the first of "
        f"{toy.seeds} draws; figures are means over all, on {SCORED} new target points.",
        [Picture(toy_legend()), Picture(_tiles(tiles))],
    )


def _overview(toy: Toy) -> Section:
    rows = []
    for way in ways():
        cells = []
        for shift in SHIFTS:
            found = toy.contrast(shift, way.key)
            cells.append(chip(found.verdict, _points(found.difference.mean)))
        rows.append([way.called, *cells])
    return Section(
        "What each was worth",
        "The gain in points over **the same classifier without adaptation**. ▲ is a gain, ▼ a loss, and = is no gain: "
        "the interval includes 0. Methods that are given target labels are set against a classifier that learns from "
        "these labels and the source together, or the labels' own worth would be called the method's.",
        [Table(["method", *(shift.title for shift in SHIFTS.values())], rows, "Gain in points on each shift.")],
    )


def _family(toy: Toy, family: Family) -> Section:
    blocks = [
        Picture(_tiles([_answer(toy, way, shift) for shift in SHIFTS]), _caption(toy, way)) for way in family.ways
    ]
    text = f"{family.idea}\n\n- **It works where** {family.works}\n- **It cannot where** {family.cannot}"
    return Section(family.title, text, blocks)


def _answer(toy: Toy, way: Way, shift: str) -> Markup:
    drawn, seen, title = toy.drawn[shift], toy.answered[shift, way.key], SHIFTS[shift].title
    found = toy.contrast(shift, way.key)
    was, now = (toy.experiment.arms[key].mean(shift) for key in (before(way.key), way.key))
    picture = toy_drawn(
        f"{way.called} on “{title}”: {_percent(was)} before, {_percent(now)} after",
        toy.boxes[shift],
        (seen.moved, drawn.ys),
        (drawn.Xt, drawn.yt),
        seen.after,
        seen.before,
        seen.weights,
        seen.known,
    )
    caption = Markup('<b>{}</b> {} <span class="figures">{} → {}</span><span class="figures">{} {}</span>').format(
        title,
        chip(found.verdict),
        f"{100 * was:.1f}",
        _percent(now),
        _points(found.difference.mean),
        found.difference.told(100, 1, "+").replace("-", "−"),
    )
    return _tile(picture, caption)


def _caption(toy: Toy, way: Way) -> str:
    """What a method is compared with, and what is to be seen of the source."""
    bases = {
        "linear": "logistic regression",
        "svm": "linear support vectors",
        "1nn": "the nearest neighbour",
        "machine": "support vectors with a Gaussian kernel",
        "network": "the same network, taught by the source alone",
    }
    with_labels = f" and {way.shots} target labels a class" if way.shots else ""
    compared = f"compared with {bases[way.base]}" + ("" if way.base == "network" else f" of the source{with_labels}")
    shown = [(toy.answered[shift, way.key], toy.drawn[shift].Xs) for shift in SHIFTS]
    if any(seen.weights is not None for seen, _ in shown):
        where = "Filled points are as large as they weigh."
    elif any(not np.allclose(seen.moved, Xs) for seen, Xs in shown):
        where = "Filled points are where the source ends up."
    else:
        where = "The source's points are where they were."
    return f"`{way.called}`, {compared}. {where}"


def _tiles(tiles: list[Markup]) -> Markup:
    return Markup('<div class="toys">{}</div>').format(Markup("").join(tiles))


def _tile(picture: Markup, caption: Markup) -> Markup:
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(picture, caption)


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
