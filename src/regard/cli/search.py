"""`regard search`: find images by image."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, emit, table


def search(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`.")],
    query: Annotated[list[str], typer.Argument(metavar="QUERY...", help="Images, or ids of the index with --id.")],
    top: Annotated[int, typer.Option(min=1, help="Results for each query.")] = 10,
    where: Annotated[
        str | None, typer.Option(help="Only images for which this holds: \"label = 'cat'\".", show_default=False)
    ] = None,
    by_id: Annotated[bool, typer.Option("--id", help="The queries are ids of images in the index.")] = False,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="What embeds the queries.", show_default="as the index was made"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Show the results as pictures in this .html.", show_default=False)
    ] = None,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the images of a collection that are most similar to a query image.

    A query is embedded as the collection was and never becomes a part of it. The score is the cosine of the vectors.
    """
    from ..core.runtime import measured
    from ..data.sources import open_images
    from ..reuse.search.index import SearchIndex

    there = SearchIndex.open(index)
    with measured() as cost:
        if by_id:
            hits = there.search_ids(query, top, where)
        else:
            asked = open_images(query[0] if len(query) == 1 else [Path(name) for name in query], argument="QUERY")
            options = {"precision": precision, "device": device, "watch": watcher("embed", quiet=quiet)}
            hits = there.search_images(asked, top, where, with_, **options)
    rows = [
        (name, place + 1, hit.score, hit.label, hit.path or hit.id)
        for name, found in zip(hits.queries, hits)
        for place, hit in enumerate(found)
    ]
    if out is not None:
        queries = zip(query, map(Path, there.paths(query))) if by_id else zip(asked.ids, asked.items)
        _page(out, index, len(there), dict(queries), hits)

    def human() -> None:
        table(["query", "place", "score", "label", "image"], rows)
        for note in hits.notes:
            print(f"note: {note}")
        if out is not None:
            print(f"pictures: {out}")

    answers = [
        {"query": name, "hits": [{**vars(hit), "place": place + 1} for place, hit in enumerate(found)]}
        for name, found in zip(hits.queries, hits)
    ]
    metrics = {"queries": len(hits), "collection": len(there), "seconds": cost.seconds}
    emit({"results": answers, "notes": hits.notes, "metrics": metrics}, json, human)


def _page(out: Path, index: str, count: int, images: dict[str, Any], hits: Any) -> None:
    from ..report.html import Picture, Section, write_report
    from ..report.thumbs import Hit, Query, neighbours

    shown = [
        Query(images[name], None, [Hit(Path(hit.path), hit.score, hit.label or Path(hit.path).name) for hit in found])
        for name, found in zip(hits.queries, hits)
        if found
    ]
    pictures = [Picture(neighbours(shown), "The query, and what is most similar to it.")] if shown else []
    empty = f"{len(hits) - len(shown)} of them found nothing." if len(shown) < len(hits) else ""
    summary = f"Queries: {len(hits)}. Images in the collection: {count}. {empty}"
    write_report(out, f"Search in {index}", [Section("What was found", "", pictures)], summary)
