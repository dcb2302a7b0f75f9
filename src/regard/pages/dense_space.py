"""Sections of a page about boxes in space: the worst pictures with a view from above, and errors by distance."""

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..data.imageset import ImageSet
from ..report.cards import caption
from ..report.heat import bar
from ..report.html import Highlight, Picture, Section, Table
from ..report.picture import embedded, loaded
from ..reuse.dense.colours import Colour, class_colour
from ..reuse.dense.examined_space import EDGES, SpaceErrors, SpacePicture
from ..reuse.dense.scoring import DenseScores
from ..reuse.dense.space_drawn import draw_boxes, from_above, rows_of
from ..reuse.dense.tally_space import MAIN
from .captions import about_file
from .dense_objects import percent, unfolding

DRAWN = 0.3  # score from which an answer is drawn
SIDE = 460  # pixels of a picture's longer side
TRUTH: Colour = (255, 255, 255)
_NAMES = {"0.5m": ".5 m", "1m": "1 m", "2m": "2 m", "4m": "4 m"}
MEAN = "AP, mean over .5, 1, 2 and 4 m"
FIGURES = {
    "ap_1m": "AP at 1 m: centres less than a metre apart on the ground (area under the curve)",
    **{f"ap_{at}": f"AP at {name}" for at, name in _NAMES.items() if at != "1m"},
    **{f"nuscenes_ap_{at}": f"AP at {name} by nuScenes' rule" for at, name in _NAMES.items()},
    "nuscenes_ap": "AP by nuScenes' rule (less .1, from a recall of .1), mean over .5, 1, 2 and 4 m",
    "translation_error": "distance of the centres on the ground, of what is right at 2 m, metres",
    "scale_error": "1 - IoU of the sizes, of what is right at 2 m",
    "yaw_error": "smallest angle between the fronts, of what is right at 2 m, radians",
}


def summary(scores: DenseScores, errors: SpaceErrors) -> str:
    """A few sentences for those who read nothing else."""
    value, yaw = scores.metrics[MAIN], scores.metrics["yaw_error"]
    objects, found = int(errors.objects.sum()), int(errors.found.sum())
    told = [f"In {scores.images:,} pictures there are {objects:,} objects that count."]
    if value is not None:
        told.append(f"AP of centres less than a metre apart is **{value:.3f}**.")
    if objects:
        told.append(f"{percent(found / objects)} have an answer within 2 m, whatever its score.")
    if yaw is not None:
        told.append(f"Of these the front is {yaw:.2f} rad ({np.degrees(yaw):.0f} degrees) off on average.")
        told.append(f"In {percent(errors.turned)} front and back are taken for one another.")
    return " ".join(told)


def highlights(scores: DenseScores, errors: SpaceErrors) -> list[Highlight]:
    """What stands beside the main measure."""
    found = []
    if (yaw := scores.metrics["yaw_error"]) is not None:
        found.append(Highlight(f"{yaw:.2f} rad", "yaw error", "of what is right at 2 m"))
    if (metres := scores.metrics["translation_error"]) is not None:
        found.append(Highlight(f"{metres:.2f} m", "translation error", "of what is right at 2 m"))
    return found


def sections(scores: DenseScores, errors: SpaceErrors, images: ImageSet, out: Path) -> list[Section]:
    """The parts of the page, in order."""
    return [_worst(scores, errors, images, out), _by_distance(errors), _classes(scores)]


def _worst(scores: DenseScores, errors: SpaceErrors, images: ImageSet, out: Path) -> Section:
    text = (
        f"The {len(errors.worst)} pictures with most expected mistakes. White boxes are what is there, coloured ones "
        f"what was told with a score of at least {DRAWN:g}; a cross marks the front. Beside it the same from above, "
        "the camera at the lower edge: what is there in grey, paler where it counts neither way; the thick side, to "
        "which a line goes from the middle, is the front."
    )
    names, every = list(scores.by_class), []
    for one in errors.worst:
        item = images.items[one.answer.row]
        about = about_file(images.called(one.answer.row), item, out)
        told = Markup(' <span class="score">{:.2f} mistakes</span>').format(one.mistakes)
        every.append(
            Markup('<div class="about">{}{}</div>{}').format(caption(about), told, _pair(one, item, about.name))
        )
    rows = [
        Markup('<span style="color:rgb{}">■</span> <bdi>{}</bdi> ').format(class_colour(k), n)
        for k, n in enumerate(names)
    ]
    legend = Picture(Markup("<p>{}</p>").format(Markup("").join(rows)))
    return Section("Worst pictures", text, [legend, *unfolding(every)])


def _pair(one: SpacePicture, item: Any, name: str) -> Markup:
    from PIL import Image, ImageDraw

    answer = one.answer
    sure = (answer.scores >= DRAWN).numpy()
    assert answer.space is not None and answer.camera is not None
    found, truth = answer.space.double().numpy()[sure], rows_of(one.truth)
    colours = [class_colour(int(label)) for label in answer.classes.numpy()[sure]]
    above = from_above(truth, found, colours, 300, one.ignored.tolist())
    copy, scale = loaded(item, max(answer.size)), SIDE / max(answer.size)
    seen: Any = copy
    if not isinstance(copy, str):
        size = tuple(max(1, round(scale * side)) for side in answer.size[::-1])
        seen = copy.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        draw = ImageDraw.Draw(seen)
        draw_boxes(draw, truth, answer.camera, scale, [TRUTH] * len(truth), 2)
        draw_boxes(draw, found, answer.camera, scale, colours, 2)
    told = f"{len(truth)} objects there, {len(found)} told"
    panels = [(seen, f"{name}: {told}", "picture"), (above, f"{name} from above: {told}", "from above")]
    return Markup('<div class="pair">{}</div>').format(
        Markup("").join(
            Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(embedded(shown, alt, SIDE), below)
            for shown, alt, below in panels
        )
    )


def _by_distance(errors: SpaceErrors) -> Section:
    text = (
        "Objects that count by their distance on the ground, and what was found within 2 m of them, whatever its score."
    )
    rows, most = [], max(int(errors.objects.max(initial=0)), 1)
    for at, objects in enumerate(errors.objects.tolist()):
        if not objects:
            continue
        ends = f"{EDGES[at]:g} to {EDGES[at + 1]:g} m" if at + 1 < len(EDGES) else f"{EDGES[at]:g} m and more"
        figures = [
            None if np.isnan(one) else f"{one:.2f}" for one in (errors.metres[at], errors.size[at], errors.yaw[at])
        ]
        share = errors.found[at] / objects
        rows.append([ends, bar(objects / most, f"{objects:,}"), bar(share, f"{share:.0%}"), *figures])
    columns = ["distance", "objects", "found", "metres off", "scale error", "yaw error (rad)"]
    return Section("Errors by distance", text, [Table(columns, rows)])


def _classes(scores: DenseScores) -> Section:
    wanted = ("ap_1m", "ap", "nuscenes_ap", "translation_error", "scale_error", "yaw_error")
    rows = [
        [name, *(None if (value := one.get(key)) is None else f"{value:.3f}" for key in wanted)]
        for name, one in scores.by_class.items()
    ]
    columns = ["class", "AP at 1 m", "AP", "AP (nuScenes)", "metres off", "scale error", "yaw error (rad)"]
    return Section("Classes", "", [Table(columns, rows)])
