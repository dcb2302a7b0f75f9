"""What is there beside what was found in one picture: boxes or outlines, errors coloured, numbered and named below.

Lines are SVG over a small copy of the picture, which is embedded once and shown twice. A kind of error differs from the
others by its colour (Okabe & Ito's), its dashes and its number, so that no reader depends on colours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from ..data.annotations import rle
from ..metrics.detection_kinds import KINDS
from ..report.picture import data_uri, loaded
from ..reuse.dense.examined_objects import ObjectPicture

SHOWN = 520  # pixels of the longer side of the embedded copy
LISTED = 12  # errors of a kind that are named below one picture
_TEXT = 13  # height of a number as a page shows it
_WIDE, _TALL = 440, 460  # as a page shows a picture at most
_OUTLINE = 240  # pixels of the longer side at which outlines of masks are followed


@dataclass(frozen=True)
class Look:
    """How a kind of error is called and drawn.

    Attributes:
        word: in a list of errors.
        says: what it means.
        colour: of its lines.
        dash: of its lines, in pixels.
    """

    word: str
    says: str
    colour: str
    dash: str = ""


LOOKS = {
    "missed": Look("missed", "an object that no answer has or comes near", "#ffb000", "7 4"),
    "background": Look("invented", "an answer where nothing is", "#ff6a1f"),
    "classification": Look("confused", "well placed, but of another class", "#f08ac8", "10 3 3 3"),
    "localisation": Look(
        "poorly placed", "the right class, but it overlaps too little (IoU .1 to .5)", "#6cc4f5", "3 3"
    ),
    "duplicate": Look("doubled", "an object that a surer answer has already", "#3ddc97", "12 4"),
    "both": Look("confused and poorly placed", "another class, and it overlaps too little", "#f0e442", "2 3 8 3"),
}
RIGHT = Look("right", "an object that was found, and the answer that found it", "#ffffff")
IGNORED = Look("ignored", "a difficult object or a crowd: it counts neither way", "#b9c0c8", "1 4")
_NEAR = Look("misjudged", "an object about whose place or class an answer is wrong", "#ffffff", "4 4")


def legend(kinds: set[str], ignored: bool) -> Markup:
    """What the lines mean: those of these kinds."""
    looks = [RIGHT, *(look for kind, look in LOOKS.items() if kind in kinds)]
    if kinds & {"localisation", "classification", "both"}:
        looks.insert(1, _NEAR)
    if ignored:
        looks.append(IGNORED)
    rows = Markup("").join(
        Markup("<li>{}<span><b>{}</b>: {}</span></li>").format(_swatch(look), look.word, look.says) for look in looks
    )
    return Markup('<ul class="legend">{}</ul>').format(rows)


def drawn(picture: ObjectPicture, names: tuple[str, ...], image: Any, name: str, key: str) -> Markup:
    """Truth at the left, answers at the right, and a list of the errors.

    Args:
        picture: what was found.
        names: of the classes.
        image: as `report.picture.loaded` takes it.
        name: of the picture, for readers who cannot see it.
        key: letters, digits and dashes that no other picture of the page has.
    """
    height, width = picture.size
    unit = max(width / _WIDE, height / _TALL)
    truth, found, told = Markup(""), Markup(""), []
    for row in np.argsort(picture.ignored, kind="stable")[::-1].tolist():
        if picture.missed[row]:
            continue
        look = IGNORED if picture.ignored[row] else RIGHT if _has(picture, row) else _NEAR
        title = f"{names[picture.truth_classes[row]]}: {look.word}"
        truth += _shape(picture.truth_boxes[row], _runs(picture.truth_masks, row), picture.size, look, title)
    chips: list[list[Markup]] = [[], []]
    for row in range(len(picture.boxes))[::-1]:  # the surest last, above the others
        title = f"{names[picture.classes[row]]} {picture.scores[row]:.2f}"
        if picture.kinds[row] < 0:
            found += _shape(picture.boxes[row], _runs(picture.masks, row), picture.size, RIGHT, title)
    for row in range(len(picture.boxes)):
        if picture.kinds[row] >= 0:
            look = LOOKS[KINDS[picture.kinds[row]]]
            told.append((look, _about(picture, row, names)))
            title = f"{len(told)}: {look.word}, {told[-1][1]}"
            found += _shape(picture.boxes[row], _runs(picture.masks, row), picture.size, look, title)
            at = _corner(picture.boxes[row], _runs(picture.masks, row), picture.size)
            chips[1].append(_chip(at, len(told), look, unit, picture.size))
    for row in np.flatnonzero(picture.missed).tolist():
        look = LOOKS["missed"]
        told.append((look, names[picture.truth_classes[row]]))
        title = f"{len(told)}: {look.word}, {told[-1][1]}"
        truth += _shape(picture.truth_boxes[row], _runs(picture.truth_masks, row), picture.size, look, title)
        at = _corner(picture.truth_boxes[row], _runs(picture.truth_masks, row), picture.size)
        chips[0].append(_chip(at, len(told), look, unit, picture.size))
    copy = loaded(image, SHOWN)
    counts = [_many(int((~picture.ignored).sum()), "object"), _many(len(picture.boxes), "answer")]
    said = [f"{name}, what is there: {counts[0]}", f"{name}, what was found: {counts[1]}"]
    first = _base(copy, picture.size, key)
    again = Markup('<use href="#{}"/>').format(key) if not isinstance(copy, str) else first
    panels = Markup("").join(
        Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(
            Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>').format(
                width, height, alt, base, lines, Markup("").join(numbers)
            ),
            below,
        )
        for alt, base, lines, numbers, below in zip(
            said, (first, again), (truth, found), chips, (f"there: {counts[0]}", f"found: {counts[1]}")
        )
    )
    return Markup('<div class="pair">{}</div>{}').format(panels, _listed(told))


def _listed(told: list[tuple[Look, str]]) -> Markup:
    """The errors by kind, each with its number."""
    kinds: dict[str, tuple[Look, list[Markup]]] = {}
    for number, (look, text) in enumerate(told, 1):
        kinds.setdefault(look.word, (look, []))[1].append(
            Markup("<span><b>{}</b> <bdi>{}</bdi></span>").format(number, text)
        )
    rows = []
    for look, errors in kinds.values():
        more = f" and {len(errors) - LISTED} more" if len(errors) > LISTED else ""
        named = Markup(" ").join(errors[:LISTED])
        rows.append(Markup("<li>{}<span><b>{}</b>: {}{}</span></li>").format(_swatch(look), look.word, named, more))
    return Markup('<ul class="legend errors">{}</ul>').format(Markup("").join(rows))


def _about(picture: ObjectPicture, row: int, names: tuple[str, ...]) -> str:
    """What an error says: its class and score, and what it should have said."""
    own, kind = f"{names[picture.classes[row]]} {picture.scores[row]:.2f}", KINDS[picture.kinds[row]]
    if kind in ("classification", "both") and picture.about[row] >= 0:
        true = names[picture.truth_classes[picture.about[row]]]
        return f"{own} is {true}" if kind == "classification" else f"{own} near {true}"
    return own


def _has(picture: ObjectPicture, truth: int) -> bool:
    """Whether an answer has this object."""
    return bool(((picture.about == truth) & (picture.kinds < 0)).any())


def _runs(masks: Any, row: int) -> np.ndarray | None:
    return None if masks is None else masks[row]


def _shape(box: np.ndarray, runs: np.ndarray | None, size: tuple[int, int], look: Look, title: str) -> Markup:
    """A box, or the outline of a mask, on a dark ground that sets it off from any picture."""
    path = None if runs is None or not rle.area(runs) else _outline(rle.decode(runs, size))
    if path is None:
        left, top, right, bottom = (round(float(side), 1) for side in box)
        path = f"M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}Z"
    fill = Markup("") if runs is None else Markup(' style="fill: {}; fill-opacity: .25"').format(look.colour)
    return Markup(
        '<g><title>{}</title><path class="ground" d="{}"{}/><path stroke="{}" stroke-dasharray="{}" d="{}"/></g>'
    ).format(title, path, fill, look.colour, look.dash or "none", path)


def _outline(mask: np.ndarray) -> str | None:
    """The outlines of a mask, followed in a small copy of it."""
    from skimage.measure import approximate_polygon, find_contours

    step = max(1, -(-max(mask.shape) // _OUTLINE))
    few = np.pad(mask[::step, ::step], 1).astype(float)
    lines = [approximate_polygon(line, 0.5) for line in find_contours(few, 0.5)]
    parts = []
    for line in lines:
        places = np.clip((line - 1 + 0.5) * step, 0, mask.shape)
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in places.tolist()) + "Z")
    return "".join(parts) or None


def _corner(box: np.ndarray, runs: np.ndarray | None, size: tuple[int, int]) -> tuple[float, float]:
    """Where the number of an error stands: at a corner of its box, or at the highest pixel of its mask."""
    if runs is None or not rle.area(runs):
        return float(box[0]), float(box[1])
    y, x = np.argwhere(rle.decode(runs, size))[0].tolist()
    return float(x), float(y)


def _chip(at: tuple[float, float], number: int, look: Look, unit: float, size: tuple[int, int]) -> Markup:
    """The number of an error, within the picture."""
    high, wide = _TEXT * 1.25 * unit, _TEXT * (0.62 * len(str(number)) + 0.5) * unit
    x = min(max(at[0], 0.0), max(size[1] - wide, 0.0))
    y = min(max(at[1], 0.0), max(size[0] - high, 0.0))
    return Markup(
        '<rect class="chip" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" stroke="{}"/>'
        '<text x="{:.1f}" y="{:.1f}" font-size="{:.2f}">{}</text>'
    ).format(x, y, wide, high, look.colour, x + wide / 2, y + high * 0.78, _TEXT * unit, number)


def _base(copy: Any, size: tuple[int, int], key: str) -> Markup:
    """The picture itself, or a grey ground with what failed."""
    height, width = size
    if isinstance(copy, str):
        return Markup('<rect width="{}" height="{}" fill="#888"><title>{}</title></rect>').format(width, height, copy)
    return Markup('<image id="{}" href="{}" width="{}" height="{}" preserveAspectRatio="none"/>').format(
        key, data_uri(copy, SHOWN)[0], width, height
    )


def _swatch(look: Look) -> Markup:
    return Markup(
        '<svg class="swatch" viewBox="0 0 34 16" aria-hidden="true"><rect width="34" height="16" rx="3"/>'
        '<path stroke="{}" stroke-dasharray="{}" d="M4 8H30"/></svg>'
    ).format(look.colour, look.dash or "none")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
