"""`regard.search`: find images by image."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import InputError, bad
from ..core.runtime import measured
from ..data.imageset import ImageSet
from ..report.html import Table, check_page
from ..representation.embeddings import Embeddings
from ..reuse.search.index.search_index import SearchIndex
from ..reuse.search.query.columns import columns_of
from ..reuse.search.query.examples import search_examples
from ..reuse.search.query.hits import Hits
from ..reuse.search.query.reranking import read_stages
from ..reuse.search.query.searcher import Searcher
from ..reuse.search.regions.search import RegionSearch
from ._given import Rep, several
from ._hits_table import Columns, as_dicts, short_table, whole_table
from ._query import Images, boxed, read_images, read_query
from ._result import Progress, Result, verb, watch_of

Pictures = Mapping[str, Path | np.ndarray]  # of the queries, by name


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Searched(Result):
    """What a search found.

    Attributes:
        index: what was searched, as it was named.
        hits: for each query its hits, best first.
        columns: what else the index keeps of each image that was found, by its id.
        pictures: of the queries, by name, where there are any.
        out: the page that was written, or None.
    """

    verb: ClassVar[str] = "search"
    index: str
    hits: Hits
    columns: Columns
    pictures: Pictures
    out: Path | None = None

    def told(self) -> Mapping[str, object]:
        """The hits of each query, and how they were found."""
        return {"results": as_dicts(self.hits, self.columns), "search": self.hits.strategy}

    def shown(self) -> Iterator[str | Table]:
        """A row for each hit, what is to be said, and what the search may have missed."""
        found, left = short_table(self.hits, self.columns)
        yield found
        if left:
            yield f"note: further columns are in --json and on the page: {', '.join(left)}"
        for note in self.notes:
            yield f"note: {note}"
        if self.hits.strategy != "exact":
            yield f"found through the {self.hits.strategy}; measured recall@10 {self.hits.recall:.3f}"
        if self.out is not None:
            yield f"pictures: {self.out}"

    def rows(self) -> Table:
        """All that is known of each hit."""
        return whole_table(self.hits, self.columns)

    def write_page(self, path: Path) -> None:
        """The results as pictures."""
        from ..pages.search import write_search_page

        count = int(self.metrics["collection"] or 0)
        write_search_page(path, self.index, count, self.pictures, self.hits, self.columns)


@verb
def search(
    index: str | Path | Searcher,
    query: Images | Embeddings,
    *,
    top: int = 10,
    where: str | None = None,
    box: str | Sequence[float] | None = None,
    not_: Images | None = None,
    together: bool = False,
    rerank: str | Sequence[str] | None = None,
    relevant: float | None = None,
    regions: bool = False,
    search: str = "auto",
    at: int | str | None = None,
    id: bool = False,
    with_: Rep | None = None,
    out: str | Path | None = None,
    allow_host: str | Sequence[str] | None = None,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> Searched:
    """Find the images of a collection that are most similar to a query image.

    A query is embedded as the collection was and never becomes a part of it.

    Args:
        index: a folder made by `regard.index`, or a `SearchIndex`.
        query: a path, a PIL image, an array of uint8 (H, W, 3), several of these in a list, a folder, a table or an
            `ImageSet`; or vectors: an array (d,) or (q, d), `Embeddings`, or a file of them. With `id` ids of images
            in the index. It does not take paths and pixels in one list.
        top: results for each query.
        where: only images for which this holds: "label = 'cat'".
        box: x0, y0, x1, y1 in pixels, as numbers or text: search with this part of the query image.
        not_: unlike this image, or these; makes one query of all.
        together: the queries show one thing: make one query of them.
        rerank: expansion (or qe), augmentation (dba), csls, kreciprocal, diffusion, spatial: as "a,b" or a list.
        relevant: only what stands out from the collection; of it this share comes by chance (0.05 is usual).
        regions: by parts of images: finds a small thing. Needs an index with regions.
        search: auto | exact | sketch | ivf.
        at: a tag or version: the index as it was.
        id: the queries are ids of images in the index.
        with_: what embeds the queries; by default as the index was made.
        out: show the results as pictures in this .html; `to_html` does so later, too.
        allow_host: where the index's table may be, if not in its folder.
        precision: auto | fp32 | bf16 | int8.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Raises:
        InputError: what does not go together, an index or a query that cannot be used, and as `Searcher.search`.
    """
    if out is not None:
        check_page("--out", out)
    against = [] if not_ is None else several(not_)
    if regions and (at or together or against or relevant is not None):
        raise InputError("--regions: expected no --at, --together, --not or --relevant beside it.")
    if id and (box is not None or together or against):
        raise InputError("--id: expected no --box, --together or --not beside it, which take images.")
    there = _opened(index, at, allow_host)
    settings: dict[str, Any] = {"top": top, "where": where, "strategy": search, "rerank": read_stages(rerank)}
    settings |= {} if regions else {"relevant": relevant}
    options: dict[str, Any] = {"precision": precision, "device": device, "watch": watch_of(progress, "embed")}
    with measured() as cost:
        if id:
            hits, pictures = _by_ids(there, [str(name) for name in several(query)], regions, with_, settings, options)
        else:
            asked = read_query(query)
            if isinstance(asked, ImageSet):
                images = asked if box is None else boxed(asked, box)
                unwanted = read_images("--not", against) if against else None
                options["representation"] = with_
                hits, pictures = _by_images(there, images, unwanted, together, regions, settings | options)
            elif box is not None or together or against or regions:
                wanted = "images beside --box, --together, --not or --regions"
                raise InputError(f"QUERY: expected {wanted}, got {_told(query)}.")
            else:
                hits, pictures = there.search(asked, **settings), _files_of(asked)
    metrics = {"queries": len(hits), "collection": len(there), "recall": hits.recall, "seconds": cost.seconds}
    found = Searched(
        index=str(there.folder if isinstance(index, Searcher) else index),
        hits=hits,
        columns=columns_of(there, hits),
        pictures=pictures,
        out=None if out is None else Path(out),
        metrics=metrics,
        notes=hits.notes,
    )
    if found.out is not None:
        found.write_page(found.out)
    return found


def _opened(index: str | Path | Searcher, at: int | str | None, allow_host: str | Sequence[str] | None) -> Searcher:
    if isinstance(index, Searcher):
        if at is not None:
            raise bad("--at", repr(at), "the folder of an index beside it", "Or open it: SearchIndex.open(folder, at).")
        return index
    return SearchIndex.open(index, int(at) if isinstance(at, str) and at.isdigit() else at, allow_host=allow_host)


def _by_ids(
    there: Searcher,
    names: list[str],
    regions: bool,
    with_: Rep | None,
    settings: dict[str, Any],
    options: dict[str, Any],
) -> tuple[Hits, Pictures]:
    """Queries that are images of the index."""
    if regions:
        images = ImageSet([Path(path) for path in there.paths(names)], np.array(names))
        given = settings | options | {"representation": with_, "leave_out": names}
        return RegionSearch(there).search_images(images, **given), _pictures(images)
    hits = there.search_ids(names, **settings)
    return hits, {name: Path(path or name) for name, path in zip(names, there.paths(names))}


def _by_images(
    there: Searcher,
    asked: ImageSet,
    unwanted: ImageSet | None,
    together: bool,
    regions: bool,
    settings: dict[str, Any],
) -> tuple[Hits, Pictures]:
    """Queries from outside: each on its own, all as one, or by their regions."""
    if regions:
        return RegionSearch(there).search_images(asked, **settings), _pictures(asked)
    if together or unwanted is not None:
        hits = search_examples(there, asked, unwanted, **settings)
        return hits, {hits.queries[0]: asked.items[0]}
    return there.search_images(asked, **settings), _pictures(asked)


def _pictures(images: ImageSet) -> Pictures:
    return dict(zip(map(str, images.ids), images.items))


def _files_of(asked: Embeddings | np.ndarray) -> Pictures:
    """The files that vectors were made of, where their columns say so."""
    if not isinstance(asked, Embeddings):
        return {}
    paths = asked.columns.get("path", [""] * len(asked))
    return {str(name): Path(str(path)) for name, path in zip(asked.ids, paths) if path}


def _told(query: object) -> str:
    return "a file of vectors" if isinstance(query, str | Path | list) else "vectors"
