"""Sections of a page about classes of pixels: the worst pictures, classes, confusion."""

from pathlib import Path

import numpy as np
from markupsafe import Markup

from ..data.imageset import ImageSet
from ..report.cards import caption
from ..report.heat import bar, heat_table
from ..report.html import Highlight, Picture, Section, Table
from ..reuse.dense.examined_pixels import PixelErrors
from ..reuse.dense.scoring import DenseScores
from .captions import about_file
from .dense_objects import PAIRS, confused, largest, percent, rounded, unfolding
from .maps_drawn import map_legend, maps_drawn


def summary(scores: DenseScores, errors: PixelErrors) -> str:
    """A few sentences for those who read nothing else."""
    whole, hits = int(errors.confusion.sum()), int(np.diag(errors.confusion).sum())
    if not whole:
        return f"No pixel of {scores.images:,} pictures counts, so nothing tells how well they are classed."
    known = {name: row["iou"] for name, row in scores.by_class.items() if row["iou"] is not None}
    worst, best = min(known, key=lambda name: known[name]), max(known, key=lambda name: known[name])
    told = Markup(
        "<p>{:,} pictures with {} classes. <strong>{:.1f} % of the pixels</strong> have the right class. Best is "
        "<bdi>{}</bdi> (IoU {:.2f}), worst <bdi>{}</bdi> (IoU {:.2f}).</p>"
    )
    return told.format(scores.images, len(known), 100 * hits / whole, best, known[best], worst, known[worst])


def highlights(scores: DenseScores, errors: PixelErrors) -> list[Highlight]:
    """What stands beside the main measure."""
    share = scores.metrics.get("pixel_accuracy")
    return [] if share is None else [Highlight(percent(share), "of the pixels have the right class")]


def sections(scores: DenseScores, errors: PixelErrors, images: ImageSet, out: Path) -> list[Section]:
    """The parts of the page, in order."""
    return [_worst(errors, images, out), _classes(scores, errors), _confusion(errors)]


def _worst(errors: PixelErrors, images: ImageSet, out: Path) -> Section:
    if not errors.worst:
        return Section("Worst pictures", "Nothing is wrong in any picture.")
    text = (
        f"The {len(errors.worst)} pictures with the lowest mIoU within the picture, over classes that are there or "
        "were told. At the left is what is there, then what was told, then where they differ."
    )
    seen = np.unique(np.concatenate([part.ravel() for one in errors.worst for part in (one.truth, one.found)]))
    key = Picture(map_legend(errors.names, [int(one) for one in seen if one < len(errors.names)]))
    every = []
    for one in errors.worst:
        about = about_file(images.called(one.row), images.items[one.row], out)
        told = Markup(' <span class="score">mIoU {:.2f}, {} of its pixels wrong</span>').format(
            one.miou, percent(one.wrong)
        )
        shown = maps_drawn(one, errors.names, images.items[one.row], about.name)
        every.append(Markup('<div class="about">{}{}</div>{}').format(caption(about), told, shown))
    return Section("Worst pictures", text, [key, *unfolding(every)])


def _classes(scores: DenseScores, errors: PixelErrors) -> Section:
    pixels, whole = errors.confusion.sum(axis=1), max(int(errors.confusion.sum()), 1)
    rows = []
    for at, name in enumerate(errors.names):
        iou, outline = scores.by_class[name]["iou"], scores.by_class[name].get("boundary_f")
        found = errors.confusion[at, at] / pixels[at] if pixels[at] else None
        shown = None if iou is None else bar(iou, f"{iou:.3f}")
        rows.append((iou, [name, shown, *map(rounded, (outline, found, pixels[at] / whole))]))
    rows.sort(key=lambda pair: (pair[0] is None, pair[0] or 0.0))
    columns = ["class", "IoU", "outlines (F)", "found", "share of the pixels"]
    text = (
        "The worst first. IoU is the overlap of what is there and what was told; “found” the share of the class's "
        "pixels that was told to be of it; F says how well outlines are met."
    )
    return Section("Class by class", text, [Table(columns, [row for _, row in rows])])


def _confusion(errors: PixelErrors) -> Section:
    table = errors.confusion
    shown, told = confused(table, len(errors.names))
    text = f"Rows are what is there, columns what was told.{told}"
    names = [errors.names[at] for at in shown]
    caption_ = "Per cent of the row's pixels; shaded by them."
    heat = heat_table(names, table[np.ix_(shown, shown)], caption_, corner="there \\ told", shares=True)
    blocks: list[Picture | Table] = [Picture(heat)]
    off = table - np.diag(np.diag(table))
    if pairs := largest(off, PAIRS):
        whole = table.sum(axis=1)
        wrong = max(int(off.sum()), 1)
        rows = [
            [errors.names[at], errors.names[to], rounded(off[at, to] / whole[at]), rounded(off[at, to] / wrong)]
            for at, to in pairs
        ]
        columns = ["there", "told", "share of the class", "share of all errors"]
        blocks.append(Table(columns, rows, "Classes that are confused most, by pixels."))
    return Section("Confusion of classes", text, blocks)
