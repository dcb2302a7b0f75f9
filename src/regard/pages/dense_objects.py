"""Sections of a page about found objects: kinds of error, the worst pictures, classes, curves, confusion, scores."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from ..data.imageset import ImageSet
from ..metrics.detection_kinds import KINDS
from ..metrics.working_point import RECALLS
from ..report.cards import caption
from ..report.detection_figures import precision_recall, reliability_figure
from ..report.heat import bar, heat_table
from ..report.html import Highlight, Picture, Section, Table
from ..reuse.dense.examined_objects import ObjectErrors
from ..reuse.dense.scoring import DenseScores
from .captions import about_file
from .errors_drawn import LOOKS, drawn, legend

CURVES = 7  # beside the mean
WIDE = 12  # classes of a table of confusion
PAIRS = 20  # of classes that are listed
OPEN = 8  # of the worst pictures that are shown at once; the others unfold
# kinds as columns are called
SHORT = {
    "missed": "missed",
    "background": "invented",
    "classification": "confused",
    "localisation": "ill placed",
    "both": "both",
    "duplicate": "doubled",
}


def summary(scores: DenseScores, errors: ObjectErrors) -> str:
    """A few sentences for those who read nothing else."""
    objects, hits = int(errors.objects.sum()), int(np.diag(errors.confusion)[:-1].sum())
    what = f"{objects:,} objects of {int((errors.objects > 0).sum())} classes in {scores.images:,} pictures"
    if not objects:
        return f"{what}: there is nothing to find, so nothing tells how well it is found."
    told = [f"{what}."]
    if hits:
        told.append(
            f"With answers from a score of **{errors.threshold:.2f}** on, where precision and recall are best balanced "
            f"on these very pictures, **{hits:,} of {objects:,} objects are found** ({percent(errors.recall)}), and "
            f"{percent(errors.precision)} of the answers are right."
        )
    else:
        told.append("**No answer is right.**")
    costs = {kind: cost for kind, cost in errors.costs.items() if kind in KINDS and cost is not None}
    most = max(costs, key=lambda kind: costs[kind], default=None)
    if most is not None and errors.ap50 is not None and costs[most] > 0.0005:
        told.append(
            f"The kind of error that costs most is **{LOOKS[most].word}**: put right, AP50 would be "
            f"{errors.ap50 + costs[most]:.3f} in place of {errors.ap50:.3f}."
        )
    return " ".join(told)


def highlights(scores: DenseScores, errors: ObjectErrors) -> list[Highlight]:
    """What stands beside the main measure."""
    shares = ((errors.recall, "of the objects are found"), (errors.precision, "of the answers are right"))
    since = f"from a score of {errors.threshold:.2f} on"
    return [Highlight(percent(share), what, since) for share, what in shares if share is not None]


def sections(scores: DenseScores, errors: ObjectErrors, images: ImageSet, out: Path) -> list[Section]:
    """The parts of the page, in order."""
    parts = [_kinds(errors), _worst(errors, images, out), _classes(scores, errors)]
    if errors.objects.any():
        parts.append(_curves(errors))
    parts.append(_confusion(errors))
    if errors.bins:
        parts.append(_scores(errors))
    return parts


def _kinds(errors: ObjectErrors) -> Section:
    """What is wrong, in plain words, and what it costs."""
    text = (
        f"Counted are answers with a score of {errors.threshold:.2f} or more. What a kind costs is what AP50 would "
        "gain, were all its errors put right; that is of all answers. Costs do not add up, as one error hides another "
        "(Bolya et al. 2020, TIDE)."
    )
    most = max(errors.counts.values()) or 1
    dearest = max((cost for kind in KINDS if (cost := errors.costs[kind]) is not None), default=0.0) or 1.0
    order = sorted(KINDS, key=lambda kind: (-(errors.costs[kind] or 0.0), -errors.counts[kind]))
    rows = []
    for kind in order:
        look, count, cost = LOOKS[kind], errors.counts[kind], errors.costs[kind]
        lost = None if cost is None else bar(cost / dearest, f"{max(cost, 0.0):.3f}")
        rows.append(
            [Markup("<b>{}</b>: {}").format(look.word, look.says), bar(count / most, f"{count:,}"), lost]
        )  # fmt: skip
    told, ends = "", (errors.costs["false_positives"], errors.costs["false_negatives"])
    if errors.ap50 is not None and None not in ends:
        wrong, missed = (errors.ap50 + (cost or 0.0) for cost in ends)
        told = (
            f"AP50 is {errors.ap50:.3f}; {wrong:.3f} without any wrong answer, {missed:.3f} without what is not found."
        )
    return Section("Six kinds of error", text, [Table(["kind", "how many", "costs AP50"], rows, told)])


def _worst(errors: ObjectErrors, images: ImageSet, out: Path) -> Section:
    clean = int((errors.by_image.sum(axis=1) == 0).sum())
    count = len(errors.by_image)
    text = f"In {clean:,} of {count:,} pictures nothing is wrong." if clean else "In every picture something is wrong."
    if not errors.worst:
        return Section("Worst pictures", text)
    text += (
        f" These {len(errors.worst)} are the worst, where sure errors weigh more than unsure ones. At the left is what "
        "is there, at the right what was found; numbers lead to the list below."
    )
    kinds = {kind for one in errors.worst for kind, many in one.counts.items() if many}
    key = Picture(legend(kinds, any(one.ignored.any() for one in errors.worst)))
    shown = []
    for one in errors.worst:
        about = about_file(images.called(one.row), images.items[one.row], out)
        pair = drawn(one, errors.names, images.items[one.row], about.name, f"picture-{one.row}")
        shown.append(Markup('<div class="about">{}</div>{}').format(caption(about), pair))
    return Section("Worst pictures", text, [key, *unfolding(shown)])


def unfolding(shown: Sequence[Markup]) -> list[Picture]:
    """Pictures one below another, of which only the first are open."""
    first, rest = [Picture(one) for one in shown[:OPEN]], shown[OPEN:]
    if not rest:
        return first
    inner = Markup("").join(Markup('<div class="figure">{}</div>').format(one) for one in rest)
    return [*first, Picture(Markup("<details><summary>{} more</summary>{}</details>").format(len(rest), inner))]


def _classes(scores: DenseScores, errors: ObjectErrors) -> Section:
    front = "mask_" if errors.by_masks else ""
    hits = np.diag(errors.confusion)[:-1]
    rows = []
    for at, name in enumerate(errors.names):
        counts = errors.counts_by_class[name]
        answers = int(hits[at]) + sum(counts[kind] for kind in KINDS if kind != "missed")
        objects = int(errors.objects[at])
        values = [
            *(scores.by_class[name].get(f"{front}{one}") for one in ("ap50", "ap")),
            hits[at] / objects if objects else None,
            hits[at] / answers if answers else None,
        ]
        rows.append([name, objects, *(rounded(value) for value in values), *(counts[kind] for kind in SHORT)])
    rows.sort(key=lambda row: (row[2] is None, row[2] or 0.0))
    columns = ["class", "objects", "AP50", "AP", "recall", "precision", *SHORT.values()]
    text = (
        f"The worst first. Recall, precision and errors count answers from a score of {errors.threshold:.2f} on. A "
        "wrong answer counts for the class that it says, a missed object for its own."
    )
    return Section("Class by class", text, [Table(columns, rows)])


def _curves(errors: ObjectErrors) -> Section:
    """The mean over classes, and all classes or the worst and the best."""
    there = np.flatnonzero(errors.objects > 0)
    order = there[np.argsort(-errors.curves[there].mean(axis=1), kind="stable")]
    few = order if len(order) <= CURVES else np.concatenate([order[:3], order[-3:]])
    curves = [("all classes", errors.curves[there].mean(axis=0))] if len(there) > 1 else []
    curves += [(errors.names[one], errors.curves[one]) for one in few]
    text = f"Precision at each recall, at {'masks' if errors.by_masks else 'boxes'} that overlap by half (IoU .50)."
    if len(order) > CURVES:
        text += f" Of {len(order)} classes the three best and the three worst."
    alt = "precision over recall: " + ", ".join(f"{name} {np.mean(values):.2f}" for name, values in curves)
    figure = precision_recall(curves, RECALLS, alt)
    return Section("Precision and recall", text, [Picture(figure, "Beside each name is the mean of its curve: AP50.")])


def _confusion(errors: ObjectErrors) -> Section:
    """Who was taken for whom."""
    names, table = [*errors.names, "nothing"], errors.confusion
    text = (
        f"Of answers with a score of {errors.threshold:.2f} or more. Rows are what is there, columns what was said; "
        "“nothing” at the foot is what was invented, at the right what was missed. Doubles and ill-placed answers are "
        "not in it."
    )
    shown, told = confused(table, len(errors.names))
    text += told
    caption_ = "Counts; shaded by their share of the row."
    heat = heat_table([names[at] for at in shown], table[np.ix_(shown, shown)], caption_, corner="there \\ said")
    blocks: list[Picture | Table] = [Picture(heat)]
    off = table.copy()
    np.fill_diagonal(off, 0)
    off[-1], off[:, -1] = 0, 0
    if pairs := largest(off, PAIRS):
        rows = [[names[at], names[to], int(off[at, to]), rounded(off[at, to] / errors.objects[at])] for at, to in pairs]
        blocks.append(
            Table(["there", "said", "times", "share of its objects"], rows, "Classes that are confused most.")
        )
    return Section("Confusion of classes", text, blocks)


def confused(table: np.ndarray, classes: int) -> tuple[np.ndarray, str]:
    """The rows of a table of confusion that are shown, those with the most errors, and what is said of it."""
    rest = np.arange(classes, len(table))
    if classes <= WIDE:
        return np.arange(len(table)), ""
    off = table - np.diag(np.diag(table))
    wrong = (off.sum(axis=0) + off.sum(axis=1))[:classes]
    kept = np.sort(np.argsort(-wrong, kind="stable")[:WIDE])
    return np.concatenate([kept, rest]), f" Of {classes} classes the {WIDE} with the most errors."


def largest(off: np.ndarray, most: int) -> list[tuple[int, int]]:
    """The places of the largest cells above 0, in falling order."""
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    return [(int(at), int(to)) for at, to in zip(*np.unravel_index(order, off.shape)) if off[at, to] > 0]


def _scores(errors: ObjectErrors) -> Section:
    """Whether scores mean what they say."""
    text = (
        "Of the answers with a score of .8, are 80 % right? On the dashed line they are; below it the scores promise "
        f"too much. The expected calibration error is **{errors.calibration_error:.3f}**: how far the two lie apart, "
        "averaged over answers. Missed objects are not in it."
    )
    told = ", ".join(f"{one.right:.0%} of {one.count} at {one.score:.2f}" for one in errors.bins)
    return Section(
        "Do the scores mean what they say?", text, [Picture(reliability_figure(errors.bins, f"share right: {told}"))]
    )


def rounded(value: float | None) -> float | None:
    """To three digits; None stays."""
    return None if value is None else round(float(value), 3)


def percent(share: float | None) -> str:
    r"""A share in words.

    >>> percent(0.257)
    '26\xa0%'
    """
    return "–" if share is None else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
