"""The page of `regard play`: the answer, every method with intervals, forgetting, costs, and matrices as heat maps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..metrics.intervals import Interval
from ..report.cost_drawn import Point, against_cost
from ..report.figures import Curve, learning_curves
from ..report.gains import Gain, seconds
from ..report.heat import score_table
from ..report.html import Highlight, Picture, Section, Table, literal, write_report
from ..studies.play_words import points, share, size
from ..studies.played import MAIN, MEASURES, MOVING, Method, StreamPlayed

MOST_CURVES = 10  # of tasks in one figure; of more the matrix tells
LEAST_SECONDS, LEAST_BYTES = 0.01, 1000.0
_SHARES: dict[str, Any] = {"percent": True, "within": (0.0, 1.0)}  # one scale for all, so that figures compare
LOOKS = {
    "probe": "A fresh linear probe on each task, with the encoder as it is after each row.",
    "drift": "How far vectors moved since the task was learned: 1 − linear CKA. 0 is not at all.",
    "stale": "mAP with the index as it was made when the task was learned, asked with the encoder of now.",
    "again": "mAP with the index extracted again by the encoder of now.",
}


def write_play_page(
    found: StreamPlayed, path: str | Path, *, command: str = "", facts: Mapping[str, object] | None = None
) -> Path:
    """Write the page and return its path.

    Args:
        found: the methods that were played.
        path: of the page, ends in .html.
        command: the command line that made it.
        facts: more of how it was made.

    Raises:
        InputError: a name that does not end in .html.
    """
    notes = [*found.notes]
    sections = [_every(found), _time(found), _cost(found), *(_of_method(found, one) for one in found.methods.values())]
    sections += _looks(found)
    rows = [[name, "did not end", why] for name, why in found.failed.items()]
    rows += [[name, "cannot play this stream", why] for name, why in found.left_out.items()]
    if rows:
        sections.append(Section("Not among them", "", [Table(["method", "what", "why"], rows)]))
    if notes:
        sections.append(Section("What to know", "", [Table(["note"], [[one] for one in notes])]))
    gains = [
        Gain(
            f"{name}, against {found.against}",
            found.methods[found.against].values(MAIN).mean(),
            one.values(MAIN).mean(),
            found.difference(name),
            seconds=one.seconds,
        )
        for name, one in found.methods.items()
        if name != found.against
    ]
    lines = [found.answer.replace(" -", " \u2212").replace("[-", "[\u2212")]
    if found.failed:
        lines.append(f"Did not end, and are not among these: {', '.join(found.failed)}.")
    told: dict[str, object] = {"command": command} if command else {}
    told |= {"representation": found.representation, "seeds": ", ".join(map(str, found.seeds)), **(facts or {})}
    return write_report(
        path,
        f"What is kept of {found.stream}",
        sections,
        literal("\n".join(lines)),
        gains=gains,
        highlights=_highlights(found),
        facts=told,
    )


def method_table(found: StreamPlayed) -> Table:
    """A row for each method, the best first: measures in per cent with intervals, costs, who is ahead, the verdict."""
    measures = found.measures
    rows: list[list[object]] = []
    for one in sorted(found.methods.values(), key=lambda one: -one.values(MAIN).mean()):
        values = [share(one.value(name)) if name in one.measures else "–" for name in measures]
        base = one.name == found.against
        gain = found.difference(one.name)
        ahead = ["", ""] if base else [points(gain).replace(" points", ""), gain.verdict]
        rows.append([one.name, one.kind, *values, seconds(one.seconds), size(one.bytes), *ahead])
    heads = ["method", "kind", *(MEASURES[name][0] for name in measures)]
    return Table([*heads, "seconds", "bytes kept", f"against {found.against}", "verdict"], rows)


def _highlights(found: StreamPlayed) -> list[Highlight]:
    shown = []
    for best, what in (
        (found.frozen[:1], "the best on frozen vectors"),
        (found.of_kind(MOVING)[:1], "the best whose encoder moves"),
    ):
        if best:
            value = best[0].value(MAIN)
            note = f"95 % interval {value.told(100, 1)}" if value.known else "one seed: no interval"
            shown.append(Highlight(f"{100 * value.mean:.1f} %", f"{best[0].name}, {what}: final accuracy", note))
    apart = found.moving_against_frozen()
    if apart:
        name, first = next(iter(apart.items()))
        base = found.frozen[0].name
        shown.append(
            Highlight(f"{100 * first.mean:+.1f}".replace("-", "−"), f"points of {name} over {base}", first.verdict)
        )
    return shown


def _every(found: StreamPlayed) -> Section:
    kinds = set(found.kinds)
    what = {"classify": "accuracy among all classes known by then", "retrieve": "mAP of retrieval", "segment": "mIoU"}
    many = len(found.seeds)
    if found.mixed:
        what["classify"] = "accuracy"
    scores = ", ".join(what[one] for one in what if one in kinds)
    scores += ", of fresh probes on the encoder as it is after each task" * found.mixed
    text = (
        f"{len(found.tasks)} tasks, {many} seed{'s' * (many > 1)}; scores are {scores}. In per cent, with 95 % "
        "intervals over seeds, each of which cuts the stream anew. Forgetting is how far a task fell from its best; "
        "backward transfer what later tasks did to earlier ones. Seconds are those of learning all tasks (on "
        "frozen vectors without embedding the images, which is done once for all), bytes what is kept at the end for "
        "later ones, without the network itself."
    )
    table = method_table(found)
    rows = [[_whole(cell) for cell in row[:-2]] for row in table.rows]  # who is ahead stands in the table of gains
    return Section("Every method", text, [Table(table.columns[:-2], rows)])


def _whole(cell: object) -> object:
    """An interval that is not broken over lines, with a minus sign."""
    return cell.replace("-", "\u2212").replace(", ", ",\u00a0") if isinstance(cell, str) and "[" in cell else cell


def _time(found: StreamPlayed) -> Section:
    curves = []
    for one in found.methods.values():
        if len(values := one.over_rows()) > 1:
            curves.append(Curve(one.name, list(range(1, len(values) + 1)), values))
    if not curves:
        return Section("As tasks come", "There is one task, and nothing to forget.")
    ends = ", ".join(f"{one.label} {100 * _mean(one.points[-1]):.0f} %" for one in curves)
    picture = learning_curves(
        curves,
        f"mean score on the tasks seen so far: at the end {ends}",
        x="after task",
        y="mean score on what was seen",
        **_SHARES,
    )
    return Section(
        "As tasks come", "The mean score on all tasks learned by then; bands are intervals.", [Picture(picture)]
    )


def _cost(found: StreamPlayed) -> Section:
    each = list(found.methods.values())
    drawn = []
    for x, least, cost in (
        ("seconds to learn all tasks", LEAST_SECONDS, lambda one: one.seconds),
        ("bytes kept", LEAST_BYTES, lambda one: one.bytes),
    ):
        made = [Point(one.name, cost(one), one.value(MAIN)) for one in each]
        alt = f"final accuracy against {x}: " + ", ".join(f"{one.name} {one.cost:.3g}" for one in made)
        write = size if x == "bytes kept" else "{:g}".format
        picture = against_cost(made, alt, x=x, y="final accuracy", least=least, written_as=write)
        less = f"; less than {write(least)} is drawn there" * any(one.cost < least for one in made)
        drawn.append(Picture(picture, f"On a logarithmic axis{less}."))
    return Section("What it costs", "Means over seeds; the line through a point is its interval.", drawn)


def _of_method(found: StreamPlayed, one: Method) -> Section:
    names = _short(found)
    rows = [f"after {row + 1}" for row in range(len(one.A))]
    heat = score_table(rows, names, one.A, f"{one.name}: score in per cent", outlined=one.learned.tolist())
    told = "Rows: after each task that came; columns: the task that is scored. Outlined: when it was learned."
    blocks: list[Picture | Table] = [Picture(heat, told)]
    curves = [
        Curve(name, [row + 1 for row in rows_of], [float(one.A[row, at]) for row in rows_of])
        for at, name in enumerate(names)
        if len(rows_of := _measured(one, at)) > 1
    ]
    if 0 < len(curves) <= MOST_CURVES:
        told = ", ".join(
            f"{curve.label} {100 * _mean(curve.points[0]):.0f} to {100 * _mean(curve.points[-1]):.0f} %"
            for curve in curves
        )
        picture = learning_curves(
            curves,
            f"{one.name}: each task from when it was learned: {told}",
            x="after task",
            y="score on each task",
            **_SHARES,
        )
        blocks.append(Picture(picture, "Each task from when it was learned on; what falls is forgotten."))
    ends = ", ".join(str(_whole(f"{MEASURES[name][0]} {share(one.value(name))}")) for name in one.measures)
    return Section(one.name, f"Of the kind “{one.kind}”, in per cent: {ends}.", blocks)


def _looks(found: StreamPlayed) -> list[Section]:
    """What was measured of the representation itself, a section for each look."""
    held = {one.name: one.looks() for one in found.methods.values()}
    known = [*LOOKS, *sorted({name for each in held.values() for name in each} - LOOKS.keys())]
    names, sections = _short(found), []
    for look in known:
        blocks: list[Picture | Table] = []
        alike: dict[bytes, list[str]] = {}  # encoders that never move have one look together
        for name, each in held.items():
            if look in each:
                alike.setdefault(each[look].tobytes(), []).append(name)
        for several in alike.values():
            values, one = held[several[0]][look], found.methods[several[0]]
            rows = [f"after {row + 1}" for row in range(len(values))]
            caption = f"{', '.join(several)}: {look}, in per cent"
            blocks.append(Picture(score_table(rows, names, values, caption, outlined=one.learned.tolist())))
        if blocks:
            sections.append(Section(f"The representation: {look}", LOOKS.get(look, ""), blocks))
    return sections


def _short(found: StreamPlayed) -> list[str]:
    """Names of tasks without the stream's own name before them."""
    front = f"{found.stream}-"
    return [f"task {name.removeprefix(front)}" if name.startswith(front) else name for name in found.tasks]


def _measured(one: Method, at: int) -> list[int]:
    """The rows from a task's learning on in which it was measured."""
    return [row for row in range(int(one.learned[at]), len(one.A)) if np.isfinite(one.A[row, at])]


def _mean(point: float | Interval) -> float:
    return point.mean if isinstance(point, Interval) else point
