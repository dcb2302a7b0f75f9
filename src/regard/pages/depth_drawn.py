"""A picture, its measured depth, the depth that was told in the same colours, and where and which way they differ."""

from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from ..report.picture import embedded, loaded
from ..reuse.dense.depth_colours import UNKNOWN, limits, painted, with_bar
from ..reuse.dense.examined_depth import DepthPicture

FULL = 0.5  # share of the true depth from which an error has its full colour
FARTHER, NEARER = (178, 24, 43), (33, 102, 172)  # of ColorBrewer's RdBu, which colour-blind readers tell apart
SHORTEST = 280  # pixels of a panel
_LETTERS = 13


def depth_legend() -> Markup:
    """What colours mean."""
    rows = (
        ("#fde725", "near"),
        ("#440154", "far"),
        ("#{:02x}{:02x}{:02x}".format(*UNKNOWN), "not known"),
        ("#{:02x}{:02x}{:02x}".format(*FARTHER), f"told to be farther, by {FULL:.0%} or more"),
        ("#{:02x}{:02x}{:02x}".format(*NEARER), f"told to be nearer, by {FULL:.0%} or more"),
    )
    return Markup('<ul class="legend">{}</ul>').format(
        Markup("").join(
            Markup(
                '<li><svg class="swatch" viewBox="0 0 34 16" aria-hidden="true">'
                '<rect width="34" height="16" rx="3" style="fill: {}"/></svg><bdi>{}</bdi></li>'
            ).format(colour, text)
            for colour, text in rows
        )
    )


def depth_drawn(picture: DepthPicture, image: Any, name: str) -> Markup:
    """The four panels.

    Args:
        picture: what was scored.
        image: as `report.picture.loaded` takes it.
        name: of the picture, for readers who cannot see it.
    """
    height, width = picture.truth.shape
    near, far = limits(picture.truth)
    copy = loaded(image, max(height, width))
    by = max(1, -(-SHORTEST // max(height, width)))
    size = (by * width, by * height)
    seen = copy if isinstance(copy, str) else copy.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    maps = [_image(painted(one, near, far)) for one in (picture.truth, picture.told)]
    error = _image(errors_painted(picture.truth, picture.told))
    there, told = (with_bar(one, near, far, _LETTERS) for one in maps)
    panels = [
        (seen, name, "picture"),
        (there, f"{name}, measured: {near:.2g} to {far:.2g} m", "measured"),
        (told, f"{name}, told: {np.median(picture.told):.2g} m in the middle", "told"),
        (error, f"{name}, AbsRel {picture.abs_rel:.3f}", "error"),
    ]
    return Markup('<div class="pair three">{}</div>').format(
        Markup("").join(
            Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(embedded(one, alt, 4 * SHORTEST), below)
            for one, alt, below in panels
        )
    )


def errors_painted(truth: np.ndarray, told: np.ndarray) -> np.ndarray:
    """(told - true) / true as (H, W, 3) uint8: white is none, red farther, blue nearer, grey not known."""
    apart = np.nan_to_num((told - truth) / truth)
    share = np.clip(np.abs(apart) / FULL, 0, 1)[..., None]
    colour = np.where((apart > 0)[..., None], np.array(FARTHER), np.array(NEARER))
    made = (255 + share * (colour - 255.0)).round().astype(np.uint8)
    made[np.isnan(truth)] = UNKNOWN
    return made


def _image(pixels: np.ndarray) -> Any:
    """As large as it takes for letters below it."""
    by = max(1, -(-SHORTEST // max(pixels.shape[:2])))
    return Image.fromarray(pixels.repeat(by, axis=0).repeat(by, axis=1))
