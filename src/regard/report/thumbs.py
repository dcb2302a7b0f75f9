"""Pictures in the page: thumbnails as data URIs, rows of nearest neighbours, and previews with captions.

These are HTML rather than one large drawing: pictures stay sharp, captions can be read out and selected, and the
rows fold on a narrow screen.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from ..core.checks import bad
from ..data.decode import DecodeError, decode, decode_pillow

SIDE = 160  # pixels of a thumbnail's longer side: twice what the page shows, for dense screens
_TINY = 64  # pictures up to this many pixels keep every pixel (PNG, shown with hard edges)

_CELL = Markup(
    '<figure class="thumb {kind}"><div class="frame">{image}</div><figcaption>{caption}</figcaption></figure>'
)


@dataclass(frozen=True)
class Hit:
    """One picture that a search found.

    Attributes:
        image: the picture.
        score: its score.
        label: what to call it, or None.
        right: whether it is right; None: as the labels of query and hit say, where both are known.
        scored: whether the score is shown.
    """

    image: Any
    score: float
    label: str | None = None
    right: bool | None = None
    scored: bool = True


@dataclass(frozen=True)
class Query:
    """A picture that was searched with, its label where that is known, and what was found, best first."""

    image: Any
    label: str | None = None
    hits: Sequence[Hit] = field(default_factory=tuple)


def thumbnail(image: Any, alt: str = "", side: int = SIDE) -> Markup:
    """Give an `<img>` that carries a small copy of the picture in itself.

    A picture that cannot be read becomes a grey tile that says so, for a report shall not fail on it.

    Args:
        image: a path, an array as `core.images.as_rgb` takes it, or a PIL image.
        alt: what the picture shows, for readers who cannot see it.
        side: longer side in pixels; smaller pictures stay as they are.
    """
    from PIL import Image

    item = image if isinstance(image, Path | bytes | np.ndarray) else Path(image) if isinstance(image, str) else None
    try:
        if isinstance(image, Image.Image):
            pixels = decode_pillow(image)
        else:
            pixels = decode(np.asarray(image) if item is None else item, short_side=side).permute(1, 2, 0).numpy()
    except DecodeError as error:
        return Markup('<span class="unreadable" role="img" aria-label="{}" title="{}">not readable</span>').format(
            f"{alt}: {error}", str(error)
        )
    small = Image.fromarray(pixels)
    tiny = max(small.size) <= _TINY
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if tiny:
        small.save(buffer, "PNG", optimize=True)
    else:
        small.save(buffer, "JPEG", quality=82, optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img{} src="data:image/{};base64,{}" width="{}" height="{}" alt="{}">').format(
        Markup(' class="tiny"') if tiny else "", "png" if tiny else "jpeg", data, *small.size, alt
    )


def previews(pictures: Sequence[tuple[str, Any]]) -> Markup:
    """Show pictures side by side with a caption under each, such as the puzzles that a pretext task sets.

    Args:
        pictures: (caption, picture) pairs; pictures as `thumbnail` takes them.

    Raises:
        InputError: there are none.
    """
    if not pictures:
        raise bad("pictures", "none", "at least one picture")
    cells = [
        _CELL.format(kind="plain", image=thumbnail(image, caption), caption=caption) for caption, image in pictures
    ]
    return Markup('<div class="previews">{}</div>').format(Markup("").join(cells))


def neighbours(queries: Sequence[Query]) -> Markup:
    """Show each query beside what was found for it, with scores; frame and mark say right or wrong where labels do.

    Raises:
        InputError: there are no queries, or one without hits.
    """
    if not queries or any(not query.hits for query in queries):
        raise bad("queries", "none, or one without hits", "at least one query with its hits")
    rows = []
    for query in queries:
        name = query.label or "query"
        cells = [_CELL.format(kind="query", image=thumbnail(query.image, f"query: {name}"), caption=name)]
        for rank, hit in enumerate(query.hits, 1):
            known = query.label is not None and hit.label is not None
            right = hit.right if hit.right is not None else query.label == hit.label if known else None
            kind, mark, told = _marked(right)
            alt = f"result {rank}: {hit.label or 'picture'}{f', score {hit.score:.2f}' if hit.scored else ''}{told}"
            score = Markup('<span class="score">{:.2f}</span>').format(hit.score) if hit.scored else ""
            caption = Markup("{}{}{}").format(mark, score, _name(hit.label))
            cells.append(_CELL.format(kind=kind, image=thumbnail(hit.image, alt), caption=caption))
        rows.append(Markup('<div class="row">{}</div>').format(Markup("").join(cells)))
    width = 1 + max(len(query.hits) for query in queries)
    return Markup('<div class="neighbours" style="--columns: {}">{}</div>').format(width, Markup("").join(rows))


def _marked(right: bool | None) -> tuple[str, Markup, str]:
    if right is None:
        return "plain", Markup(""), ""
    if right:
        return "right", Markup('<span class="mark" aria-hidden="true">✓</span>'), ", right"
    return "wrong", Markup('<span class="mark" aria-hidden="true">✗</span>'), ", wrong"


def _name(label: str | None) -> Markup:
    return Markup('<span class="name">{}</span>').format(label) if label else Markup("")
