"""`regard search`: find images by image."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._hits import as_dicts, further, rows_of
from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, emit, table
from ._stores import AllowHost


def search(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`.")],
    query: Annotated[
        list[str], typer.Argument(metavar="QUERY...", help="Images, a file of vectors, or with --id ids.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Results for each query.")] = 10,
    where: Annotated[
        str | None, typer.Option(help="Only images for which this holds: \"label = 'cat'\".", show_default=False)
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(help="x0,y0,x1,y1 in pixels: search with this part of the query image.", show_default=False),
    ] = None,
    not_: Annotated[
        list[str] | None,
        typer.Option("--not", metavar="IMAGE", help="Unlike this image; makes one query of all. Many times."),
    ] = None,
    together: Annotated[
        bool, typer.Option("--together", help="The queries show one thing: make one query of them.")
    ] = False,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="expansion (or qe), augmentation (dba), kreciprocal, diffusion, spatial: as a,b.", show_default=False
        ),
    ] = None,
    relevant: Annotated[
        float | None,
        typer.Option(
            metavar="Q",
            help="Only what stands out from the collection; of it this share comes by chance (0.05 is usual).",
            show_default=False,
        ),
    ] = None,
    regions: Annotated[
        bool, typer.Option("--regions", help="By parts of images: finds a small thing. Needs `index --regions`.")
    ] = False,
    way: Annotated[str, typer.Option("--search", help="auto, exact, sketch or ivf.")] = "auto",
    at: Annotated[
        str | None, typer.Option("--at", help="A tag or version: the index as it was.", show_default=False)
    ] = None,
    by_id: Annotated[bool, typer.Option("--id", help="The queries are ids of images in the index.")] = False,
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="What embeds the queries.", show_default="as the index was made"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Show the results as pictures in this .html.", show_default=False)
    ] = None,
    allow_host: AllowHost = None,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the images of a collection that are most similar to a query image.

    A query is embedded as the collection was and never becomes a part of it. The score is the cosine of the vectors,
    or what the last re-ranking makes of it. Up to 50,000 images are compared exactly; of more, the recall that is
    measured is shown.
    """
    from ..core.checks import InputError
    from ..core.runtime import measured
    from ..report.html import check_page
    from ..representation.embeddings import Embeddings
    from ..representation.sources import is_vectors
    from ..reuse.search.index.search_index import SearchIndex
    from ..reuse.search.query.reranking import read_stages

    if out is not None:
        check_page("--out", out)
    if regions and (at or together or not_ or relevant is not None):
        raise InputError("--regions: expected no --at, --together, --not or --relevant beside it.")
    there = SearchIndex.open(index, int(at) if at and at.isdigit() else at, allow_host=allow_host)
    stages = read_stages(rerank)
    options = {"precision": precision, "device": device, "watch": watcher("embed", quiet=quiet)}
    if by_id and (box or together or not_):
        raise InputError("--id: expected no --box, --together or --not beside it, which take images.")
    pictures: dict[str, Any]
    with measured() as cost:
        if regions:
            hits, pictures = _by_regions(there, query, by_id, box, top, where, with_, way, stages, options)
        elif len(query) == 1 and not by_id and is_vectors(query[0]):
            if box or together or not_:
                raise InputError("QUERY: expected images beside --box, --together or --not, got a file of vectors.")
            asked = Embeddings.load(query[0])
            hits = there.search(asked, top, where, strategy=way, rerank=stages, relevant=relevant)
            paths = asked.columns.get("path", [""] * len(asked))
            pictures = {str(name): Path(str(path)) for name, path in zip(asked.ids, paths) if path}
        elif by_id:
            hits = there.search_ids(query, top, where, strategy=way, rerank=stages, relevant=relevant)
            pictures = {name: Path(path or name) for name, path in zip(query, there.paths(query))}
        else:
            asked = _asked(query, box)
            if together or not_:
                wanted, unwanted = there.embedded(asked, with_, **options), None
                if not_:
                    unwanted = there.embedded(_asked(not_, None), with_, **options).vectors
                from ..reuse.search.query.combine import combine

                one = combine(wanted.vectors, unwanted)
                hits = there.search(
                    one, top, where, strategy=way, rerank=stages, pictures=[asked.items[0]], relevant=relevant
                )
                hits.queries = (" + ".join(map(str, asked.ids)),)
                pictures = {hits.queries[0]: asked.items[0]}
            else:
                hits = there.search_images(
                    asked, top, where, with_, strategy=way, rerank=stages, relevant=relevant, **options
                )
                pictures = dict(zip(map(str, asked.ids), asked.items))
    columns = further(there, hits)
    if out is not None:
        from ._search_page import write_page

        write_page(out, index, len(there), pictures, hits, columns)

    def human() -> None:
        heads, rows, left = rows_of(hits, columns)
        table(heads, rows)
        if left:
            say(f"note: further columns are in --json and on the page: {', '.join(left)}")
        for note in hits.notes:
            say(f"note: {note}")
        if hits.strategy != "exact":
            say(f"found through the {hits.strategy}; measured recall@10 {hits.recall:.3f}")
        if out is not None:
            say(f"pictures: {out}")

    metrics = {"queries": len(hits), "collection": len(there), "recall": hits.recall, "seconds": cost.seconds}
    emit(
        {"results": as_dicts(hits, columns), "notes": hits.notes, "search": hits.strategy, "metrics": metrics},
        json,
        human,
    )


def _by_regions(
    there: Any,
    query: list[str],
    by_id: bool,
    box: str | None,
    top: int,
    where: str | None,
    with_: str | None,
    way: str,
    stages: Any,
    options: dict[str, Any],
) -> tuple[Any, dict[str, Any]]:
    """Hits by parts of images, and the query's pictures by name."""
    import numpy as np

    from ..data.imageset import ImageSet
    from ..reuse.search.regions.search import RegionSearch

    searcher = RegionSearch(there)
    asked = ImageSet(list(map(Path, there.paths(query))), np.array(query)) if by_id else _asked(query, box)
    left = query if by_id else None
    hits = searcher.search_images(asked, top, where, with_, leave_out=left, strategy=way, rerank=stages, **options)
    return hits, dict(zip(map(str, asked.ids), asked.items))


def _asked(query: list[str], box: str | None) -> Any:
    """The query images; with a box, that part of the only one."""
    from ..core.checks import bad
    from ..data.imageset import ImageSet
    from ..data.sources import open_images
    from ..reuse.search.query.crop import cut_out, read_box

    found = open_images(query[0] if len(query) == 1 else [Path(name) for name in query], argument="QUERY")
    if box is None:
        return found
    if len(found) != 1:
        raise bad("--box", f"{len(found)} query images", "one query image")
    return ImageSet([cut_out(found.items[0], read_box(box))], found.ids, name=found.name)
