"""What a decomposition asks of a learner, and from which training images: all of them, halves, and parts of halves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ...core.checks import bad, check_number
from ...core.runtime import numpy_rng
from ...metrics.power_law import SLOWEST

RUNGS = 5  # all, a half, a quarter, an eighth, a sixteenth
FEWEST_RUNGS = 4  # three unknowns, and one point that can speak against the curve


@dataclass(frozen=True)
class Question:
    """What a learner is asked.

    Attributes:
        rows: places of the training samples that it learns from, sorted; it may look at the labels of no others.
        capacity: place in `Plan.capacities`.
        lengths: places in `Plan.lengths`.
        seed: of all that the learner draws.
    """

    rows: np.ndarray
    capacity: int
    lengths: tuple[int, ...]
    seed: int


class Learner(Protocol):
    """Whatever learns: questions in, mistakes out."""

    @property
    def about(self) -> Mapping[str, Any]:
        """All that decides its answers beside the question, as plain values."""
        ...

    def __call__(self, question: Question) -> np.ndarray:
        """(lengths, images): 1 where a test image is told wrongly, 0 where rightly; shares where that is known."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is asked.

    Attributes:
        labels: (N,) of the training samples, which all parts keep in balance.
        capacities: what to call the family's members, the largest last.
        lengths: what to call lengths of training, the longest (or the optimum) last.
        capacity: the member whose error is taken apart, by its place.
        length: the length of training whose error is taken apart, by its place.
        groups: (N,) which thing each sample shows: none is torn apart by a cut. None: each another.
        units: (images,) the same of test images.
        cuts: how often the set is cut in halves.
        seeds: how often is learned from all of it; 1 where the learner draws nothing.
        seed: everything that is drawn follows from it.
        most: numbers of samples: all, a half, a quarter ...
        pieces: at most so many parts of each number that one half is dealt out in.
        slowest: least exponent of learning curves that is thought of.
        sizes: these numbers, falling.
    """

    labels: np.ndarray
    capacities: tuple[str, ...]
    lengths: tuple[str, ...]
    capacity: int = -1
    length: int = 0
    groups: np.ndarray | None = None
    units: np.ndarray | None = None
    cuts: int = 8
    seeds: int = 1
    seed: int = 0
    most: int = RUNGS
    pieces: int = 8
    slowest: float = SLOWEST
    sizes: tuple[int, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        for name, most in (("capacity", len(self.capacities)), ("length", len(self.lengths))):
            object.__setattr__(self, name, range(most)[getattr(self, name)])
        check_number("--cuts", self.cuts, 3, whole=True)
        check_number("seeds", self.seeds, 1, whole=True)
        if len(self.lengths) < 2:
            raise bad("lengths", len(self.lengths), "two or more, the longest last")
        check_number("pieces", self.pieces, 1, whole=True)
        check_number("most", self.most, FEWEST_RUNGS, whole=True)
        object.__setattr__(self, "sizes", rungs(self.labels, self.most))

    @property
    def largest(self) -> int:
        """The place of the largest member of the family."""
        return len(self.capacities) - 1

    @property
    def longest(self) -> int:
        """The place of the longest training."""
        return len(self.lengths) - 1

    def questions(self) -> list[tuple[tuple[int, int], Question]]:
        """All questions, each with its (row, rung): rows of rung 0 are seeds, of others halves, which may have several.

        Rows 2k and 2k + 1 are the halves of one cut.
        """
        everything, found = np.arange(len(self.labels)), []
        asked = [((seed, 0), everything) for seed in range(self.seeds)]
        for turn in range(self.cuts):
            sides = cut(self.labels, self.groups, len(self.sizes) - 1, self.pieces, numpy_rng(self.seed, "cut", turn))
            for side, own in enumerate(sides):
                asked += [((2 * turn + side, rung), rows) for rung, parts in enumerate(own, 1) for rows in parts]
        for number, (place, rows) in enumerate(asked):
            for capacity in range(len(self.capacities)):
                lengths = self._lengths(place[1], capacity)
                found.append((place, Question(rows, capacity, lengths, self.seed + number)))
        return found

    def _lengths(self, rung: int, capacity: int) -> tuple[int, ...]:
        """All lengths of the member that is taken apart, with all samples and with half of them; else the longest."""
        several = capacity == self.capacity and rung <= 1
        return tuple(range(len(self.lengths))) if several else (self.longest,)


def rungs(labels: np.ndarray, most: int = RUNGS) -> tuple[int, ...]:
    """At most so many numbers of samples, falling: all, a half, a quarter ... as long as there are two of each class.

    >>> rungs(np.arange(200) % 2)
    (200, 100, 50, 25, 12)

    Raises:
        InputError: a class with one sample, or too few samples for four numbers.
    """
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:
        raise bad("TRAIN", "one class, or a class of one image", "two classes or more with two images or more each")
    found = [len(labels) >> rung for rung in range(most)]
    kept = tuple(size for size in found if size >= 2 * len(counts))
    if len(kept) < FEWEST_RUNGS:
        least = 2 * len(counts) << (FEWEST_RUNGS - 1)
        raise bad(
            "TRAIN",
            f"{len(labels)} images of {len(counts)} classes",
            f"{least} or more",
            "A learning curve needs four numbers of images, each half of the next, the least with two of each class.",
        )
    return kept


def cut(
    labels: np.ndarray, groups: np.ndarray | None, rungs: int, pieces: int, rng: np.random.Generator
) -> list[list[list[np.ndarray]]]:
    """Both halves of the samples, and of each its own parts: by half and rung (a half, a quarter ...) several parts.

    Things are dealt out class by class, none is torn apart, and no two parts of a rung share one; but each part has all
    classes, if need be by one thing more.

    Args:
        labels: (N,).
        groups: (N,) which thing each shows; None: each another.
        rungs: how many: 2 are halves and quarters.
        pieces: at most so many parts of each rung of a half.
        rng: draws the cut.
    """
    labels = np.unique(labels, return_inverse=True)[1]
    things = np.arange(len(labels)) if groups is None else np.unique(groups, return_inverse=True)[1]
    members = np.split(np.argsort(things, kind="stable"), np.cumsum(np.bincount(things))[:-1])
    codes = np.array([labels[rows[0]] for rows in members])  # a thing of several classes counts as one of its first
    sides: tuple[list[int], list[int]] = ([], [])
    for code in rng.permutation(codes.max() + 1):
        own = rng.permutation(np.flatnonzero(codes == code))
        first, second = own[: len(own) // 2], own[len(own) // 2 :]
        fuller = int(len(sides[1]) > len(sides[0]))  # it gets the smaller part
        sides[fuller].extend(first)
        sides[1 - fuller].extend(second)

    def part(dealt: np.ndarray, side: np.ndarray) -> np.ndarray:
        rows = np.concatenate([members[thing] for thing in dealt])
        for code in np.setdiff1d(labels, labels[rows]):
            having = np.unique(things[labels == code])
            own = np.intersect1d(having, side)
            rows = np.union1d(rows, members[rng.choice(own if len(own) else having)])
        return np.sort(rows)

    found = []
    for several in sides:
        side = np.array(several)
        number = _numbers(codes[side], rng)
        found.append(
            [[part(side[number % 2**rung == at], side) for at in range(min(2**rung, pieces))] for rung in range(rungs)]
        )
    return found


def _numbers(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers by which things are dealt out, class by class, each class beginning somewhere else."""
    found = np.empty(len(codes), int)
    for code in np.unique(codes):
        own = np.flatnonzero(codes == code)
        found[own] = rng.permutation(len(own)) + rng.integers(len(codes))
    return found
