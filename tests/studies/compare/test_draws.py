"""Draws of labels: nested, balanced, and every class has one."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.studies.compare.draws import checked_numbers, order


def test_each_prefix_has_every_class_and_classes_in_their_shares():
    labels = np.repeat(["a", "b", "c"], [60, 30, 2])
    for seed in range(3):
        drawn = order(92, labels, seed)
        assert sorted(drawn.tolist()) == list(range(92))
        for number in range(3, 93):
            counts = {name: int((labels[drawn[:number]] == name).sum()) for name in "abc"}
            assert min(counts.values()) >= 1
            assert abs(counts["a"] - number * 60 / 92) <= 2 and abs(counts["b"] - number * 30 / 92) <= 2
    assert not np.array_equal(order(92, labels, 0), order(92, labels, 1))


def test_numbers_that_train_does_not_have_are_refused():
    assert checked_numbers([40, 20], 50, 10) == [20, 40]
    for number in (5, 51):
        with pytest.raises(InputError, match="--labels"):
            checked_numbers([number], 50, 10)
