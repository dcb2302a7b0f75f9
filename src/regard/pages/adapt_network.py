"""The page of a deep adaptation: what it was worth, how the domains were told apart, the shift, maps, the choice."""

import platform
from collections.abc import Sequence
from math import isfinite, log
from pathlib import Path
from typing import Any

from .. import __version__
from ..adapt.deep.looks import Course, read_courses, read_looks
from ..adapt.deep.result import DeepResult
from ..adapt.deep.signs import LEAST
from ..core.runtime import threads
from ..metrics.contrast import Difference
from ..metrics.intervals import Interval
from ..report.figures import Curve, bars_with_intervals, learning_curves
from ..report.gains import Gain, seconds
from ..report.html import Highlight, Picture, Section, Table, literal, write_report
from ..representation.folder_records import read_card
from .adapt_shift import map_section, shift_section

ALONE = "source_only"
CURVES = 6  # candidates that a figure shows
_COMMON = {"loss", "train_accuracy", "lr", "images_per_second", "share", "spread"}  # what every method logs


def write_network_page(found: DeepResult, path: str | Path, command: str = "") -> Path:
    """Write the page and return its path.

    Args:
        found: what deep adaptation gave; the rest is read from its folder.
        path: of the page, ends in .html.
        command: the command line that made it.

    Raises:
        InputError: files that were changed; a name that does not end in .html.
    """
    card, courses, looks = read_card(found.folder), read_courses(found.folder), read_looks(found.folder)
    training: dict[str, Any] = card["training"]
    shown, by = _shown(courses, found.chosen), str(training["by"])
    sections = [*_accuracies(found), *_confusion(shown), *_along(shown, by, "adapted" in found.metrics)]
    highlights = _highlights(found)
    if looks is not None:
        apart, highlight = shift_section(looks, found.chosen)
        sections += [apart, map_section(looks, found.chosen, found.truth)]
        highlights.append(highlight)
    sections += [_judged(found, by), *_costs(courses, str(training["keep"])), _notes(found)]
    facts = {
        **({"command": command} if command else {}),
        "made by": card["made_by"],
        "settings": ", ".join(f"{key}={value}" for key, value in card["task"]["method"].items()),
        **{key: training[key] for key in ("layers", "backbone_lr_factor", "batch", "lr", "seed", "keep", "precision")},
        "regard": __version__,
        "machine": f"{platform.machine()}, {threads()} processors",
    }
    title = f"Adapting a network: {found.chosen}"
    return write_report(
        path, title, sections, _summary(found), gains=_gains(found, card), highlights=highlights, facts=facts
    )


def _shown(courses: Sequence[Course], chosen: str) -> list[Course]:
    """The candidate that is kept, as many others as a figure takes, and last the source alone.

    Which tells no domains: so that each has one colour in all figures.
    """
    alone, kept = ([one for one in courses if one.name == name] for name in (ALONE, chosen))
    others = [one for one in courses if one.name not in (ALONE, chosen)]
    return [*(kept if chosen != ALONE else []), *others[: CURVES - 2], *alone]


def _summary(found: DeepResult) -> str:
    metrics, name = found.metrics, found.chosen.replace("`", "")
    if found.chosen == ALONE:
        told = "**The source alone was kept**: without target labels, no method was to be trusted more."
    else:
        told = f"`{name}` was kept, chosen without target labels."
    if "adapted" in metrics:
        told += (
            f" On {len(found.ids):,} target images it is right in **{_percent(metrics['adapted'])}**, the source alone "
            f"in {_percent(metrics['source_only'])}. The labels of the target served for these figures and taught "
            "nothing. Intervals are over target images, of one source and one seed: for a verdict take several."
        )
    else:
        told += f" The target has no labels to score with; its {len(found.ids):,} images were given classes."
    warned = [one for row in found.candidates if row["name"] == found.chosen for one in row["notes"]]
    return f"{told}\n\n**Take care**: {' '.join(warned)}" if warned else told


def _highlights(found: DeepResult) -> list[Highlight]:
    metrics = found.metrics
    if "adapted" not in metrics:
        return [Highlight(_percent(metrics["source_accuracy"]), "of held-out source images right, after")]
    told = (("source_only", "of the target right, source alone"), ("adapted", f"of it right, {found.chosen}"))
    return [Highlight(_percent(metrics[key]), what, f"95 % interval {_ends(metrics, key)}") for key, what in told]


def _gains(found: DeepResult, card: dict[str, Any]) -> list[Gain]:
    metrics = found.metrics
    if "adapted" not in metrics:
        return []
    before, after, gain = (_interval(metrics, key, len(found.ids)) for key in ("source_only", "adapted", "gain"))
    difference = Difference(gain.mean, gain.low, gain.high, gain.n, 1)
    cost = card.get("cost", {})
    return [Gain(found.chosen, before, after, difference, metrics["source"], metrics["seconds"], cost.get("peak_mib"))]


def _accuracies(found: DeepResult) -> list[Section]:
    if "adapted" not in found.metrics:
        return []
    n = len(found.ids)
    rows: list[tuple[str, float | Interval]] = [
        (ALONE, _interval(found.metrics, "source_only", n)),
        (found.chosen if found.chosen != ALONE else "kept", _interval(found.metrics, "adapted", n)),
        ("oracle", float(found.metrics["oracle"])),
    ]
    picture = bars_with_intervals(rows, "accuracy on the target", emphasis=rows[1][0])
    text = (
        "`oracle` is the best of all scorings of all candidates along their runs, as target labels would have chosen."
    )
    return [Section("Accuracy on the target", text, [Picture(picture)])]


def _confusion(courses: Sequence[Course]) -> list[Section]:
    """How well the domains were told apart along the run; of methods that do not tell them, their own losses."""
    right = _curves(courses, "train", "domain_accuracy")
    wrong = _curves(courses, "train", "domain_loss")
    blocks = []
    if right:
        alt = f"share of images whose domain is told, along the run: {_last(right)}"
        line = {"guessing": 0.5}
        blocks.append(Picture(learning_curves(right, alt, y="domains told right", percent=True, references=line)))
    if wrong:
        alt = f"cross-entropy of telling the domain, along the run: {_last(wrong)}"
        line = {"guessing": log(2)}
        blocks.append(Picture(learning_curves(wrong, alt, y="loss of telling them", references=line)))
    if blocks:
        text = (
            "A classifier learns along with the network to tell source from target, and the network learns to confuse "
            "it. Near guessing the domains are confused; far above they are not. **A classifier that guesses from the "
            "first step on may be constant**: then nothing was adapted, and the run says so below."
        )
        return [Section("Telling the domains apart", text, blocks)]
    names = dict.fromkeys(name.rpartition("/")[2] for one in courses for name in one.train)
    for name in [one for one in names if one not in _COMMON]:
        curves = _curves(courses, "train", name)
        alt = f"{name} along the run: {_last(curves)}"
        blocks.append(Picture(learning_curves(curves, alt, y=name.replace("_", " "))))
    text = "What the method itself brings down, or watches, along the run."
    return [Section("The method's own numbers", text, blocks)] if blocks else []


def _along(courses: Sequence[Course], by: str, labelled: bool) -> list[Section]:
    """Held-out source, the score without labels and the spread over classes, along the run."""
    spread = (
        "The entropy of the mean prediction by log K: 1 where all classes are told equally often. Below "
        f"{LEAST} the predictions have collapsed, unless the target is so."
    )
    told = [
        ("source_accuracy", "held-out source right", "Of source images that are not learned from.", True, {}),
        (by, f"score: {by}", "The score that chooses, without target labels; larger is better.", False, {}),
        ("class_entropy", "spread over classes", spread, False, {"collapse": LEAST}),
    ]
    if labelled:
        told.append(("oracle_accuracy", "target right", "By the target's labels, which choose nothing.", True, {}))
    blocks = []
    for name, y, caption, percent, lines in told:
        curves = _curves(courses, "eval", name)
        if curves:
            alt = f"{y}, along the run: {_last(curves)}"
            blocks.append(Picture(learning_curves(curves, alt, y=y, percent=percent, references=lines), caption))
    text = "Each candidate is scored ten times along its run, as its network then was."
    return [Section("Along the run", text, blocks)] if blocks else []


def _judged(found: DeepResult, by: str) -> Section:
    scores = list(dict.fromkeys(name for one in found.candidates for name in one["scores"]))
    rows = [
        [("→ " if one["name"] == found.chosen else "") + one["name"], one["source"]]
        + [one["scores"].get(name) for name in scores]
        for one in found.candidates
    ]
    text = (
        "What each candidate scored **without target labels**, beside its accuracy on held-out source images; larger "
        f"is better, and `{by}` decides which weights of a run are kept. Every score can be fooled: one that falls "
        "where another rises is a reason to look at the target."
    )
    return Section("How the candidates were judged", text, [Table(["candidate", "source accuracy", *scores], rows)])


def _costs(courses: Sequence[Course], keep: str) -> list[Section]:
    if not courses:
        return []
    rows = []
    for one in courses:
        wall, processor, peak = (one.cost.get(key) for key in ("seconds", "cpu_seconds", "peak_mib"))
        trained = wall is not None
        kept = one.best if keep == "best" else one.steps
        rows.append(
            [
                one.name,
                one.steps if trained else None,
                kept if trained else None,
                seconds(wall),
                seconds(processor),
                None if peak is None else round(peak),
            ]
        )
    heads = ["candidate", "steps", "kept at step", "time", "processor time", "peak MiB"]
    text = "Of each training, its scorings along the run included. Memory is the process's peak up to then."
    return [Section("What it cost", text, [Table(heads, rows)])]


def _notes(found: DeepResult) -> Section:
    rows = [["the run", note] for note in found.notes]
    rows += [[one["name"], note] for one in found.candidates for note in one["notes"] if one["name"] != found.chosen]
    blocks = [Table(["of", "note"], rows)] if rows else []
    calm = literal("Nothing went wrong that can be seen without target labels: no constant adversary, no collapse.")
    wrong = any(one["notes"] for one in found.candidates)
    return Section("What to know", "" if wrong else calm, blocks)


def _curves(courses: Sequence[Course], kind: str, name: str) -> list[Curve]:
    """A curve for each candidate that told this number, whichever of its players did."""
    found = []
    for course in courses:
        told = course.train if kind == "train" else course.eval
        key = next((one for one in told if one.rpartition("/")[2] == name), None)
        if key is not None:
            found.append(Curve(course.name, told[key][0].tolist(), told[key][1].tolist()))
    return found


def _last(curves: Sequence[Curve]) -> str:
    return ", ".join(f"{one.label} {one.points[-1]:.3g} at the end" for one in curves)


def _interval(metrics: dict[str, Any], key: str, n: int) -> Interval:
    low, high = (metrics[f"{key}_{end}"] for end in ("low", "high"))
    return Interval(metrics[key], -float("inf") if low is None else low, float("inf") if high is None else high, n)


def _ends(metrics: dict[str, Any], key: str) -> str:
    found = _interval(metrics, key, 0)
    return found.told(100, 1) if isfinite(found.low) else found.told()


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
