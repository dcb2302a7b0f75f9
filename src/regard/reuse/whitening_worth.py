"""What a whitening is worth in the collection it was learned from: whether the first result is right, before and after.

Asked by parts of images, or where things are known, by other images of things that did not teach the whitening.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError
from ..data.decode import decode
from ..data.imageset import ImageSet
from ..metrics.knn import unit
from ..representation.embed import embed
from ..representation.embeddings import Embeddings
from ..representation.int8 import Chosen
from ..representation.representation import Representation
from ..representation.transform.whitening import fit_whitening
from .search.nearest.exact import top_by_product

PART = 0.6  # of width and height that a query shows
FEWEST = 10  # queries, or things, below which nothing is said


def by_crops(
    images: ImageSet,
    before: Embeddings,
    after: Embeddings,
    old: tuple[Representation, Chosen],
    new: tuple[Representation, Chosen],
    check: int,
    rng: np.random.Generator,
    embed_settings: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Whether each crop finds its image first, before and after, and which image it is of."""
    place = {str(name): row for row, name in enumerate(images.ids)}
    rows = np.sort(rng.choice(len(after), min(check, len(after)), replace=False))
    if len(rows) < FEWEST:
        return None
    cuts = [_part(images.items[place[str(after.ids[row])]], new[0].preprocess.decode_side, rng) for row in rows]
    queries = ImageSet(cuts, after.ids[rows])
    right = []
    assert new[0].transform is not None
    for (rep, chosen), vectors in ((old, before.vectors), (new, new[0].transform.apply(after.vectors))):
        asked = embed(queries, rep, precision=chosen, **embed_settings).vectors
        right.append(top_by_product(unit(vectors), unit(asked), 1)[0][:, 0] == rows)
    return right[0], right[1], rows


def by_things(
    before_ND: np.ndarray,
    raw_ND: np.ndarray,
    groups: np.ndarray,
    dim: int | None,
    seed: int,
    check: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Whether another image of the same thing comes first, among things that did not teach this whitening."""
    _, of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    several = rng.permutation(np.flatnonzero(sizes > 1))
    asked = several[: len(several) // 2]
    held = np.isin(of, asked)
    if len(asked) < FEWEST:
        return None
    try:
        learned = fit_whitening(raw_ND[~held], of[~held], dim, seed)
    except InputError:
        return None  # half of the things are too few, all of them were enough
    rows = np.flatnonzero(held)
    queries = rng.permutation(len(rows))[:check]
    right = []
    for vectors in (before_ND[rows], learned.apply(raw_ND[rows])):
        near = top_by_product(unit(vectors), unit(vectors[queries]), 2)[0]
        first = np.where(near[:, 0] == queries, near[:, 1], near[:, 0])  # the query itself is not counted
        right.append(of[rows][first] == of[rows][queries])
    return right[0], right[1], of[rows][queries]


def _part(item: Path | np.ndarray, side: int | None, rng: np.random.Generator) -> np.ndarray:
    """A part of an image (h, w, 3), with `PART` of its width and height, anywhere."""
    whole = decode(item, side and 2 * side).permute(1, 2, 0).numpy()
    height, width = (max(1, round(PART * length)) for length in whole.shape[:2])
    top, left = (int(rng.integers(full - cut + 1)) for full, cut in zip(whole.shape[:2], (height, width)))
    return np.ascontiguousarray(whole[top : top + height, left : left + width])
