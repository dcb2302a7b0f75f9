"""How far two domains lie apart before and after a network was adapted: in total, class by class, and on a plane."""

import numpy as np

from ..adapt.deep.looks import Looks
from ..adapt.shift.measure import Shift, shift
from ..report.html import Highlight, Picture, Section, Table
from ..report.maps import map_before_after
from ..representation.project2d import project

FEWEST = 5  # images of a class in either domain, from which its shift is told
CLASSES = 40  # that the table lists


def shift_section(looks: Looks, chosen: str) -> tuple[Section, Highlight]:
    """Both measures of the whole, then of each class; and the A-distance in large print."""
    before = shift(looks.before_source, looks.before_target, looks.labels, looks.before, more=False)
    after = shift(looks.after_source, looks.after_target, looks.labels, looks.after, more=False)
    rows: list[list[object]] = [
        ["MMD², Gaussian kernel", before.rbf, after.rbf],
        ["its p-value", before.p_value, after.p_value],
        ["A-distance, 0 to 2", _distance(before), _distance(after)],
        ["difference of the class shares, 0 to 1", before.label_shift, after.label_shift],
    ]
    n, m = len(looks.labels), len(looks.rows)
    held = int((~looks.learned).sum())
    text = (
        f"On features of {n} source images ({held} of them not learned from) and {m} of the target, by the network "
        f"that the source alone has taught and by that of `{chosen}`. A target image's class is the one that each "
        "network tells. "
        "**A smaller shift is no proof of a better classifier**: classes may lie on one another wrongly."
    )
    whole = Table(["measure", "before", "after"], [[name, *map(_figure, ends)] for name, *ends in rows])
    found = Section("The shift before and after", text, [whole, _classes(looks, before, after)])
    note = f"{before.a_distance:.2f} before; 0: nothing tells the domains apart, 2: a line does"
    return found, Highlight(f"{after.a_distance:.2f}", "A-distance of the domains after", note)


def map_section(looks: Looks, chosen: str, truth: np.ndarray | None) -> Section:
    """The domains on a plane, coloured by domain, and below by class."""
    title = "Before and after, on a plane"
    sides = [(looks.before_source, looks.before_target), (looks.after_source, looks.after_target)]
    planes = [np.concatenate(pair) for pair in sides]
    flat = [name for name, one in zip(("before", "after"), planes) if not one.std(axis=0).max() > 0]
    if flat or len(planes[0]) < 3:
        why = f"{' and '.join(flat)} all images have the same features" if flat else "there are too few images"
        return Section(title, f"No map can be drawn: {why}.")
    of_target = looks.after if truth is None else truth[looks.rows]
    picture = map_before_after(
        project(planes[0], "tsne"),
        project(planes[1], "tsne"),
        np.repeat(["source", "target"], [len(looks.labels), len(looks.rows)]),
        np.concatenate([looks.labels, of_target]),
        alt=f"both domains on a plane before and after {chosen}",
        titles=("source only", "adapted"),
    )
    what = "is the one that the adapted network tells" if truth is None else "is the true one, which taught nothing"
    text = (
        "t-SNE keeps who is near whom; sizes and gaps of clusters mean nothing, and the two planes are not comparable "
        f"point by point. Colours above are domains, below classes; that of a target image {what}."
    )
    return Section(title, text, [Picture(picture)])


def _classes(looks: Looks, before: Shift, after: Shift) -> Table:
    names, counts = np.unique(looks.labels, return_counts=True)
    rows: list[list[object]] = []
    for name, count in zip(names.tolist(), counts.tolist()):
        told = [int((one == name).sum()) for one in (looks.before, looks.after)]
        enough = [min(count, one) >= FEWEST for one in told]
        ends = [one.per_class.get(name) if ok else None for one, ok in zip((before, after), enough)]
        rows.append([name, count, *told, *ends])
    rows.sort(key=lambda row: -float(before.per_class.get(str(row[0]), 0.0)))
    more = f" The {CLASSES} of {len(rows)} with the largest shift before." if len(rows) > CLASSES else ""
    heads = ["class", "source images", "told before", "told after", "MMD² before", "MMD² after"]
    return Table(heads, rows[:CLASSES], f"Class by class; from fewer than {FEWEST} images nothing is said.{more}")


def _distance(found: Shift) -> str:
    if not np.isfinite(found.a_distance):
        return "–"
    return f"{found.a_distance:.2f} [{found.a_distance_low:.2f}, {found.a_distance_high:.2f}]"


def _figure(value: object) -> object:
    if not isinstance(value, float):
        return value
    return f"{value:.3g}" if np.isfinite(value) else "–"
