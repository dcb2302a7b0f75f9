"""The page of `regard search`: each query and its results as pictures, and why geometry took a result for right."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._hits import name_of

WHY = 5  # results whose matches are drawn
HIGH, WIDE = 300, 900  # pixels of such a drawing


def write_page(
    out: Path,
    index: str,
    count: int,
    images: dict[str, Any],
    hits: Any,
    columns: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write the page of what was found: each picture with its name, a link to its file, and what the index knows."""
    from ..report.cards import Gallery
    from ..report.html import Picture, Section, literal, write_report
    from ..report.thumbs import Hit, Query, neighbours

    known, gallery = columns or {}, Gallery()
    shown = [
        Query(
            images.get(name),
            None,
            [Hit(_drawn(hit), hit.score, about=_about(hit, known.get(hit.id, {}), out)) for hit in found],
            about_file(name, images.get(name), out),
        )
        for name, found in zip(hits.queries, hits)
        if found
    ]
    told = "The query, and what is most similar to it. A picture is enlarged by a click; its name leads to its file."
    pictures = [Picture(neighbours(shown, gallery))] if shown else []
    sections = [Section("What was found", told if shown else "Nothing was found.", pictures)]
    if why := _why(images, hits):
        text = "Points of the query and of the result that one map between the two explains, and the box where it lies."
        sections.append(Section("Why", text, why))
    empty = f" {len(hits) - len(shown)} of them found nothing." if len(shown) < len(hits) else ""
    notes = "".join(f"\n{note}" for note in hits.notes)
    summary = literal(f"Queries: {len(hits)}. Images in the collection: {count}.{empty}{notes}")
    write_report(out, f"Search in {index}", sections, summary)


def about_file(name: str, item: Any, out: Path) -> Any:
    """What stands below a picture of which only its name, and where its file is, are known."""
    from ..report.cards import About, file_link

    if not isinstance(item, Path):
        return About(name)
    return About(item.name or name, file_link(item, out), str(item))


def _about(hit: Any, columns: Mapping[str, Any], out: Path) -> Any:
    from ..report.cards import About, file_link

    folder = str(Path(hit.id).parent)
    facts = [
        ("label", hit.label),
        ("folder", None if folder in (".", hit.label) or Path(hit.id).is_absolute() else folder),
        *columns.items(),
    ]
    return About(name_of(hit), file_link(hit.path, out), hit.path or hit.id, facts)


def _why(images: dict[str, Any], hits: Any) -> list[Any]:
    """The matches of the first results that geometry accepts."""
    from markupsafe import escape

    from ..data.decode import DecodeError
    from ..report.html import Picture
    from ..report.thumbs import thumbnail
    from ..reuse.search.verify.draw import draw

    drawn: list[Any] = []
    for name, found in zip(hits.queries, hits):
        for hit in found:
            if hit.verified is None or not hit.verified.accepted or len(drawn) == WHY:
                continue
            try:
                picture = draw(images[name], Path(hit.path), hit.verified, HIGH)
            except DecodeError:
                continue
            told = f"{Path(hit.path).name}: {hit.verified.inliers} points"
            drawn.append(Picture(thumbnail(picture, told, WIDE), escape(told)))
    return drawn


def _drawn(hit: Any) -> Any:
    """The hit's picture; with the box that geometry found in it, or the region that answers best."""
    file = Path(hit.path or hit.id)
    if hit.verified is not None and hit.verified.accepted and hit.verified.box is not None:
        box = hit.verified.box
    elif hit.region is not None:
        left, top, right, bottom = hit.region
        box = [(left, top), (right, top), (right, bottom), (left, bottom)]
    else:
        return file
    from PIL import Image, ImageDraw

    from ..data.decode import DecodeError, decode

    try:
        picture = Image.fromarray(decode(file).permute(1, 2, 0).numpy())
    except DecodeError:  # gone since it was indexed: the tile says so
        return file
    corners = [tuple(map(float, corner)) for corner in box]
    ImageDraw.Draw(picture).line([*corners, corners[0]], fill=(255, 80, 0), width=max(2, max(picture.size) // 80))
    return picture
