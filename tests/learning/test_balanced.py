"""Class-balanced draws: counts are exact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.learning.balanced import Balanced, balanced_rows


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 99))
def test_each_class_and_each_image_of_a_class_comes_equally_often(labels: list[int], seed: int) -> None:
    classes = np.array(labels)
    rows = balanced_rows(classes, np.random.default_rng(seed))
    n, many = len(classes), len(set(labels))
    assert len(rows) == n
    for name in set(labels):
        times = int((classes[rows] == name).sum())
        assert n // many <= times <= n // many + 1
        own = np.bincount(rows, minlength=n)[classes == name]
        assert own.max() - own.min() <= 1 and own.sum() == times


def test_what_does_not_divide_is_dealt_anew_so_that_the_mean_is_exact() -> None:
    classes = np.array([0] * 7 + [1] * 2 + [2])
    counts = np.zeros(3)
    each = np.zeros(10)
    for seed in range(3000):
        rows = balanced_rows(classes, np.random.default_rng(seed))
        counts += np.bincount(classes[rows], minlength=3)
        each += np.bincount(rows, minlength=10)
    assert counts / 3000 == pytest.approx([10 / 3] * 3, abs=0.05)
    assert each / 3000 == pytest.approx([10 / 21] * 7 + [10 / 6] * 2 + [10 / 3], abs=0.05)


def test_epochs_follow_from_the_seed_and_steps_divide_them() -> None:
    classes = np.array([0] * 10 + [1] * 2)
    first, again = (Balanced(lambda rows: rows, classes, 4, 3) for _ in range(2))
    assert first.steps_per_epoch == 3
    epochs = [np.concatenate([first(step) for step in range(3 * epoch, 3 * epoch + 3)]) for epoch in range(2)]
    assert all((np.bincount(classes[rows]) == 6).all() for rows in epochs)
    assert (again(5) == first(5)).all() and not (epochs[0] == epochs[1]).all()
    assert not (Balanced(lambda rows: rows, classes, 4, 4)(0) == first(0)).all()


def test_no_labels_are_refused() -> None:
    with pytest.raises(InputError, match="--balanced"):
        Balanced(lambda rows: rows, np.zeros(0, int), 4, 0)
