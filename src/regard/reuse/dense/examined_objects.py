"""What is wrong with found objects: kinds of error and their cost, curves, confusion, calibration, the worst pictures.

Errors are counted among the answers from one score on, the *threshold*: where F1 = 2 right / (answers + objects) over
all classes is largest on these very pictures. Costs, curves and calibration are of all answers, as AP is.

The worst pictures are those with the largest `working_point.weight`, which needs no threshold: a picture is judged when
it comes by, and only the few worst are kept.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...data.annotations import rle
from ...data.annotations.boxes import Boxes
from ...metrics.detection_errors import DetectionErrors
from ...metrics.detection_kinds import KINDS, NO_ERROR, Judged, judge
from ...metrics.detection_pairs import Pairs
from ...metrics.greedy_match import by_score
from ...metrics.score_calibration import Bin, error_of, reliability
from ...metrics.working_point import best_threshold, precision_at, surer, weight
from .answer import Answer

KEPT = 24  # pictures that are kept to be shown
BINS = 10


@dataclass(frozen=True)
class ObjectPicture:
    """One picture: n answers from the threshold on, from the surest, beside m true objects.

    Attributes:
        row: which picture of the set.
        size: its height and width.
        boxes: (n, 4) found.
        scores: (n,).
        classes: (n,).
        kinds: (n,) places in `KINDS`; -1 where there is no error.
        about: (n,) the true object that an answer has or is about; -1 where none.
        masks: n run lengths, or None.
        truth_boxes: (m, 4).
        truth_classes: (m,).
        ignored: (m,) bool, count neither way.
        missed: (m,) bool.
        truth_masks: m run lengths, or None.
    """

    row: int
    size: tuple[int, int]
    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    kinds: np.ndarray
    about: np.ndarray
    masks: Sequence[np.ndarray] | None
    truth_boxes: np.ndarray
    truth_classes: np.ndarray
    ignored: np.ndarray
    missed: np.ndarray
    truth_masks: Sequence[np.ndarray] | None

    @property
    def counts(self) -> dict[str, int]:
        """How many errors of each kind."""
        found = np.bincount(self.kinds[self.kinds != NO_ERROR], minlength=len(KINDS))
        return {**dict(zip(KINDS, found.tolist())), "missed": int(self.missed.sum())}


@dataclass(frozen=True)
class ObjectErrors:
    """What is wrong with the objects found in a set of pictures.

    Attributes:
        names: the classes.
        by_masks: overlaps are of masks, else of boxes.
        threshold: score from which on answers are counted here.
        f1, precision, recall: from there on, over all classes; None where nothing tells them.
        counts: errors by kind (`KINDS`).
        counts_by_class: the same for each class: of a found object its own, of a missed one the true.
        confusion: (classes + 1, classes + 1) as `DetectionErrors.confusion`, rows what is there.
        objects: (classes,) that count.
        ap50: of all answers; None without objects.
        costs: what AP50 would gain without each kind, and each of `GROUPS`; None without objects.
        curves: (classes, 101) precision at recalls of 0, .01, ..., 1, whose mean is AP50; NaN without objects.
        bins: answers by score, and the share of them that is right.
        calibration_error: of these; None without answers.
        rows: (images,) which pictures of the set were scored.
        by_image: (images, kinds) errors of each.
        worst: at most `KEPT` pictures with an error, the worst first.
    """

    names: tuple[str, ...]
    by_masks: bool
    threshold: float
    f1: float | None
    precision: float | None
    recall: float | None
    counts: Mapping[str, int]
    counts_by_class: Mapping[str, Mapping[str, int]]
    confusion: np.ndarray
    objects: np.ndarray
    ap50: float | None
    costs: Mapping[str, float | None]
    curves: np.ndarray
    bins: Sequence[Bin]
    calibration_error: float | None
    rows: np.ndarray
    by_image: np.ndarray
    worst: Sequence[ObjectPicture]


@dataclass(frozen=True)
class _Kept:
    """What a picture that may be shown consists of."""

    place: int
    answer: Answer
    truth: np.ndarray
    masks: list[np.ndarray] | None
    truth_masks: list[np.ndarray] | None


class ObjectsSeen:
    """Takes pictures one at a time; of each it keeps numbers, and of the worst few boxes and masks."""

    def __init__(self, names: Sequence[str], by_masks: bool, kept: int = KEPT) -> None:
        self.names, self.by_masks, self._most = tuple(names), by_masks, kept
        self._errors = DetectionErrors(self.names)
        self._pairs: list[Pairs] = []
        self._judged: list[Judged] = []
        self._rows: list[int] = []
        self._worst: list[tuple[float, int, _Kept]] = []

    def add(self, answer: Answer, truth: Boxes, pairs: Pairs, masks: np.ndarray | None) -> None:
        """One picture, as `scoring` compared it."""
        judged, place = judge(pairs), len(self._pairs)
        self._errors.add(pairs)
        self._pairs.append(pairs)
        self._judged.append(judged)
        self._rows.append(answer.row)
        rank = (weight(pairs, judged), -place)
        if rank[0] <= 0 or (len(self._worst) == self._most and rank < self._worst[0][:2]):
            return
        found = None if answer.masks is None else [rle.encode(one) for one in answer.masks.numpy()]
        there = None if masks is None else [rle.encode(one) for one in masks]
        # without its masks, which are as large as the picture
        kept = _Kept(place, replace(answer, masks=None), truth.xyxy, found, there)
        (heapq.heappush if len(self._worst) < self._most else heapq.heappushpop)(self._worst, (*rank, kept))

    def told(self) -> ObjectErrors:
        """What came out."""
        classes, scores, right, wrong = self._answers()
        objects = np.zeros(len(self.names), dtype=np.int64)
        for pairs in self._pairs:
            objects += np.bincount(pairs.truth_classes[~pairs.ignore], minlength=len(self.names))
        threshold = best_threshold(scores, right, int(objects.sum()))
        sure, by_image = DetectionErrors(self.names), np.zeros((len(self._pairs), len(KINDS)), dtype=np.int64)
        for place, pairs in enumerate(self._pairs):
            few = surer(pairs, threshold)
            sure.add(few)
            one = judge(few)
            by_image[place] = np.bincount(one.kind[one.kind != NO_ERROR], minlength=len(KINDS))
            by_image[place, KINDS.index("missed")] = one.missed.sum()
        counted = scores >= threshold
        hits, answers = int(right[counted].sum()), int(counted.sum())
        bins = reliability(scores, right, BINS)
        worst = [self._picture(kept, threshold) for _, _, kept in sorted(self._worst, key=lambda one: one[:2])[::-1]]
        return ObjectErrors(
            self.names,
            self.by_masks,
            threshold,
            _share(2 * hits, answers + int(objects.sum())),
            _share(hits, answers),
            _share(hits, int(objects.sum())),
            sure.counts(),
            sure.counts_by_class(),
            sure.confusion()[1],
            objects,
            _known(self._errors.ap()),
            {kind: _known(value) for kind, value in self._errors.costs().items()},
            np.stack(
                [
                    precision_at(right[mine][order], wrong[mine][order], count)
                    for one, count in enumerate(objects.tolist())
                    for mine in [classes == one]
                    for order in [by_score(scores[mine])]
                ]
            ),
            bins,
            _known(error_of(bins)),
            np.array(self._rows, dtype=np.int64),
            by_image,
            [one for one in worst if sum(one.counts.values())],
        )

    def _answers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Classes, scores, whether right, and whether wrong, of all answers that count, picture by picture."""
        columns: list[list[np.ndarray]] = [[], [], [], []]
        for pairs, one in zip(self._pairs, self._judged):
            counts = one.right | (one.kind != NO_ERROR)
            rows = one.rows[counts]
            for column, part in zip(
                columns, (pairs.classes[rows], pairs.scores[rows], one.right[counts], ~one.right[counts])
            ):
                column.append(part)
        classes, scores, right, wrong = (np.concatenate(column) if column else np.zeros(0) for column in columns)
        return classes.astype(np.int64), scores, right.astype(bool), wrong.astype(bool)

    def _picture(self, kept: _Kept, threshold: float) -> ObjectPicture:
        """A picture with its answers from the threshold on."""
        pairs = self._pairs[kept.place]
        judged = judge(surer(pairs, threshold))
        rows = np.flatnonzero(pairs.scores >= threshold)[judged.rows]
        masks = None if kept.masks is None else [kept.masks[row] for row in rows]
        return ObjectPicture(
            kept.answer.row,
            kept.answer.size,
            kept.answer.boxes.numpy()[rows],
            pairs.scores[rows],
            pairs.classes[rows],
            judged.kind,
            judged.truth,
            masks,
            kept.truth,
            pairs.truth_classes,
            pairs.ignore,
            judged.missed,
            kept.truth_masks,
        )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
