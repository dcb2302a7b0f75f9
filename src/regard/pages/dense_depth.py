"""Sections of a page about depth: against the best constant of each row, the worst pictures, errors by distance."""

from pathlib import Path

import numpy as np
from markupsafe import Markup

from ..data.imageset import ImageSet
from ..metrics.depth import MEASURES
from ..report.cards import caption
from ..report.heat import bar
from ..report.html import Highlight, Picture, Section, Table
from ..reuse.dense.examined_depth import EDGES, DepthErrors
from ..reuse.dense.scoring import DenseScores
from ..reuse.dense.tally_depth import CONSTANT, GAIN, MAIN
from .captions import about_file
from .dense_objects import percent, unfolding
from .depth_drawn import depth_drawn, depth_legend

FIGURES = {
    "abs_rel": "AbsRel: mean of |told - true| / true",
    "sq_rel": "SqRel: mean of (told - true)^2 / true, metres",
    "rmse": "RMSE, metres",
    "rmse_log": "RMSE of the logarithm",
    "log10": "mean error of the decimal logarithm",
    "silog": "SILog: 100 times the standard deviation of the error of the logarithm",
    "delta1": "share of the pixels less than 1.25 times off",
    "delta2": "less than 1.25^2 times off",
    "delta3": "less than 1.25^3 times off",
    **{
        f"{name}_{way}": f"{title} brought to the true {what} in each picture"
        for way, what in (("median", "median"), ("scale_shift", "scale and shift"))
        for name, title in (("abs_rel", "AbsRel,"), ("rmse", "RMSE,"), ("delta1", "share less than 1.25 times off,"))
    },
    "row_constant_abs_rel": "AbsRel of the best constant of each row",
    "row_constant_gain": "how much less AbsRel is than that",
}
FEWEST = 0.001  # share of the pixels that a range of distances is told from


def summary(scores: DenseScores, errors: DepthErrors) -> str:
    """A few sentences for those who read nothing else."""
    value = scores.metrics[MAIN]
    assert value is not None
    told = [f"In {scores.images:,} pictures depth is **{percent(value)} off** on average."]
    constant = scores.metrics.get(CONSTANT)
    if constant is not None:
        told.append(
            f"The best constant of each row of the training pictures, which sees nothing, is {percent(constant)} off."
        )
        low, high = (scores.metrics.get(f"{GAIN}_{end}") for end in ("low", "high"))
        if low is None or high is None:
            told.append("There are too few pictures to say whether that is a gain.")
        elif low > 0:
            told.append(f"That is a gain, of {low:.3f} to {high:.3f} (95 % interval over pictures).")
        elif high < 0:
            told.append(f"**It is worse than that**, by {-high:.3f} to {-low:.3f} (95 % interval over pictures).")
        else:
            told.append(f"**No gain**: the interval of the difference, {low:.3f} to {high:.3f}, includes 0.")
    return " ".join(told)


def highlights(scores: DenseScores, errors: DepthErrors) -> list[Highlight]:
    """What stands beside the main measure."""
    found = []
    if (constant := scores.metrics.get(CONSTANT)) is not None:
        told = "fitted on the training pictures"
        found.append(Highlight(f"{constant:.3f}", "AbsRel of the best constant of each row", told))
    if (share := scores.metrics["delta1"]) is not None:
        found.append(Highlight(percent(share), "of the pixels are less than 1.25 times off", "delta 1"))
    return found


def sections(scores: DenseScores, errors: DepthErrors, images: ImageSet, out: Path) -> list[Section]:
    """The parts of the page, in order."""
    return [_worst(errors, images, out), _by_distance(errors), _by_picture(scores)]


def _worst(errors: DepthErrors, images: ImageSet, out: Path) -> Section:
    text = (
        f"The {len(errors.worst)} pictures with the largest AbsRel. After the picture is what was measured, then what "
        "was told, in the same colours, then the error: red is told to be farther away than it is, blue nearer."
    )
    every = []
    for one in errors.worst:
        about = about_file(images.called(one.row), images.items[one.row], out)
        told = Markup(' <span class="score">AbsRel {:.3f}</span>').format(one.abs_rel)
        shown = depth_drawn(one, images.items[one.row], about.name)
        every.append(Markup('<div class="about">{}{}</div>{}').format(caption(about), told, shown))
    return Section("Worst pictures", text, [Picture(depth_legend()), *unfolding(every)])


def _by_distance(errors: DepthErrors) -> Section:
    text = (
        "Each range of true distances by itself, of all pixels. The error is the mean of |told - true| / true. "
        "The lean is that of (told - true) / true: below 0, what is there is told to be nearer than it is."
    )
    most, whole, rows = float(np.nanmax(errors.error, initial=1e-9)), max(int(errors.pixels.sum()), 1), []
    for at, pixels in enumerate(errors.pixels.tolist()):
        if pixels < FEWEST * whole:
            continue
        ends = f"{EDGES[at]:g} to {EDGES[at + 1]:g} m" if at + 1 < len(EDGES) else f"{EDGES[at]:g} m and more"
        error, bias = float(errors.error[at]), float(errors.bias[at])
        rows.append(
            [ends, bar(error / most, f"{error:.3f}"), f"{bias:+.3f}", bar(pixels / whole, f"{pixels / whole:.1%}")]
        )
    return Section("Errors by distance", text, [Table(["distance", "error", "lean", "share of the pixels"], rows)])


def _by_picture(scores: DenseScores) -> Section:
    if not scores.by_image:
        return Section("Picture by picture", "Of a single picture there is no spread.")
    rows = []
    for name in MEASURES:
        values = scores.by_image[name]
        rows.append([name, *(f"{one:.3f}" for one in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))])
    columns = ["measure", "least", "quarter", "half", "three quarters", "most"]
    return Section("Picture by picture", "The spread of each measure over the pictures.", [Table(columns, rows)])
