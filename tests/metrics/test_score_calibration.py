"""Calibration of scores: cases worked by hand, plain loops, and answers that are drawn as their scores say."""

import numpy as np
import pytest

from helpers.detections import random_pictures
from regard.core.checks import InputError
from regard.metrics.coco_ap import CocoAP
from regard.metrics.detection_pairs import box_pairs
from regard.metrics.score_calibration import answer_rows, calibration_error, error_of, reliability


def test_bins_of_equal_width_by_hand():
    scores, right = [0.0, 0.1, 0.2, 0.25, 0.9, 1.0], [0, 1, 0, 1, 1, 1]
    rows = reliability(scores, right, 5)
    assert [(row.low, row.high, row.count) for row in rows] == [(0, 0.2, 3), (0.2, 0.4, 1), (0.8, 1.0, 2)]
    assert [(row.score, row.right) for row in rows] == [
        (pytest.approx(0.1), pytest.approx(1 / 3)),
        (0.25, 1.0),
        (pytest.approx(0.95), 1.0),
    ]
    expected = (3 * (1 / 3 - 0.1) + 1 * 0.75 + 2 * 0.05) / 6
    assert calibration_error(scores, right, 5) == error_of(rows) == pytest.approx(expected)


def test_bins_of_equal_mass_by_hand():
    scores, right = [0.91, 0.92, 0.93, 0.94, 0.95, 0.96], [0, 0, 1, 1, 1, 1]
    rows = reliability(scores, right, 3, "mass")
    assert [(row.low, row.high, row.count, row.right) for row in rows] == [
        (0.91, 0.92, 2, 0),
        (0.93, 0.94, 2, 1),
        (0.95, 0.96, 2, 1),
    ]
    assert calibration_error(scores, right, 3, "mass") == pytest.approx((0.915 + 0.065 + 0.045) / 3)
    assert len(reliability(scores, right, 3)) == 1


def test_equal_scores_stay_together_and_order_does_not_matter():
    rng = np.random.default_rng(0)
    scores, right = rng.random(500).round(1), rng.random(500) < 0.5
    order = rng.permutation(500)
    for kind in ("width", "mass"):
        rows = reliability(scores, right, 8, kind)
        again = reliability(scores[order], right[order], 8, kind)
        for one, other in zip(rows, again, strict=True):
            assert one.as_dict() == pytest.approx(other.as_dict())
        assert sum(row.count for row in rows) == 500
        assert all(one.high <= other.low for one, other in zip(rows, rows[1:]))
    assert [row.count for row in reliability([0.5] * 7 + [0.6], [1] * 8, 4, "mass")] == [7, 1]


@pytest.mark.parametrize("kind", ["width", "mass"])
def test_scores_that_mean_what_they_say(kind):
    rng = np.random.default_rng(1)
    scores = rng.random(20_000)
    right = rng.random(20_000) < scores
    assert calibration_error(scores, right, 10, kind) < 0.02
    assert calibration_error(np.sqrt(scores), right, 10, kind) == pytest.approx(1 / 6, abs=0.02)  # 2/3 - 1/2


def test_answers_of_pictures_leave_out_what_does_not_count():
    truth = [[0, 0, 40, 40], [100, 0, 140, 40]]
    boxes = [truth[0], truth[1], [0, 100, 40, 140]]
    pairs = box_pairs(boxes, [0.6, 0.9, 0.7], [0, 0, 0], truth, [0, 0], ignore=[False, True])
    scores, right = answer_rows(pairs)
    assert (scores.tolist(), right.tolist()) == ([0.7, 0.6], [False, True])


def test_answers_are_those_of_ap50():
    pictures = [one.pairs() for one in random_pictures(np.random.default_rng(2), 15, ties=False)]
    coco = CocoAP(["cat", "dog", "never"])
    for one in pictures:
        coco.add(one)
    parts = [answer_rows(one) for one in pictures]
    right, rows = np.concatenate([part[1] for part in parts]), coco.scores().by_class.values()
    recall = sum(coco._ranked(one).right[0, 0].sum() for one in range(3))
    assert right.sum() == recall > 5
    assert len(right) - right.sum() == sum(coco._ranked(one).wrong[0, 0].sum() for one in range(3))
    assert sum(row["objects"] for row in rows) >= right.sum()


def test_misuse_is_said():
    assert np.isnan(calibration_error([], [])) and reliability([], []) == []
    with pytest.raises(InputError, match="sigmoid"):
        calibration_error([2.0], [True])
    with pytest.raises(InputError, match="NaN"):
        calibration_error([np.nan], [True])
    with pytest.raises(InputError, match="right: expected right or wrong for each score"):
        calibration_error([0.5], [True, False])
    with pytest.raises(InputError, match="one of width, mass"):
        calibration_error([0.5], [True], kind="size")
