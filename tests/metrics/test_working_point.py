"""The threshold, the curve and the weight of a picture equal slow plain computations."""

import numpy as np
import pytest

from helpers.detections import random_pictures
from regard.metrics.average_precision import average_precision
from regard.metrics.detection_kinds import judge
from regard.metrics.working_point import best_threshold, precision_at, surer, weight


def test_the_threshold_has_the_best_f1() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores, objects = rng.random(40).round(1), int(rng.integers(10, 60))
        right = rng.random(40) < scores
        f1 = {at: 2 * right[scores >= at].sum() / ((scores >= at).sum() + objects) for at in scores.tolist()}
        best = best_threshold(scores, right, objects)
        assert f1[best] == max(f1.values()) and best == max(at for at, value in f1.items() if value == f1[best])
    assert best_threshold(np.array([0.3, 0.9]), np.array([False, False]), 3) == 0.5
    # the second of two equal scores is right: both are in, or neither
    assert best_threshold(np.array([0.9, 0.5, 0.5]), np.array([True, False, True]), 4) == 0.5
    assert best_threshold(np.zeros(0), np.zeros(0, dtype=bool), 0) == 0.5


def test_the_mean_of_the_curve_is_the_average_precision() -> None:
    rng = np.random.default_rng(1)
    for objects in (1, 7, 40):
        right = rng.random(30) < 0.4
        right[np.flatnonzero(right)[objects:]] = False
        curve = precision_at(right, ~right, objects)
        assert curve.mean() == pytest.approx(average_precision(right, ~right, objects)[0], abs=1e-12)
        assert (np.diff(curve) <= 0).all()
    assert precision_at(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool), 3).tolist() == [0.0] * 101
    assert np.isnan(precision_at(right, ~right, 0)).all()


def test_the_weight_is_the_number_of_errors_averaged_over_thresholds_of_which_higher_ones_weigh_more() -> None:
    """Errors at a threshold t by `judge`, integrated with density 2 t over [0, 1]."""
    middles = (np.arange(2000) + 0.5) / 2000
    for picture in random_pictures(np.random.default_rng(3), 12):
        pairs = picture.pairs()
        counts = []
        for at in middles[::20]:
            one = judge(surer(pairs, at))
            counts.append((one.kind >= 0).sum() + one.missed.sum())
        whole = float((np.repeat(counts, 20) * 2 * middles).mean())
        # each score is rounded to .1 and each t to .01
        assert weight(pairs, judge(pairs)) == pytest.approx(whole, abs=0.015 * (len(pairs.scores) + len(pairs.ignore)))
