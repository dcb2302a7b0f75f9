"""VOC's AP of 2007 and 2010: cases worked by hand, and the devkit's loop written plainly."""

import numpy as np
import pytest

from helpers.detections import random_pictures
from regard.core.checks import InputError
from regard.metrics.average_precision import average_precision
from regard.metrics.detection_pairs import box_pairs
from regard.metrics.voc_ap import VocAP

CLASSES = ("cat", "dog", "never")


def voc(*pictures, classes=("cat",)):
    judge = VocAP(classes)
    for one in pictures:
        judge.add(one)
    return judge


def picture(boxes, scores, truth, **flags):
    return box_pairs(boxes, scores, [0] * len(boxes), truth, [0] * len(truth), **flags)


A, B = [0, 0, 40, 40], [100, 0, 140, 40]
AWAY = [0, 100, 20, 120]


def test_two_rules_worked_by_hand():
    """Right, wrong, right, wrong of three objects: p = 1 up to recall 1/3, 2/3 up to recall 2/3, 0 beyond."""
    found = voc(picture([A, AWAY], [0.9, 0.8], [A, [0, 50, 9, 59]]), picture([B, AWAY], [0.7, 0.6], [B])).scores()
    assert found.metrics["voc10"] == pytest.approx((1 + 2 / 3) / 3)
    # recalls 0, .1, .2, .3 have 1; .4, .5, .6 have 2/3; four points have 0
    assert found.metrics["voc07"] == pytest.approx((4 + 3 * 2 / 3) / 11)
    assert found.by_class["cat"]["objects"] == 3


def test_precision_that_rises_again_counts_for_lower_recalls():
    """Wrong, right, right of two: precision 0, 1/2, 2/3, so that p is 2/3 everywhere."""
    found = voc(picture([AWAY, A, B], [0.9, 0.8, 0.7], [A, B])).scores()
    assert found.metrics == pytest.approx({"voc07": 2 / 3, "voc10": 2 / 3})


def test_a_recall_of_tenths_is_reached():
    """3 of 10 found and nothing wrong: recalls 0, .1, .2 and .3."""
    assert average_precision(np.arange(10) < 3, np.zeros(10), 10, rule="voc07")[0] == pytest.approx(4 / 11)


def test_doubles_are_wrong_also_where_a_neighbour_is_free():
    near, between = [0, 0, 40, 44], [4, 0, 44, 40]
    judge = voc(picture([A, near, B], [0.9, 0.8, 0.7], [A, B]))
    assert judge.scores().metrics["voc10"] == pytest.approx((1 + 2 / 3) / 2)
    # both overlap most with the first, though the second is within reach: COCO would take it
    beside = [16, 0, 56, 40]
    judge = voc(picture([A, between], [0.9, 0.8], [A, beside]))
    recall, precision = judge.curve("cat")
    assert (recall.tolist(), precision.tolist()) == ([0.5, 0.5], [1.0, 0.5])


def test_difficult_ones_neither_hurt_nor_help():
    hard = {"ignore": [False, True]}
    without = voc(picture([A, AWAY], [0.5, 0.6], [A]))
    for boxes, scores in (
        ([A, AWAY], [0.5, 0.6]),  # not found
        ([A, AWAY, B], [0.5, 0.6, 0.9]),  # found
        ([A, AWAY, B, B], [0.5, 0.6, 0.9, 0.8]),  # and doubled
    ):
        assert voc(picture(boxes, scores, [A, B], **hard)).scores() == without.scores()
    assert np.isnan(voc(picture([B], [0.5], [B], ignore=[True])).scores().metrics["voc07"])


def test_a_crowd_is_no_rival_of_an_object_in_it():
    crowd = {"crowd": [False, True]}
    judge = voc(
        picture([[0, 0, 40, 30], [60, 60, 80, 80], [70, 70, 90, 90]], [0.9, 0.8, 0.7], [A, [0, 0, 99, 99]], **crowd)
    )
    assert judge.scores().metrics["voc10"] == 1.0 and len(judge.curve("cat")[0]) == 1


def plainly(pictures, one):
    """The devkit's loop over all found objects by falling confidence (VOCevaldet.m), without crowds."""
    rows = [(image, row) for image, p in enumerate(pictures) for row in np.flatnonzero(p.classes == one)]
    rows.sort(key=lambda place: -pictures[place[0]].scores[place[1]])
    taken, hits, misses = set(), [], []
    for image, row in rows:
        p, most, which = pictures[image], -np.inf, None
        for column in np.flatnonzero(p.truth_classes == one):
            if p.overlap[row, column] > most:
                most, which = p.overlap[row, column], column
        hit = miss = False
        if most >= 0.5:
            if not p.ignore[which]:
                hit, miss = (image, which) not in taken, (image, which) in taken
                taken.add((image, which))
        else:
            miss = True
        hits.append(hit)
        misses.append(miss)
    total = sum(((p.truth_classes == one) & ~p.ignore).sum() for p in pictures)
    if not total:
        return np.nan, np.nan
    true, false = np.cumsum(hits), np.cumsum(misses)
    recall, precision = true / total, true / np.maximum(true + false, 1)
    eleven = np.mean([max(precision[recall >= t], default=0) for t in np.arange(11) / 10])
    recall, precision = np.r_[0, recall, 1], np.r_[0, precision, 0]
    for place in range(len(precision) - 2, -1, -1):
        precision[place] = max(precision[place], precision[place + 1])
    return eleven, sum((recall[1:] - recall[:-1]) * precision[1:])


def test_equal_to_the_devkits_loop():
    for seed in range(40):
        pictures = [one.pairs() for one in random_pictures(np.random.default_rng(seed), 6, ties=seed % 2 == 0, odd=0.2)]
        pictures = [one for one in pictures if not one.crowd.any()]
        judge = voc(*pictures, classes=CLASSES)
        found, expected = judge.scores(), np.array([plainly(pictures, one) for one in range(3)])
        for row, name in enumerate(CLASSES):
            values = [found.by_class[name][measure] for measure in ("voc07", "voc10")]
            assert values == pytest.approx(expected[row], abs=1e-12, nan_ok=True)


def test_weights_of_pictures_are_copies_of_them():
    pictures = [one.pairs() for one in random_pictures(np.random.default_rng(3), 8, ties=False)]
    counts = [0, 1, 2, 1, 3, 0, 1, 2]
    listed = voc(*(one for one, count in zip(pictures, counts) for _ in range(count)), classes=CLASSES)
    judge = voc(*pictures, classes=CLASSES)
    for measure in ("voc07", "voc10"):
        expected = listed.scores().metrics[measure]
        assert judge.scores(counts).metrics[measure] == pytest.approx(expected, abs=1e-12)
        assert judge.ap([counts, np.ones(8)], measure) == pytest.approx(
            [expected, judge.scores().metrics[measure]], abs=1e-12
        )


def test_misuse_is_said():
    with pytest.raises(InputError, match="threshold"):
        VocAP(["cat"], 0)
    with pytest.raises(InputError, match="one of voc07, voc10"):
        voc().ap(measure="voc12")
    with pytest.raises(InputError, match="got class 3"):
        voc(box_pairs([], [], [], [A], [3]))
    with pytest.raises(InputError, match="weights"):
        voc(picture([], [], [A])).scores([1, 1])
    with pytest.raises(InputError, match="rule"):
        average_precision([1], [0], 1, rule="voc")
