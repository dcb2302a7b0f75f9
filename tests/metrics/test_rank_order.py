"""Spearman's correlation with an order: its value, its interval, what luck does to it."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from regard.core.checks import InputError
from regard.metrics.rank_order import rank_order, spearman


def arms(rng: np.random.Generator, levels: list[float], seeds: int = 3, images: int = 300) -> list[np.ndarray]:
    hard = rng.random(images)  # the same pictures are hard for all
    return [(hard + 0.3 * rng.standard_normal((seeds, images)) < level).astype(float) for level in levels]


def test_the_value_is_scipys_with_ties():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, order = rng.integers(0, 4, 6), rng.integers(0, 4, 6)
        if len(set(values)) > 1 and len(set(order)) > 1:
            assert spearman(values, order) == pytest.approx(spearmanr(values, order).statistic, abs=1e-9)
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


def test_the_interval_is_that_of_a_plain_bootstrap_over_units():
    rng = np.random.default_rng(1)
    scores = [one[0] for one in arms(rng, [0.45, 0.5, 0.52, 0.6], seeds=1)]
    units, order = np.arange(300) // 3, [2010, 2012, 2013, 2015]
    found = rank_order(scores, order, units, draws=4000)
    plain = []
    for _ in range(4000):
        drawn = rng.integers(0, 100, 100)
        rows = np.concatenate([np.flatnonzero(units == unit) for unit in drawn])
        plain.append(spearmanr([one[rows].mean() for one in scores], order).statistic)
    assert found.mean == pytest.approx(spearmanr([one.mean() for one in scores], order).statistic)
    assert np.allclose([found.low, found.high], np.quantile(plain, [0.025, 0.975]), atol=0.2)
    assert -1 <= found.low < found.mean <= found.high <= 1 and found.n == 4


def test_seeds_that_differ_widen_it():
    rng = np.random.default_rng(2)
    same = arms(rng, [0.3, 0.5, 0.7])
    shifts = np.array([0.0, 0.3, -0.3])[:, None]
    other = [(rng.random((3, 300)) < level + shifts).astype(float) for level in (0.4, 0.5, 0.6)]
    still, moved = rank_order(same, [0, 1, 2]), rank_order(other, [0, 1, 2])
    assert still.mean == 1 and still.low == 1 and moved.low < 0


def test_the_truth_is_inside_and_no_order_is_seldom_called_one():
    rng = np.random.default_rng(3)
    held, called = 0, 0
    for _ in range(60):
        held += rank_order(arms(rng, [0.3, 0.45, 0.6, 0.75]), range(4), draws=300).high == 1
        called += rank_order(arms(rng, [0.5] * 4), range(4), draws=300).low > 0
    assert held >= 57 and called <= 6


def test_from_one_seed_nothing_is_said_of_luck_and_chance_counts_orders():
    rng = np.random.default_rng(4)
    lone = rank_order(arms(rng, [0.2, 0.5, 0.8], seeds=1), [0, 1, 2])
    assert lone.mean == 1 and not lone.known and lone.chance == pytest.approx(1 / 6)
    fixed = rank_order([one[0] for one in arms(rng, [0.2, 0.5, 0.8])], [0, 1, 2])
    assert fixed.known, "what draws nothing has luck of pictures alone"
    many = rank_order(arms(rng, list(np.linspace(0.1, 0.9, 10))), range(10), draws=100)
    assert 0 <= many.chance < 0.01
    equal = rank_order([np.ones((2, 9))] * 3, [0, 1, 2])
    assert np.isnan(equal.mean) and not equal.known


@pytest.mark.parametrize(
    ("scores", "order", "said"),
    [
        ([np.ones(5)] * 2, [0, 1], "three arms"),
        ([np.ones(5)] * 3, [0, 1], "a place each"),
        ([np.ones(5)] * 3, [1, 1, 1], "order: expected numbers that rise"),
        ([np.ones(5), np.ones(5), np.ones(6)], [0, 1, 2], "the same images"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores, order, said):
    with pytest.raises(InputError, match=said):
        rank_order(scores, order)
