"""The images of an index, as copies are looked for among them."""

from pathlib import Path

import numpy as np

from ...data.imageset import ImageSet
from ..search.query.searcher import Searcher
from ..search.store.protocol import vectors_in


def images_of(index: Searcher, name: str = "") -> tuple[ImageSet, np.ndarray]:
    """The images by their ids, in order, and their vectors (n, d).

    Args:
        index: made of image files; where an image was never in a file, a name that does not exist stands for it,
            which is set aside like a file that is gone.
        name: what to call the set; by default the index's folder.
    """
    rows = index.store.scan(["id", "path", "vector"]).sort_by("id")
    ids = rows.column("id").to_pylist()
    items = [Path(path) if path else Path(own) for path, own in zip(rows.column("path").to_pylist(), ids)]
    return ImageSet(items, np.array(ids, dtype=np.str_), name=name or str(index.folder)), vectors_in(rows)
