"""Search by example: every test picture looks for its class among the others; nothing is learned from labels.

There are no labels to save, so the answer is a difference at one point. Of a network that is given as it is nothing is
drawn; random weights are drawn anew for each seed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.checks import bad
from ..._bench import retrieved
from ..contract import FROZEN, Answered, Asked, Measure, Sides
from ._labelled import labelled_sides, test_vectors


@dataclass(frozen=True)
class Retrieve:
    """The task."""

    measures: tuple[Measure, ...] = (Measure("recall_at_1", "R@1"), Measure("map", "mAP"))
    ways: tuple[str, ...] = (FROZEN,)
    learns: bool = False

    @property
    def about(self) -> Mapping[str, object]:
        """What decides an answer."""
        return {"version": 1}

    def open(self, train: object, test: object, seed: int) -> Sides:
        """Both sets, with labels; that of TEST alone counts.

        Raises:
            InputError: as for classes, or no class is in TEST twice, so that there is nothing to find.
        """
        sides = labelled_sides(train, test, seed)
        if np.unique(sides.test.need_labels("TEST", 1), return_counts=True)[1].max() < 2:
            raise bad("TEST", "each class once", "a class of two pictures at least, so that there is something to find")
        return sides

    def answer(self, asked: Asked, work: Path) -> Answered:
        """Whether the first hit of each test picture is of its class, and its average precision."""
        test = test_vectors(asked)
        first, ap = retrieved(test.vectors, test.need_labels("TEST", 1))
        return Answered({"recall_at_1": first, "map": ap}, None, 0.0, 0)


Method = Retrieve()
