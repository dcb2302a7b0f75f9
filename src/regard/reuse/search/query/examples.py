"""One query of several images: examples for and against (`combine.py`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....data.imageset import ImageSet
from ....representation.representation import Representation
from .combine import combine
from .hits import Hits
from .searcher import Searcher


def search_examples(
    index: Searcher,
    wanted: ImageSet,
    unwanted: ImageSet | None = None,
    top: int = 10,
    where: str | None = None,
    representation: Representation | str | Path | None = None,
    *,
    strategy: str = "auto",
    rerank: Sequence[str] = (),
    relevant: float | None = None,
    **embed_settings: Any,
) -> Hits:
    """Find what all wanted images show and the others do not; they are embedded as the collection was.

    Args:
        index: the collection.
        wanted: examples of what is looked for; re-ranking `spatial` compares the first of them.
        unwanted: examples of what is not, or None.
        top: results.
        where: as in `Searcher.search`, as are strategy, rerank and relevant.
        representation: by default the one that the collection's card names.
        strategy: see there.
        rerank: see there.
        relevant: see there.
        embed_settings: device, precision ... of `embed`.

    Returns:
        The hits of one query, whose name is that of all wanted images.

    Raises:
        InputError: examples that cancel out, and as `Searcher.search`.
    """
    positives = index.embedded(wanted, representation, **embed_settings).vectors
    negatives = None if unwanted is None else index.embedded(unwanted, representation, **embed_settings).vectors
    one = combine(positives, negatives)
    settings: dict[str, Any] = {"strategy": strategy, "rerank": rerank, "relevant": relevant}
    hits = index.search(one, top, where, pictures=[wanted.items[0]], **settings)
    hits.queries = (" + ".join(map(str, wanted.ids)),)
    return hits
