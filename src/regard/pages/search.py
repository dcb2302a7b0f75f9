"""The page of `regard search`: each query and its results as pictures, and why geometry took a result for right."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from markupsafe import escape
from PIL import Image, ImageDraw

from ..data.decode import DecodeError, decode
from ..report.cards import Gallery
from ..report.html import Picture, Section, Table, literal, write_report
from ..report.thumbs import Hit as Tile
from ..report.thumbs import Query, neighbours, thumbnail
from ..reuse.search.query.hits import Hit, Hits
from .captions import about_file, about_hit

WHY = 5  # results whose matches are drawn
HIGH, WIDE = 300, 900  # pixels of such a drawing


def write_search_page(
    out: Path,
    index: str,
    count: int,
    pictures: Mapping[str, Path | np.ndarray],
    hits: Hits,
    columns: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """Write the page of what was found: each picture with its name, a link to its file, and what the index knows.

    Args:
        out: the file.
        index: what the index is called.
        count: images in it.
        pictures: of the queries, by name.
        hits: what was found.
        columns: what else the index keeps of each image, by id.
    """
    known, gallery = columns or {}, Gallery()
    shown = [
        Query(
            pictures.get(name),
            None,
            [Tile(_drawn(hit), hit.score, about=about_hit(hit, known.get(hit.id, {}), out)) for hit in found],
            about_file(name, pictures.get(name), out),
        )
        for name, found in zip(hits.queries, hits)
        if found
    ]
    told = "The query, and what is most similar to it. A picture is enlarged by a click; its name leads to its file."
    found_pictures = [Picture(neighbours(shown, gallery))] if shown else []
    sections = [Section("What was found", told if shown else "Nothing was found.", found_pictures)]
    if why := _why(pictures, hits):
        text = "Points of the query and of the result that one map between the two explains, and the box where it lies."
        sections.append(Section("Why", text, why))
    empty = f" {len(hits) - len(shown)} of them found nothing." if len(shown) < len(hits) else ""
    notes = "".join(f"\n{note}" for note in hits.notes)
    summary = literal(f"Queries: {len(hits)}. Images in the collection: {count}.{empty}{notes}")
    write_report(out, f"Search in {index}", sections, summary)


def _why(pictures: Mapping[str, Path | np.ndarray], hits: Hits) -> list[Picture | Table]:
    """The matches of the first results that geometry accepts."""
    from ..reuse.search.verify.draw import draw  # OpenCV comes with it

    drawn: list[Picture | Table] = []
    for name, found in zip(hits.queries, hits):
        for hit in found:
            if hit.verified is None or not hit.verified.accepted or len(drawn) == WHY:
                continue
            try:
                picture = draw(pictures[name], Path(hit.path), hit.verified, HIGH)
            except DecodeError:
                continue
            told = f"{Path(hit.path).name}: {hit.verified.inliers} points"
            drawn.append(Picture(thumbnail(picture, told, WIDE), escape(told)))
    return drawn


def _drawn(hit: Hit) -> Path | Image.Image:
    """The hit's picture; with the box that geometry found in it, or the region that answers best."""
    file = Path(hit.path or hit.id)
    if hit.verified is not None and hit.verified.accepted and hit.verified.box is not None:
        corners = hit.verified.box.tolist()
    elif hit.region is not None:
        left, top, right, bottom = hit.region
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    else:
        return file
    try:
        picture = Image.fromarray(decode(file).permute(1, 2, 0).numpy())
    except DecodeError:  # gone since it was indexed: the tile says so
        return file
    closed = [tuple(map(float, corner)) for corner in [*corners, corners[0]]]
    ImageDraw.Draw(picture).line(closed, fill=(255, 80, 0), width=max(2, max(picture.size) // 80))
    return picture
