"""Memories of a stream: a few samples kept within a byte budget, chosen by one of three rules.

Every sample gets a rank when it comes. Where the budget is exceeded, the last-ranked sample of one group leaves:

- `reservoir`: the rank is a random number and all samples are one group. What is kept is a uniform random sample of all
  that came (Vitter 1985, ACM TOMS 11: the m smallest of random keys are such a sample).
- `balanced`: the same with a group for each class; the class with the most bytes loses a sample. What is kept of a
  class is a uniform random sample of it, and no class has less than an equal share of the budget if it had so much to
  give (Chrysakis and Moens 2020, ICML; Prabhu et al. 2020, ECCV).
- `herding`: as `balanced`, where the rank in a class is the order in which samples bring the mean of those before them
  nearest to the mean of the class (Rebuffi et al. 2017, CVPR: iCaRL). Of a class that comes back, what is held and
  what is new are ranked together; one of which nothing is held any more starts anew.

A sample that left never comes back, nor does one that would have ranked behind it: otherwise those that come when the
budget has room again, as after a deletion, would be favoured. The budget counts the bytes of the arrays, of the labels
and ids (8 for a number, UTF-8 for text), and what herding keeps beside; Python's own overhead is not counted.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from ..core.checks import InputError, bad, check_choice, check_labels, check_matrix, check_number
from ..core.runtime import numpy_rng

Rule = Literal["reservoir", "balanced", "herding"]


@dataclass(frozen=True)
class Kept:
    """A sample in a memory.

    Attributes:
        item: the image or vector, a copy of what came.
        label: its label.
        id: its name; None if it came without.
        rank: the lower, the longer it stays.
        nbytes: what it counts.
        vector: (d,) what herding ranks by; None for the other rules.
    """

    item: np.ndarray
    label: Any
    id: Any
    rank: float
    nbytes: int
    vector: np.ndarray | None = None


class Memory:
    """A memory that never holds more than its budget. The same samples in the same order and a seed: the same memory.

    Args:
        budget: bytes, 0 or more. With 0, or where no sample fits, it stays empty, and `draw` gives nothing: a learner
            that replays from it is one that does not replay.
        rule: "reservoir", "balanced" or "herding".
        seed: of the random ranks and of `draw`.

    Attributes:
        seen: samples that came.
        too_large: those of them that are larger than the budget by themselves, and were passed over.

    Raises:
        InputError: no such rule, a budget below 0.

    >>> memory = Memory(40, seed=1)
    >>> memory.add(np.arange(12.0).reshape(12, 1), [0] * 12)
    >>> len(memory), memory.nbytes  # 8 bytes of the vector, 8 of the label
    (2, 32)
    """

    def __init__(self, budget: int, rule: Rule = "reservoir", seed: int = 0) -> None:
        check_number("budget", budget, 0, whole=True)
        check_number("seed", seed, 0, whole=True)
        check_choice("rule", rule, get_args(Rule))
        self.budget, self.rule, self.seed = int(budget), rule, seed
        self.seen = self.too_large = 0
        self._groups: dict[Any, list[Kept]] = {}  # sorted by rank
        self._bytes: dict[Any, int] = {}
        self._limit: dict[Any, float] = {}  # the lowest rank that ever left; herding ranks anew each time
        self._sums: dict[Any, tuple[int, np.ndarray]] = {}  # herding: samples and sum of vectors of a class
        self._ranks = numpy_rng(seed, "memory", "ranks")
        self._draws = numpy_rng(seed, "memory", "draws")

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def nbytes(self) -> int:
        """What is held, at most the budget."""
        return sum(self._bytes.values())

    @property
    def kept(self) -> list[Kept]:
        """The samples held, group by group in the order of the labels, best rank first."""
        return [one for group in sorted(self._groups, key=_order) for one in self._groups[group]]

    def add(
        self, items: Sequence[Any] | np.ndarray, labels: Any, vectors: Any = None, ids: Sequence[Any] | None = None
    ) -> None:
        """Offer samples, one after another.

        Args:
            items: n arrays: images of any size, or vectors.
            labels: (n,) text or whole numbers.
            vectors: (n, d) what herding ranks by; None where the items themselves are vectors of one length.
            ids: n names, by which `remove` finds samples.

        Raises:
            InputError: numbers that do not match, a sample without a label, vectors with NaN or of another d.
        """
        arrays = [np.asarray(item) for item in items]
        if any(one.dtype.hasobject for one in arrays):
            raise bad("items", "objects", "arrays of numbers", "Decode the images first.")
        values = check_labels("labels", labels, len(arrays)).tolist()
        names = [None] * len(arrays) if ids is None else list(ids)
        if len(names) != len(arrays):
            raise bad("ids", f"{len(names)} ids", f"one for each of the {len(arrays)} items")
        if not arrays:
            return
        if self.rule == "herding":
            self._add_herding(arrays, values, names, vectors)
        else:
            for item, label, name, rank in zip(arrays, values, names, self._ranks.random(len(arrays))):
                self.seen += 1
                self._offer(label if self.rule == "balanced" else None, item, label, name, float(rank))

    def remove(self, ids: Sequence[Any]) -> int:
        """Let go of the samples of these ids, such as a user's, and say how many were held.

        The others stay as they are. Where herding keeps a class's mean, the samples held are taken out of it; what
        came and had left before is in it still, as a memory does not know it any more.
        """
        gone, count = set(ids), 0
        for group in list(self._groups):
            before = self._groups[group]
            self._groups[group] = [one for one in before if one.id is None or one.id not in gone]
            for one in before:
                if one.id is not None and one.id in gone:
                    count += 1
                    self._bytes[group] -= one.nbytes
                    if one.vector is not None:
                        n, total = self._sums[group]
                        self._sums[group] = n - 1, total - one.vector
            if not self._groups[group]:
                self._drop(group)
        return count

    def draw(self, n: int) -> list[Kept]:
        """At most n different samples, uniformly from those held; fewer where fewer are held."""
        check_number("n", n, 0, whole=True)
        held = self.kept
        return [held[at] for at in self._draws.permutation(len(held))[:n]]

    def _offer(self, group: Any, item: np.ndarray, label: Any, name: Any, rank: float) -> None:
        size = _size(item, label, name)
        if size > self.budget:
            self.too_large += 1
        elif rank < self._limit.get(group, np.inf):
            one = Kept(item.copy(), label, name, rank, size)
            insort(self._groups.setdefault(group, []), one, key=lambda each: each.rank)
            self._bytes[group] = self._bytes.get(group, 0) + size
            self._trim()

    def _trim(self) -> None:
        while self.nbytes > self.budget:
            # of groups that hold as much the one whose last is ranked last: by chance where ranks are random
            group = max(self._groups, key=lambda g: (self._bytes[g], self._groups[g][-1].rank))
            last = self._groups[group].pop()
            self._bytes[group] -= last.nbytes
            self._limit[group] = last.rank
            if not self._groups[group]:
                self._drop(group)

    def _drop(self, group: Any) -> None:
        # a mean that belongs to no sample would take room from others
        for kept in (self._groups, self._bytes, self._sums):
            kept.pop(group, None)

    def _add_herding(self, arrays: list[np.ndarray], values: list[Any], names: list[Any], vectors: Any) -> None:
        own = vectors is None
        if own and len({one.shape for one in arrays}) != 1 or (own and arrays[0].ndim != 1):
            raise bad("vectors", "None with images", "a vector (d,) for each", "Pass vectors=, which herding ranks by.")
        X = check_matrix("vectors", np.stack(arrays) if own else vectors)
        if len(X) != len(arrays):
            raise bad("vectors", f"{len(X)} rows", f"one for each of the {len(arrays)} items")
        width = {total.shape[0] for _, total in self._sums.values()} | {X.shape[1]}
        if len(width) > 1:
            raise InputError(f"vectors: expected {min(width - {X.shape[1]})} dimensions as before, got {X.shape[1]}.")
        self.seen += len(arrays)
        for label in dict.fromkeys(values):
            rows = [at for at, value in enumerate(values) if value == label]
            n, total = self._sums.get(label, (0, np.zeros(X.shape[1])))
            n, total = n + len(rows), total + X[rows].sum(axis=0)
            room = self.budget - total.nbytes - 8
            new = []
            for at in rows:
                item = arrays[at].copy()  # an item that is its own vector is held once
                size = _size(item, label, names[at]) + (0 if own else X[at].nbytes)
                new.append(Kept(item, label, names[at], 0.0, size, item if own else X[at].copy()))
            self.too_large += sum(one.nbytes > room for one in new)
            pool = [*self._groups.get(label, []), *(one for one in new if one.nbytes <= room)]
            if not pool:
                continue
            order = herding(np.stack([one.vector for one in pool if one.vector is not None]), total / n)
            ranked = [replace(pool[at], rank=float(place)) for place, at in enumerate(order)]
            self._groups[label], self._sums[label] = ranked, (n, total)
            self._bytes[label] = sum(one.nbytes for one in ranked) + total.nbytes + 8
            self._trim()


def herding(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The order (n,) in which rows of X (n, d) bring the mean of those taken nearest to `mean` (d,), greedily.

    Of rows that are as good the first. O(n^2 d).

    >>> herding(np.array([[0.0], [4.0], [9.0]]), np.array([4.5])).tolist()
    [1, 2, 0]
    """
    left, total, order = np.arange(len(X)), np.zeros(X.shape[1]), []
    for k in range(1, len(X) + 1):
        best = int(np.square(mean - (total + X[left]) / k).sum(axis=1).argmin())
        order.append(left[best])
        total += X[left[best]]
        left = np.delete(left, best)
    return np.array(order, dtype=np.int64)


def _size(item: np.ndarray, label: Any, name: Any) -> int:
    return item.nbytes + _text(label) + (0 if name is None else _text(name))


def _text(value: Any) -> int:
    return len(value.encode()) if isinstance(value, str) else 8


def _order(group: Any) -> tuple[str, Any]:
    return type(group).__name__, group if group is not None else 0
