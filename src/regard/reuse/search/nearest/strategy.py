"""The strategy of a search: exactly, through the sketch, or through the store's own index; and how much that misses."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core.checks import check_choice
from ....core.runtime import numpy_rng

EXACT = 50_000  # images up to which all are compared: some milliseconds
SKETCH = 5_000_000  # images up to which the bits of all are compared
BATCH = 16  # queries from which one pass over all vectors costs each of them less than the sketch does
STRATEGIES = ("exact", "sketch", "ivf")
GOOD = 0.99  # recall below which more candidates are taken
QUERIES, DEPTH = 64, 10

Find = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]  # (queries, top) -> (rows, scores)


def pick(images: int, queries: int, strategy: str = "auto") -> str:
    """How to search so many images for so many queries.

    >>> pick(1_000, 1), pick(1_000_000, 1), pick(1_000_000, 100), pick(50_000_000, 1)
    ('exact', 'sketch', 'exact', 'ivf')
    """
    check_choice("--search", strategy, ("auto", *STRATEGIES))
    if strategy != "auto":
        return strategy
    if images <= EXACT or (queries >= BATCH and images <= SKETCH):
        return "exact"
    return "sketch" if images <= SKETCH else "ivf"


def first_candidates(images: int) -> int:
    """How many candidates the sketch gives to begin with: 200, or one of 2,000 where that is more."""
    return max(200, images // 2000)


def recall(found: Find, exact: Find, vectors_ND: Any, alive: np.ndarray, seed: int = 0) -> float:
    """Recall@10 of a strategy: the share of the true ten nearest that it finds.

    Asked with 64 vectors of the collection, each of which is not counted among its own results.

    Args:
        found: the strategy that is measured.
        exact: the strategy that misses nothing.
        vectors_ND: the collection as it is compared.
        alive: (m,) rows that are there.
        seed: which are asked.
    """
    chosen = numpy_rng(seed, "recall").choice(alive, min(QUERIES, len(alive)), replace=False)
    queries = np.asarray(vectors_ND[np.sort(chosen)], np.float32)
    depth = min(DEPTH, len(alive) - 1)
    if depth < 1:
        return 1.0
    hits = 0
    true = exact(queries, depth + 1)[0]
    for place, row in enumerate(np.sort(chosen)):
        mine = [r for r in found(queries[place : place + 1], depth + 1)[0][0] if r != row][:depth]
        hits += len(set(mine) & set([r for r in true[place] if r != row][:depth]))
    return hits / (depth * len(chosen))
