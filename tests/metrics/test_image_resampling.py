"""Scores by picture of measures that are no means, against the jackknife done plainly."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from helpers.detections import random_pictures
from regard.core.checks import InputError
from regard.metrics.coco_ap import CocoAP
from regard.metrics.contrast import contrast
from regard.metrics.image_resampling import image_scores, measure_interval


def detections(pictures):
    coco = CocoAP(["cat", "dog", "never"])
    for picture in pictures:
        coco.add(picture.pairs())
    return coco


def test_interval_of_ap_is_that_of_the_plain_jackknife():
    pictures = random_pictures(np.random.default_rng(0), 25, ties=False)
    coco, n = detections(pictures), 25
    scores = image_scores(lambda weights: coco.ap(weights, "ap50"), n, keep=0)
    left = np.array([detections(pictures[:row] + pictures[row + 1 :]).scores().metrics["ap50"] for row in range(n)])
    assert scores.mean() == pytest.approx(coco.scores().metrics["ap50"])
    variance = (n - 1) / n * ((left - left.mean()) ** 2).sum()
    assert scores.var(ddof=1) / n == pytest.approx(variance)
    assert variance > 1e-5


def two_detectors(rng, images):
    """The same boxes, of which one scores by what they overlap with, and the other hardly so."""
    pairs = [one.pairs() for one in random_pictures(rng, images, ties=False)]
    made = []
    for skill in (1, 4):
        coco = CocoAP(["cat", "dog", "never"])
        for one in pairs:
            sure = skill * one.overlap.max(axis=1, initial=0) + rng.normal(size=len(one.scores))
            coco.add(replace(one, scores=sure))
        made.append(coco)
    return made


@pytest.mark.slow
def test_interval_of_a_difference_of_ap_holds_the_true_one():
    one, two = two_detectors(np.random.default_rng(10_000), 1500)
    true = (two.ap(measure="ap50") - one.ap(measure="ap50"))[0]
    held, widths, each = [], [], []
    for seed in range(60):
        both = two_detectors(np.random.default_rng(seed), 20)
        a, b = (image_scores(partial(coco.ap, measure="ap50"), 20) for coco in both)
        found = contrast(b, a, largest=np.inf)
        held.append(found.low <= true <= found.high)
        widths.append(found.high - found.low)
        each.append(found.mean)
    assert true > 0.05 and np.mean(held) >= 0.88
    assert np.mean(widths) < 1.6 * 3.92 * np.std(each)  # and is not wide for want of knowing better


def test_of_a_plain_mean_they_are_the_scores_themselves_whatever_is_kept():
    right = np.random.default_rng(1).random(40)

    def mean(weights):
        return weights @ right / weights.sum(axis=1)

    for keep in (0, 0.5, 0.9):
        assert image_scores(mean, 40, keep=keep) == pytest.approx(right, abs=0.02 if keep else 1e-12)
    one, two = contrast(image_scores(mean, 40), np.zeros(40)), contrast(right, np.zeros(40))
    assert (one.low, one.high) == pytest.approx((two.low, two.high), abs=0.002)


def test_units_of_several_pictures():
    right, units = np.repeat(np.random.default_rng(2).random(12), 3), np.repeat(np.arange(12), 3)

    def mean(weights):
        return weights @ right / weights.sum(axis=1)

    assert image_scores(mean, 36, [str(unit) for unit in units], keep=0) == pytest.approx(right)


def test_a_class_of_one_picture_stays_in_the_mean_where_half_is_kept():
    coco = detections(random_pictures(np.random.default_rng(3), 1))
    with pytest.raises(InputError, match="at least 2"):
        image_scores(coco.ap, 1)
    coco.add(random_pictures(np.random.default_rng(0), 1, classes=1)[0].pairs())
    with pytest.raises(InputError, match="objects in two pictures"):
        image_scores(lambda weights: np.where(weights[:, 0] > 0, 1.0, np.nan), 2, keep=0)
    assert image_scores(lambda weights: np.where(weights[:, 0] > 0, 1.0, np.nan), 2).tolist() == [1, 1]


def test_interval_of_one_measure():
    coco = detections(random_pictures(np.random.default_rng(0), 25, ties=False))
    found = measure_interval(coco.ap, 25)
    assert found.mean == pytest.approx(coco.ap()[0]) and found.n == 25
    assert 0 <= found.low < found.mean - 0.02 and found.mean + 0.02 < found.high < 0.9
    wide = measure_interval(coco.ap, 25, np.arange(25) // 3)
    assert wide.mean == pytest.approx(found.mean) and wide.n == 9
    assert not measure_interval(coco.ap, 25, np.arange(25) // 7).known  # four units
    perfect = measure_interval(lambda weights: np.ones(len(weights)), 25)
    assert (perfect.mean, perfect.high) == (1, 1) and 0.8 < perfect.low < 0.99


def test_misuse_is_said():
    with pytest.raises(InputError, match="at least two units"):
        image_scores(lambda weights: weights[:, 0], 3, ["a", "a", "a"])
    with pytest.raises(InputError, match="one for each of the 3 images"):
        image_scores(lambda weights: weights[:, 0], 3, [0, 1])
    with pytest.raises(InputError, match="keep below 1"):
        image_scores(lambda weights: weights[:, 0], 3, keep=1)
