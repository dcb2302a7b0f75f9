"""The last step on the page of a run from labels: what held-out images say of it, class by class, and where it errs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..core.values import group_codes
from ..create.selection import BINS, Selection
from ..data.imageset import ImageSet
from ..metrics.intervals import Interval, accuracy_interval
from ..metrics.multilabel import label_precisions
from ..metrics.score_calibration import reliability
from ..metrics.temperature import probabilities
from ..report.calibration_drawn import reliability_panels
from ..report.cards import Gallery
from ..report.figures import bars_with_intervals
from ..report.heat import heat_table
from ..report.html import Picture, Section, Table
from ..report.thumbs import cards
from .labels_data import about

MATRIX, BARS, PAIRS, PICTURES = 25, 30, 20, 24
FEW = 300  # answers: of 15 bins of 20 each, the share right in a bin has a standard error of a tenth


def truth_of(found: Selection) -> tuple[np.ndarray, np.ndarray]:
    """(m,) whether each image is named rightly, and (m,) its class; of one label an image."""
    return found.logits.argmax(axis=1) == found.truth, found.truth


def units_of(found: Selection, images: ImageSet) -> np.ndarray | None:
    """(m,) of which thing each held-out image is, by the column `identity`; None where it is not known."""
    if "identity" not in images.columns:
        return None
    rows = _rows(found, images)
    if (rows < 0).any():
        return None
    units = group_codes(images.columns["identity"][rows], "identity")
    # where each class is one thing, its images are all that there is to count
    pairs = None if found.several else np.unique(np.stack([units, found.truth]), axis=1)
    return None if pairs is not None and pairs.shape[1] == len(np.unique(found.truth)) else units


def selection_section(
    found: Selection,
    card: Mapping[str, Any],
    metrics: Mapping[str, Any],
    images: ImageSet,
    page: Path,
    units: np.ndarray | None,
) -> list[Section]:
    """What the held-out images say: against chance, class by class, how sure, and the worst mistakes."""
    parts = [_chosen(found, card, metrics, units)]
    if found.several:
        parts.append(_labels(found))
    else:
        parts += [_classes(found, units), _confusion(found)]
    parts.append(_calibration(found, metrics))
    wrong = _mistakes(found, images, page)
    return [*parts, *([wrong] if wrong else [])]


def _chosen(found: Selection, card: Mapping[str, Any], metrics: Mapping[str, Any], units: np.ndarray | None) -> Section:
    told = card["training"]
    by = "the weights of the last step" if told["keep"] == "last" else "the weights with the best held-out score"
    if told.get("ema") is not None:
        by = by.replace("the weights", "the average of the weights up to" if told["keep"] == "last" else "the average")
        by = by.replace("up to of", "up to")
    text = f"Kept: {by}."
    if told["keep"] == "best" or told.get("patience") is not None:
        text += (
            " **The held-out images chose them, so that their score is a little too good**: score on images that "
            "chose nothing."
        )
    text += (
        " Beside the score stands what the same network answers before any training, since similar pictures are "
        "similar vectors for any network, and what it is right in where the labels are dealt to other images, which "
        "must be at chance."
    )
    main = "map" if found.several else "accuracy"
    whole: float | Interval = metrics["map"] if found.several else accuracy_interval(truth_of(found)[0], units)
    rows = [
        ("held out", whole),
        ("before training", float(metrics[f"untrained_{main}"])),
        ("labels dealt anew", float(metrics[f"shuffled_{main}"])),
    ]
    alt = "held-out score beside that before training and with labels dealt anew"
    picture = bars_with_intervals(rows, alt, references={"chance": float(metrics["chance"])}, emphasis="held out")
    return Section("Selection", text, [Picture(picture)])


def _classes(found: Selection, units: np.ndarray | None) -> Section:
    right, truth = truth_of(found)
    each = {
        found.classes[one]: accuracy_interval(right[truth == one], None if units is None else units[truth == one])
        for one in np.unique(truth).tolist()
    }
    rows = sorted(each.items(), key=lambda row: (row[1].mean, row[0]))
    few = rows[:BARS]
    text = "The share of each class's held-out images that is named rightly, worst first, with its 95 % interval."
    if len(few) < len(rows):
        text += f" The {len(few)} worst of {len(rows):,}."
    if silent := [name for place, name in enumerate(found.classes) if not found.counts["held_out"][place]]:
        text += f" {len(silent):,} classes have no held-out image, so that nothing is known of them."
    if not all(one.known for one in each.values()):
        text += " Where there is no interval, the images of a class are of too few things to say how sure its bar is."
    if any(one.n < 20 for one in each.values()):
        text += " Wide intervals say that a class has few images: compare classes only where they do not overlap."
    alt = ", ".join(f"{name} {100 * one.mean:.0f} %" for name, one in few)
    return Section("Class by class", text, [Picture(bars_with_intervals(few, alt))])


def _confusion(found: Selection) -> Section:
    said, truth = found.logits.argmax(axis=1), found.truth
    many = len(found.classes)
    counts = np.zeros((many, many), int)
    np.add.at(counts, (truth, said), 1)
    if many <= MATRIX:
        caption = "Rows: what an image is. Columns: what it was taken for. Shaded by the share of the row."
        return Section("Confusion", "", [Picture(heat_table(found.classes, counts, caption, corner="is / taken for"))])
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(int(place), many) for place in order if wrong.flat[place]]
    rows = [
        [found.classes[is_], found.classes[as_], int(wrong[is_, as_]), int(counts[is_].sum())] for is_, as_ in pairs
    ]
    table = Table(["is", "taken for", "images", "of the class"], rows, "The commonest confusions.")
    return Section("Confusion", "", [table] if rows else [])


def _labels(found: Selection) -> Section:
    truth = found.truth.astype(bool)
    each, share = label_precisions(truth, found.logits), truth.mean(axis=0)
    order = sorted(range(len(found.classes)), key=lambda one: (np.isnan(each[one]), each[one]))
    rows = [
        [
            found.classes[one],
            None if np.isnan(each[one]) else float(each[one]),
            float(share[one]),
            int(truth[:, one].sum()),
        ]
        for one in order
    ]
    text = (
        "How well each label ranks the images that have it above those that do not: average precision, worst first. A "
        "random order gives about the share of images that have the label."
    )
    return Section("Label by label", text, [Table(["label", "AP", "random order", "images"], rows)])


def _calibration(found: Selection, metrics: Mapping[str, Any]) -> Section:
    panels = [(f"before: error {100 * metrics['ece']:.1f} %", reliability(*found.judged(False), BINS))]
    text = (
        "Of images that are named with 80 % probability, 80 % should be right: bars on the dashed line. Bars below it "
        "are overconfident, above it too modest. The calibration error is the mean distance, weighed by how many "
        "answers lie where (grey)."
    )
    if found.temperature is not None:
        panels.append((f"after: error {100 * metrics['ece_calibrated']:.1f} %", reliability(*found.judged(True), BINS)))
        text += (
            f" The temperature {found.temperature:.2f} divides all scores before they become probabilities; it was "
            f"fitted on {int(found.fitted.sum()):,} held-out images, and both diagrams are of the other "
            f"{int((~found.fitted).sum()):,}. It changes no answer. The classifier that is saved has it in its weights."
        )
    else:
        text += " There are too few held-out images to fit a temperature on half of them."
    judged = len(found.judged(False)[0])
    if judged < FEW:
        text += f" **Of so few answers ({judged:,}) the error is too high on average**, as each bar is off by chance."
    alt = "share right over probability, " + " and ".join(title for title, _ in panels)
    return Section("Are the probabilities right?", text, [Picture(reliability_panels(panels, alt))])


def _mistakes(found: Selection, images: ImageSet, page: Path) -> Section | None:
    p = probabilities(found.logits, found.temperature or 1.0, found.several)
    rows = _rows(found, images)
    shown = []
    for one, place, share in _several_wrong(found, p) if found.several else _one_wrong(found, p):
        if rows[one] < 0:
            continue
        name = found.classes[place]
        if found.several:
            has = bool(found.truth[one, place])
            facts = [("missed" if has else "seen, and not there", f"{name} ({100 * share:.0f} %)")]
        else:
            own = int(found.truth[one])
            facts = [
                ("is", f"{found.classes[own]} ({100 * p[one, own]:.0f} %)"),
                ("taken for", f"{name} ({100 * share:.0f} %)"),
            ]
        shown.append((images.items[rows[one]], about(images, int(rows[one]), page, facts=facts), Markup("")))
        if len(shown) == PICTURES:
            break
    if not shown:
        return None
    text = (
        "Held-out images that are named wrongly, the surest first, with the probabilities. Look at each: is the label "
        "wrong, is the image hard for you, too, or has the network learned something else?"
    )
    return Section("The worst mistakes", text, [Picture(cards(shown, Gallery()))])


def _one_wrong(found: Selection, p: np.ndarray) -> list[tuple[int, int, float]]:
    """(row, what it was taken for, how sure), the surest first."""
    said = p.argmax(axis=1)
    wrong = np.flatnonzero(said != found.truth)
    sure = p[wrong, said[wrong]]
    return [(int(wrong[at]), int(said[wrong[at]]), float(sure[at])) for at in np.argsort(-sure, kind="stable")]


def _several_wrong(found: Selection, p: np.ndarray) -> list[tuple[int, int, float]]:
    """(row, label, its probability), the largest error first, one of each image."""
    error = np.abs(p - found.truth)
    worst = error.argmax(axis=1)
    sure = error[np.arange(len(p)), worst]
    order = [at for at in np.argsort(-sure, kind="stable").tolist() if sure[at] > 0.5]
    return [(at, int(worst[at]), float(p[at, worst[at]])) for at in order]


def _rows(found: Selection, images: ImageSet) -> np.ndarray:
    """(m,) the place of each held-out image among those that are given; -1 where it is not among them."""
    places = {name: row for row, name in enumerate(images.ids.tolist())}
    return np.array([places.get(name, -1) for name in found.ids.tolist()])
