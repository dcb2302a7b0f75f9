"""How many errors of each kind a detector makes, and what each kind costs (Bolya et al. 2020, TIDE, arXiv 2008.08115).

The cost of a kind is what AP50 would gain were these errors alone put right, one after another from the surest on:

    classification   gets the class of its object, if nothing has that object and this is the surest error about it of
                     these two kinds; else it goes
    localisation     gets the place of its object, likewise
    both, duplicate, background   go
    missed           is not asked for: fewer objects are there to be found

Costs do not add up to what is missing of AP50: one error hides another. All false positives gone, and nothing asked for
that was not found, are told beside them. A class of which then nothing is left to be found is left out of the mean if
nothing is found of it either, and is 0 otherwise, as TIDE does. See `detection_kinds` for the kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .average_precision import average_precision, class_names, mean_known
from .detection_kinds import BACKGROUND, FOREGROUND, KINDS, NO_ERROR, Judged, judge
from .detection_pairs import Pairs, present
from .greedy_match import by_score

GROUPS = ("false_positives", "false_negatives")


@dataclass(frozen=True)
class Error:
    """One error, for lists of them.

    Attributes:
        image: number of the picture, as added.
        kind: one of `KINDS`.
        found: row of the found object in its `Pairs`; None where one is missed.
        truth: row of the true object that it is about; None where nothing is there.
        score: of the found object; None where one is missed.
    """

    image: int
    kind: str
    found: int | None
    truth: int | None
    score: float | None


@dataclass(frozen=True)
class _Table:
    """All answers of all pictures, each picture's from the surest on."""

    classes: np.ndarray
    scores: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    kind: np.ndarray
    truth: np.ndarray  # number of the true object among those of all pictures, -1 where none
    truth_classes: np.ndarray
    counts: np.ndarray  # true objects that count
    found: np.ndarray
    missed: np.ndarray


class DetectionErrors:
    """Takes pictures one at a time.

    Attributes:
        classes: names of the classes that whole numbers from 0 stand for.
        images: how many pictures were added.

    >>> from regard.metrics.detection_pairs import box_pairs
    >>> errors = DetectionErrors(["cat", "dog"])
    >>> errors.add(box_pairs([[0, 0, 9, 9]], [0.9], [1], [[0, 0, 9, 9], [20, 20, 29, 29]], [0, 0]))
    >>> {kind: count for kind, count in errors.counts().items() if count}
    {'classification': 1, 'missed': 1}
    """

    def __init__(self, classes: Sequence[str], foreground: float = FOREGROUND, background: float = BACKGROUND) -> None:
        self.classes = class_names(classes)
        self._overlaps = foreground, background
        self._added: list[tuple[Pairs, Judged]] = []

    @property
    def images(self) -> int:
        """How many pictures were added."""
        return len(self._added)

    def add(self, pairs: Pairs) -> None:
        """One picture, also where nothing is in it or nothing was found.

        Raises:
            InputError: a class that has no name.
        """
        present(pairs.classes, pairs.truth_classes, self.classes)
        self._added.append((pairs, judge(pairs, *self._overlaps)))

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        table = self._table()
        found = np.bincount(table.kind[table.kind != NO_ERROR], minlength=len(KINDS))
        return {**dict(zip(KINDS, found.tolist())), "missed": int(table.missed.sum())}

    def counts_by_class(self) -> dict[str, dict[str, int]]:
        """The same for each class: of a found object its own, of a missed one the true."""
        table, size = self._table(), len(self.classes)
        columns = {
            kind: np.bincount(table.classes[table.kind == row], minlength=size) for row, kind in enumerate(KINDS)
        }
        columns["missed"] = np.bincount(table.truth_classes[table.missed], minlength=size)
        return {name: {kind: int(columns[kind][row]) for kind in KINDS} for row, name in enumerate(self.classes)}

    def confusion(self) -> tuple[list[str], np.ndarray]:
        """Who was taken for whom: names, and counts (classes + 1, classes + 1) of right answers and of three kinds.

        Rows are what is there and columns what was said; the last row (`nothing`) holds what was found on the
        background, the last column what was missed. Errors of place and doubles are not in it.
        """
        table, size = self._table(), len(self.classes)
        at = np.append(table.truth_classes, size)[table.truth]  # -1 is the last: nothing
        said = table.right | np.isin(table.kind, [KINDS.index("classification"), KINDS.index("background")])
        rows = np.concatenate([at[said], table.truth_classes[table.missed]])
        columns = np.concatenate([table.classes[said], np.full(int(table.missed.sum()), size)])
        counts = np.bincount(rows * (size + 1) + columns, minlength=(size + 1) ** 2)
        return [*self.classes, "nothing"], counts.reshape(size + 1, size + 1)

    def listed(self) -> list[Error]:
        """All errors: found objects from the surest on, then missed ones by picture."""
        wrong, missed = [], []
        for image, (pairs, one) in enumerate(self._added):
            for place in np.flatnonzero(one.kind != NO_ERROR).tolist():
                row, truth = int(one.rows[place]), int(one.truth[place])
                about, score = (None if truth < 0 else truth), float(pairs.scores[row])
                wrong.append((score, Error(image, KINDS[one.kind[place]], row, about, score)))
            missed += [Error(image, "missed", None, truth, None) for truth in np.flatnonzero(one.missed).tolist()]
        return [error for _, error in sorted(wrong, key=lambda pair: -pair[0])] + missed

    def ap(self) -> float:
        """AP at `foreground`, as COCO's: what costs are taken from."""
        return self._ap(self._table())

    def costs(self) -> dict[str, float]:
        """What AP would gain by each kind (`KINDS`) and group (`GROUPS`), in [0, 1]; NaN where there is no object."""
        table = self._table()
        base, every = self._ap(table), table.kind == NO_ERROR
        put_right = _surest(
            table, np.isin(table.kind, [KINDS.index(kind) for kind in ("classification", "localisation")])
        )
        result = {}
        for row, kind in enumerate(KINDS[:-1]):
            these = table.kind == row
            fixed = these & put_right
            classes = table.classes.copy()
            classes[fixed] = table.truth_classes[table.truth[fixed]]
            result[kind] = self._ap(table, ~these | fixed, table.right | fixed, classes) - base
        result["missed"] = self._ap(table, asked=table.counts & ~table.missed) - base
        result["false_positives"] = self._ap(table, every) - base
        result["false_negatives"] = self._ap(table, asked=table.found) - base
        return result

    def _ap(
        self,
        table: _Table,
        kept: np.ndarray | None = None,
        right: np.ndarray | None = None,
        classes: np.ndarray | None = None,
        asked: np.ndarray | None = None,
    ) -> float:
        """AP of the answers that are kept, some of them put right, and of the objects that are asked for."""
        kept = np.ones(len(table.kind), dtype=bool) if kept is None else kept
        right, classes = table.right if right is None else right, table.classes if classes is None else classes
        objects = np.bincount(
            table.truth_classes[table.counts if asked is None else asked], minlength=len(self.classes)
        )
        had = np.bincount(table.truth_classes[table.counts], minlength=len(self.classes))
        values = np.full(len(self.classes), np.nan)
        for one in np.flatnonzero(had):
            rows = np.flatnonzero(kept & (classes == one))
            rows = rows[by_score(table.scores[rows])]
            hit, miss = right[rows], table.wrong[rows] & ~right[rows]
            values[one] = average_precision(hit, miss, objects[one])[0]
            if not objects[one] and miss.any():
                values[one] = 0.0
        return float(mean_known(values, 0))

    def _table(self) -> _Table:
        start = np.cumsum([0, *(len(pairs.truth_classes) for pairs, _ in self._added)])

        def joined(parts: list[np.ndarray], kind: type) -> np.ndarray:
            return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)

        both = self._added
        return _Table(
            joined([pairs.classes[one.rows] for pairs, one in both], np.int64),
            joined([pairs.scores[one.rows] for pairs, one in both], np.float64),
            joined([one.right for _, one in both], np.bool_),
            joined([one.kind != NO_ERROR for _, one in both], np.bool_),
            joined([one.kind for _, one in both], np.int64),
            joined([np.where(one.truth < 0, -1, one.truth + at) for (_, one), at in zip(both, start)], np.int64),
            joined([pairs.truth_classes for pairs, _ in both], np.int64),
            joined([~pairs.ignore for pairs, _ in both], np.bool_),
            joined([one.found for _, one in both], np.bool_),
            joined([one.missed for _, one in both], np.bool_),
        )


def _surest(table: _Table, these: np.ndarray) -> np.ndarray:
    """Of these errors, the surest about each true object that no answer has."""
    rows = np.flatnonzero(these)
    rows = rows[~table.found[table.truth[rows]]]
    rows = rows[by_score(table.scores[rows])]
    chosen = np.zeros_like(these)
    chosen[rows[np.unique(table.truth[rows], return_index=True)[1]]] = True
    return chosen
