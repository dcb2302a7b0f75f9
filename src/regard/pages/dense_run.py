"""The page of a dense model's errors: of an evaluation, and of a training run with its curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from ..core.event_log import read_log
from ..core.events import Event
from ..data.imageset import ImageSet
from ..report.figures import Curve, learning_curves
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..reuse.dense.examined import Examined
from ..reuse.dense.examined_depth import DepthErrors
from ..reuse.dense.examined_objects import ObjectErrors
from ..reuse.dense.examined_pixels import PixelErrors
from ..reuse.dense.examined_space import SpaceErrors
from ..reuse.dense.scoring import MAIN, DenseScores
from . import dense_depth, dense_objects, dense_pixels, dense_space

REPORT = "report.html"
NOTES = 40  # pictures that were not scored, and notes, that are listed
FIGURES = {
    "ap": "AP: average precision of boxes, mean over IoU .50 to .95 (COCO)",
    "ap50": "AP50: at IoU .50, boxes that overlap by half",
    "ap75": "AP75: at IoU .75, boxes that fit well",
    "voc07": "AP50 by the rule of VOC 2007 (11 points)",
    "voc10": "AP50 by the rule of VOC 2010 (area)",
    "mask_ap": "AP of masks, mean over IoU .50 to .95 (COCO)",
    "mask_ap50": "AP50 of masks",
    "mask_ap75": "AP75 of masks",
    "miou": "mIoU: overlap of what is there and what was told, mean over classes",
    "pixel_accuracy": "share of the pixels with the right class",
    "boundary_f": "F of outlines, mean over classes",
    **dense_depth.FIGURES,
    **dense_space.FIGURES,
}
TITLES = {"ap50": "AP50", "mask_ap50": "mask AP50", "miou": "mIoU", "abs_rel": "AbsRel", "ap_1m": "AP at 1 m"}
# what a page says of each kind of errors: modules with `summary`, `sections` and `highlights`
KINDS: dict[type, ModuleType] = {
    ObjectErrors: dense_objects,
    PixelErrors: dense_pixels,
    DepthErrors: dense_depth,
    SpaceErrors: dense_space,
}


def write_dense_page(
    path: str | Path,
    title: str,
    scores: DenseScores,
    examined: Examined,
    images: ImageSet,
    *,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
    events: Sequence[Event] = (),
) -> Path:
    """Write one HTML page that stands alone: figures, kinds of error, the worst pictures beside the truth, classes.

    Args:
        path: the file; its name ends with .html.
        title: heading, such as "Boxes of cells".
        scores: as `examine` gives them.
        examined: likewise.
        images: what was scored; the worst of them are read again to be shown, and linked from the page.
        notes: what else to know.
        facts: how it was made: command, seed, versions.
        events: of a training run, whose curves are drawn.

    Raises:
        InputError: the file's name does not end with .html.
    """
    path, kind = Path(path), KINDS[type(examined)]
    told, parts = kind.summary(scores, examined), kind.sections(scores, examined, images, path)
    parts = [_figures(scores), *parts, *_training(events), *_notes(scores, notes)]
    return write_report(path, title, parts, told, highlights=_highlights(scores, examined), facts=facts)


def write_run_page(
    folder: Path,
    images: ImageSet,
    scores: DenseScores,
    examined: Examined,
    facts: Mapping[str, object],
    notes: Sequence[str] = (),
) -> None:
    """Write `report.html` into the folder of a training run: what `train_events` takes as `report`."""
    events = read_log(folder / "events.jsonl") if (folder / "events.jsonl").exists() else []
    title = f"{facts.get('head', 'a dense head')} on {facts.get('from', 'a representation')}"
    write_dense_page(folder / REPORT, title, scores, examined, images, notes=notes, facts=facts, events=events)


def main_of(scores: DenseScores) -> str:
    """The name of the measure that counts."""
    return next(name for name in reversed(MAIN.values()) if name in scores.metrics)


def _highlights(scores: DenseScores, examined: Examined) -> list[Highlight]:
    main = main_of(scores)
    value, ends = scores.metrics[main], _ends(scores, main)
    found = [Highlight("–" if value is None else f"{value:.3f}", TITLES[main], f"95 % interval {ends}" if ends else "")]
    return [*found, *KINDS[type(examined)].highlights(scores, examined)]


def _figures(scores: DenseScores) -> Section:
    own = {"ap": dense_space.MEAN} if dense_space.MAIN in scores.metrics else {}  # of boxes in space
    rows = [
        [own.get(name) or FIGURES.get(name, name), None if value is None else f"{value:.3f}", _ends(scores, name)]
        for name, value in scores.metrics.items()
        if not name.endswith(("_low", "_high"))
    ]
    return Section("Figures", "", [Table(["measure", "value", "95 % interval over pictures"], rows)])


def _ends(scores: DenseScores, name: str) -> str | None:
    """The interval as text; None where there is none."""
    if f"{name}_low" not in scores.metrics:
        return None
    low, high = (scores.metrics[f"{name}_{end}"] for end in ("low", "high"))
    if low is None or high is None or not np.isfinite([low, high]).all():
        return "too few to say"
    return f"{low:.3f} to {high:.3f}"


def _training(events: Sequence[Event]) -> list[Section]:
    """The loss, and the main score along the way."""
    blocks = []
    for kind, name, y in (("train", "loss", "loss of a batch"), *(("eval", main, TITLES[main]) for main in TITLES)):
        seen = [one for one in events if one.kind == kind and np.isfinite(one.values.get(name, np.nan))]
        if kind == "eval" and name == "ap50" and any("mask_ap50" in one.values for one in seen):
            continue
        if seen:
            curve = Curve("", [one.step for one in seen], [one.values[name] for one in seen])
            blocks.append(Picture(learning_curves([curve], f"{y} over the steps of training", y=y)))
    return [Section("Training", "", blocks)] if blocks else []


def _notes(scores: DenseScores, notes: Sequence[str]) -> list[Section]:
    blocks = []
    if notes:
        blocks.append(Table(["note"], _first([[one] for one in notes])))
    if scores.failed:
        rows = _first([[name, cause] for name, cause in scores.failed.items()])
        blocks.append(Table(["picture", "cause"], rows, f"Not scored: {len(scores.failed):,}."))
    return [Section("What to know", "", blocks)] if blocks else []


def _first(rows: list[list[str]]) -> list[list[str]]:
    more = [f"and {len(rows) - NOTES:,} more", *[""] * (len(rows[0]) - 1)]
    return rows if len(rows) <= NOTES else [*rows[:NOTES], more]
