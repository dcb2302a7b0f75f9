"""The true map of classes of one picture beside the predicted one, and the picture with its wrong pixels marked."""

import base64
import colorsys
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from ..report.picture import embedded, loaded
from ..reuse.dense.examined_pixels import PixelPicture
from ..reuse.dense.target_semantic import VOID

# Okabe & Ito's colours and Paul Tol's "muted", which stay apart for colour-blind readers; further classes get hues
_FIRST = (
    "#56b4e9", "#d55e00", "#009e73", "#f0e442", "#cc79a7", "#0072b2", "#e69f00", "#332288", "#ddcc77", "#882255",
    "#44aa99", "#999933", "#88ccee", "#117733", "#cc6677", "#aa4499",
)  # fmt: skip
_VOID = "#2b2f36"
WRONG = "#b0005c"  # darker than the grey that it lies on, so that it is told apart without its hue


def class_colours(count: int) -> list[str]:
    """A colour for each class, the first of them apart for colour-blind readers too.

    >>> len(set(class_colours(254)))
    254
    """
    more = []
    for at in range(count - len(_FIRST)):
        hue, light = (at * 0.618034) % 1, (0.35, 0.55, 0.75)[at % 3]
        more.append("#" + "".join(f"{round(255 * part):02x}" for part in colorsys.hls_to_rgb(hue, light, 0.65)))
    return [*_FIRST[:count], *more]


def map_legend(names: Sequence[str], shown: Sequence[int]) -> Markup:
    """The colours of these classes, of pixels that count neither way, and of wrong ones."""
    colours = class_colours(len(names))
    rows = [(colours[one], names[one]) for one in shown]
    rows += [(_VOID, "counts neither way"), (WRONG, "wrong, in the third picture")]
    return Markup('<ul class="legend">{}</ul>').format(
        Markup("").join(
            Markup(
                '<li><svg class="swatch" viewBox="0 0 34 16" aria-hidden="true">'
                '<rect width="34" height="16" rx="3" style="fill: {}"/></svg><bdi>{}</bdi></li>'
            ).format(colour, name)
            for colour, name in rows
        )
    )


def maps_drawn(picture: PixelPicture, names: Sequence[str], image: Any, name: str) -> Markup:
    """Truth, prediction, and the picture in grey with its wrong pixels.

    Args:
        picture: what was found.
        names: of the classes.
        image: as `report.picture.loaded` takes it.
        name: of the picture, for readers who cannot see it.
    """
    colours = class_colours(len(names))
    wrong = (picture.truth != picture.found) & (picture.truth != VOID)
    panels = [
        (_painted(picture.truth, colours, f"{name}, what is there: {_top(picture.truth, names)}"), "there"),
        (_painted(picture.found, colours, f"{name}, what was told: {_top(picture.found, names)}"), "told"),
        (_marked(picture, wrong, image, f"{name}, {picture.wrong:.0%} of its pixels wrong"), "wrong pixels"),
    ]
    return Markup('<div class="pair three">{}</div>').format(
        Markup("").join(
            Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(shown, below) for shown, below in panels
        )
    )


def _top(values: np.ndarray, names: Sequence[str]) -> str:
    """The three largest classes of a map, in words."""
    counts = np.bincount(values[values != VOID], minlength=len(names))
    whole = max(int(counts.sum()), 1)
    largest = [one for one in np.argsort(-counts, kind="stable")[:3] if counts[one]]
    return ", ".join(f"{names[one]} {counts[one] / whole:.0%}" for one in largest) or "nothing that counts"


def _painted(values: np.ndarray, colours: Sequence[str], alt: str) -> Markup:
    table = np.full((256, 3), 0, dtype=np.uint8)
    table[: len(colours)] = [_rgb(one) for one in colours]
    table[VOID] = _rgb(_VOID)
    shown = Image.fromarray(values, "P")
    shown.putpalette(table.tobytes())
    buffer = io.BytesIO()
    shown.save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img class="tiny" src="data:image/png;base64,{}" width="{}" height="{}" alt="{}">').format(
        data, *shown.size, alt
    )


def _marked(picture: PixelPicture, wrong: np.ndarray, image: Any, alt: str) -> Markup:
    height, width = wrong.shape
    copy = loaded(image, max(height, width))
    if isinstance(copy, str):
        return embedded(copy, alt)
    grey = np.asarray(copy.convert("L").resize((width, height), Image.Resampling.LANCZOS))
    shown = np.repeat((0.5 * 255 + 0.45 * grey)[..., None], 3, axis=2)
    shown[wrong] = 0.15 * shown[wrong] + 0.85 * np.array(_rgb(WRONG))
    return embedded(Image.fromarray(shown.round().astype(np.uint8)), alt, max(height, width))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
