"""The page of `regard robustness`: what is left of an accuracy under each corruption, as bars and curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..data.corruptions import FAMILIES
from ..report.figures import Curve, bars_with_intervals, learning_curves
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..studies.robustness import Robustness


def write_robustness_page(
    path: str | Path,
    found: Robustness,
    name: str,
    others: Mapping[str, Robustness],
    *,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Path:
    """Write the page and return its path.

    Args:
        path: of the page, ends in .html.
        found: of what was asked.
        name: its name.
        others: of what it is compared with, by name; at most one.
        notes: what the reader should know.
        facts: how the page was made.

    Raises:
        InputError: a name that does not end in .html.
    """
    name = name.replace("`", "")
    worst = min(found.rows(), key=lambda row: row[-1])
    lost = 100 * (found.clean.mean - found.corrupted.mean)
    summary = (
        f"`{name}` is right in **{100 * found.clean.mean:.1f} %** of {found.clean.n:,} clean pictures and in "
        f"**{100 * found.corrupted.mean:.1f} %** of the same under corruption ({len(found.accuracy)} kinds, severity "
        f"{', '.join(map(str, found.severities))}): {lost:.1f} points are lost. The worst is {worst[0]}, "
        f"{100 * worst[-1]:.1f} %."
    )
    for other, its in others.items():
        gain = found.difference(its)
        summary += (
            f" Against `{other.replace('`', '')}` under corruption: {100 * gain.mean:+.1f} points, "
            f"**{gain.verdict}** of these two networks: what another training of either would give is not counted."
        )
    highlights = [
        *[
            Highlight(f"{100 * one.mean:.1f} %", what, f"95 % interval {one.told(100, 1)}")
            for one, what in ((found.clean, "of clean pictures right"), (found.corrupted, "of corrupted ones"))
        ],
        Highlight(f"{found.metrics['mean_corruption_error']:.3f}", "mean corruption error", "less is better"),
    ]
    bars = [(row[0], float(row[-1])) for row in sorted(found.rows(), key=lambda row: row[-1])]
    picture = bars_with_intervals(
        bars, f"accuracy by corruption: {_told(bars)}", references={"clean": found.clean.mean}
    )
    sections = [
        Section("By corruption", "Means over severities, the worst first.", [Picture(picture)]),
        *_families(found, others, name),
        Section("Every figure", "", [table(found, name), *(table(its, other) for other, its in others.items())]),
    ]
    if notes:
        sections.append(Section("What to know", "", [Table(["note"], [[one] for one in notes])]))
    return write_report(
        path, "Robustness to corruptions", sections, summary, highlights=highlights, facts=facts, verdicts=bool(others)
    )


def table(found: Robustness, name: str) -> Table:
    """A row for each corruption, a column for each severity, and their mean."""
    heads = ["corruption", *(f"severity {one}" for one in found.severities), "mean"]
    return Table(heads, found.rows(), f"{name}: accuracy; clean {found.clean}, corrupted {found.corrupted}")


def _families(found: Robustness, others: Mapping[str, Robustness], name: str) -> list[Section]:
    """A curve for each corruption over its severities, a figure for each family."""
    if len(found.severities) < 2:
        return []
    blocks = []
    for family, names in FAMILIES.items():
        there = [one for one in names if one in found.accuracy]
        if not there:
            continue
        curves = [Curve(one, list(found.severities), list(found.accuracy[one])) for one in there]
        lines = {"clean": found.clean.mean}
        for its in others.values():
            lines["the other"] = float(np.mean([its.accuracy[one] for one in there]))
        alt = f"accuracy under {family} by severity: {_told([(one, found.accuracy[one][-1]) for one in there])}"
        figure = learning_curves(curves, alt, x="severity", y=family, percent=True, references=lines)
        blocks.append(Picture(figure))
    more = " `the other` is its mean over the figure." if others else ""
    return [Section("By severity", f"Of `{name}`; 1 is the weakest.{more}", blocks)]


def _told(rows: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {100 * value:.0f} %" for name, value in rows)
