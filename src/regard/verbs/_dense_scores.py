"""How the scores of a dense task stand in tables."""

from collections.abc import Mapping

from ..report.html import Table

SHOWN = 50  # classes on a terminal


def score_table(metrics: Mapping[str, float | None], title: str) -> Table:
    """The figures, the ends of an interval beside what they belong to."""
    rows = []
    for name, value in metrics.items():
        if name.endswith(("_low", "_high")):
            continue
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        between = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        rows.append([name, "nothing tells it" if value is None else value, between])
    return Table(["figure", "value", "95 % interval"], rows, title)


def class_table(by_class: Mapping[str, Mapping[str, float | None]]) -> Table:
    """A row for each class, the first of many."""
    names = list(dict.fromkeys(name for scores in by_class.values() for name in scores))
    rows = [
        [label, *("" if scores.get(name) is None else scores[name] for name in names)]
        for label, scores in list(by_class.items())[:SHOWN]
    ]
    more = f" (the first {SHOWN} of {len(by_class)})" if len(by_class) > SHOWN else ""
    return Table(["class", *names], rows, f"by class{more}")
