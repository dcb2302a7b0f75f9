"""Class-balanced draws: every class is seen equally often, however many images it has.

An epoch takes as many rows as there are images: n / C of each of C classes (where that is no whole number, some classes
that are drawn anew each epoch get one more), and within a class each image equally often, but for one more or less.
Nothing is left to luck but the order and who gets the odd ones, so that the counts vary less than those of single draws
with weights 1 / size would.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.checks import bad
from ..core.runtime import numpy_rng
from .sampling import Shuffled


def balanced_rows(classes_N: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of one epoch, (n,), in random order: each class floor(n / C) or one more, each image of a class likewise.

    >>> rows = balanced_rows(np.array([0, 0, 0, 0, 0, 1]), np.random.default_rng(0))
    >>> int((rows == 5).sum()), len(rows)
    (3, 6)
    """
    found = []
    classes = np.unique(classes_N)
    each, odd = divmod(len(classes_N), len(classes))
    more = set(rng.permutation(len(classes))[:odd].tolist())
    for place, name in enumerate(classes):
        own = np.flatnonzero(classes_N == name)
        times, rest = divmod(each + (place in more), len(own))
        found += [np.repeat(own, times), rng.permutation(own)[:rest]]
    return rng.permutation(np.concatenate(found))


class Balanced(Shuffled):
    """As `Shuffled`, with the same epochs and steps, but each epoch's rows are those of `balanced_rows`.

    Args:
        make: makes the batch of some rows.
        classes_N: (n,) the class of each row.
        size: rows a step.
        seed: of the draws.

    Raises:
        InputError: as `Shuffled`, and where there is no class to balance.
    """

    def __init__(self, make: Callable[[np.ndarray], Any], classes_N: np.ndarray, size: int | None, seed: int) -> None:
        if not len(classes_N):
            raise bad("--balanced", "no labels", "labelled images")
        super().__init__(make, len(classes_N), size, seed, "balanced")
        self.classes = np.asarray(classes_N)

    def order(self, epoch: int) -> np.ndarray:
        """The rows of an epoch."""
        return balanced_rows(self.classes, numpy_rng(self.seed, *self.names, epoch))
