"""Pictures in the page: thumbnails as data URIs, rows of nearest neighbours, and previews with captions.

These are HTML rather than one large drawing: pictures stay sharp, captions can be read out and selected, and the
rows fold on a narrow screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..core.checks import bad
from .cards import About, Gallery, caption
from .picture import SIDE, embedded, loaded

_FRAME = Markup('<div class="frame">{}</div>')
_CELL = Markup('<figure class="thumb {kind}">{frame}<figcaption>{caption}</figcaption></figure>')


@dataclass(frozen=True)
class Hit:
    """One picture that a search found.

    Attributes:
        image: the picture.
        score: its score.
        label: what to call it, or None.
        right: whether it is right; None: as the labels of query and hit say, where both are known.
        scored: whether the score is shown.
        about: its name, link and facts, which then stand below it in place of the label.
    """

    image: Any
    score: float
    label: str | None = None
    right: bool | None = None
    scored: bool = True
    about: About | None = None


@dataclass(frozen=True)
class Query:
    """A picture that was searched with, its label where that is known, and what was found, best first.

    With `about` its name, link and facts stand below it.
    """

    image: Any
    label: str | None = None
    hits: Sequence[Hit] = field(default_factory=tuple)
    about: About | None = None


def thumbnail(image: Any, alt: str = "", side: int = SIDE) -> Markup:
    """Give an `<img>` that carries a small copy of the picture in itself.

    A picture that cannot be read becomes a grey tile that says so, for a report shall not fail on it.

    Args:
        image: a path, an array as `core.images.as_rgb` takes it, or a PIL image.
        alt: what the picture shows, for readers who cannot see it.
        side: longer side in pixels; smaller pictures stay as they are.
    """
    return embedded(loaded(image, side), alt, side)


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
        _CELL.format(kind="plain", frame=_FRAME.format(thumbnail(image, told)), caption=told)
        for told, image in pictures
    ]
    return Markup('<div class="previews">{}</div>').format(Markup("").join(cells))


def neighbours(queries: Sequence[Query], gallery: Gallery | None = None) -> Markup:
    """Show each query beside what was found for it, with scores; frame and mark say right or wrong where labels do.

    Args:
        queries: pictures with their hits.
        gallery: of the page, where pictures of which something is known (`about`) can be enlarged.

    Raises:
        InputError: there are no queries, or one without hits.
    """
    if not queries or any(not query.hits for query in queries):
        raise bad("queries", "none, or one without hits", "at least one query with its hits")
    rich = any(query.about or any(hit.about for hit in query.hits) for query in queries)
    rows = []
    for query in queries:
        name = query.label or (query.about.name if query.about else "query")
        told = query.label or "query"
        below = Markup("{} {}").format(told, caption(query.about)) if query.about else told
        cells = [_cell("query", query.image, f"query: {name}", below, query.about, gallery)]
        for rank, hit in enumerate(query.hits, 1):
            known = query.label is not None and hit.label is not None
            right = hit.right if hit.right is not None else query.label == hit.label if known else None
            kind, mark, said = _marked(right)
            name = hit.label or (hit.about.name if hit.about else "picture")
            alt = f"result {rank}: {name}{f', score {hit.score:.2f}' if hit.scored else ''}{said}"
            score = Markup('<span class="score">{:.2f}</span>').format(hit.score) if hit.scored else Markup("")
            below = caption(hit.about, mark + score) if hit.about else mark + score + _name(hit.label)
            cells.append(_cell(kind, hit.image, alt, below, hit.about, gallery))
        rows.append(Markup('<div class="row">{}</div>').format(Markup("").join(cells)))
    width = 1 + max(len(query.hits) for query in queries)
    return Markup('<div class="neighbours{}" style="--columns: {}">{}</div>').format(
        " rich" if rich else "", width, Markup("").join(rows)
    )


def cards(pictures: Sequence[tuple[Any, About, Markup]], gallery: Gallery) -> Markup:
    """Show pictures side by side, to be enlarged, with what is known of each and something more below it.

    Raises:
        InputError: there are none.
    """
    if not pictures:
        raise bad("pictures", "none", "at least one picture")
    cells = [
        _cell("plain", image, about.name, caption(about) + more, about, gallery) for image, about, more in pictures
    ]
    return Markup('<div class="cards">{}</div>').format(Markup("").join(cells))


def _cell(kind: str, image: Any, alt: str, below: object, about: About | None, gallery: Gallery | None) -> Markup:
    if about is None or gallery is None:
        frame = _FRAME.format(thumbnail(image, alt))
    else:
        frame = gallery.frame(image, about, alt, image if isinstance(image, Path) else None)
    return _CELL.format(kind=kind, frame=frame, caption=below)


def _marked(right: bool | None) -> tuple[str, Markup, str]:
    if right is None:
        return "plain", Markup(""), ""
    if right:
        return "right", Markup('<span class="mark" aria-hidden="true">✓</span>'), ", right"
    return "wrong", Markup('<span class="mark" aria-hidden="true">✗</span>'), ", wrong"


def _name(label: str | None) -> Markup:
    return Markup('<span class="name">{}</span>').format(label) if label else Markup("")
