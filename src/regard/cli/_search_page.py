"""The page of `regard search`: each query and its results as pictures, and why geometry took a result for right."""

from pathlib import Path
from typing import Any

WHY = 5  # results whose matches are drawn
HIGH, WIDE = 300, 900  # pixels of such a drawing


def write_page(out: Path, index: str, count: int, images: dict[str, Any], hits: Any) -> None:
    """Write the page of what was found."""
    from ..report.html import Picture, Section, write_report
    from ..report.thumbs import Hit, Query, neighbours

    shown = [
        Query(images.get(name), None, [Hit(_drawn(hit), hit.score, hit.label or Path(hit.path).name) for hit in found])
        for name, found in zip(hits.queries, hits)
        if found
    ]
    pictures = [Picture(neighbours(shown), "The query, and what is most similar to it.")] if shown else []
    sections = [Section("What was found", "", pictures)]
    if why := _why(images, hits):
        text = "Points of the query and of the result that one map between the two explains, and the box where it lies."
        sections.append(Section("Why", text, why))
    empty = f"{len(hits) - len(shown)} of them found nothing." if len(shown) < len(hits) else ""
    summary = f"Queries: {len(hits)}. Images in the collection: {count}. {empty}"
    write_report(out, f"Search in {index}", sections, summary)


def _why(images: dict[str, Any], hits: Any) -> list[Any]:
    """The matches of the first results that geometry accepts."""
    from ..data.decode import DecodeError
    from ..report.html import Picture
    from ..report.thumbs import thumbnail
    from ..reuse.search.local.draw import draw

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
            drawn.append(Picture(thumbnail(picture, told, WIDE), told))
    return drawn


def _drawn(hit: Any) -> Any:
    """The hit's picture; with the box that geometry found in it, or the region that answers best."""
    if hit.verified is not None and hit.verified.accepted and hit.verified.box is not None:
        box = hit.verified.box
    elif hit.region is not None:
        left, top, right, bottom = hit.region
        box = [(left, top), (right, top), (right, bottom), (left, bottom)]
    else:
        return Path(hit.path)
    from PIL import Image, ImageDraw

    from ..data.decode import decode

    picture = Image.fromarray(decode(Path(hit.path)).permute(1, 2, 0).numpy())
    corners = [tuple(map(float, corner)) for corner in box]
    ImageDraw.Draw(picture).line([*corners, corners[0]], fill=(255, 80, 0), width=max(2, max(picture.size) // 80))
    return picture
