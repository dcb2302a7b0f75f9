"""Intervals against scipy, against slow plain computations, and by how often they cover the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from regard.core.checks import InputError
from regard.metrics.intervals import (
    Difference,
    Interval,
    binomial_p,
    bootstrap,
    over_seeds,
    paired_difference,
    wilson,
)


def test_wilson_equals_scipy():
    for n in (1, 7, 50, 1000):
        for successes in sorted({0, 1, n // 3, n}):
            for level in (0.9, 0.95):
                peer = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
                ours = wilson(successes, n, level)
                assert (ours.low, ours.high) == pytest.approx((peer.low, peer.high), abs=1e-12)
                assert ours.mean == successes / n and ours.low <= ours.mean <= ours.high


def test_wilson_covers_the_true_proportion():
    """At p = 0.95, n = 40, counted exactly over all outcomes (the normal interval covers 0.87 there)."""
    n, p = 40, 0.95
    covered = sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if wilson(k, n).low <= p <= wilson(k, n).high)
    assert 0.93 < covered < 0.98


def test_over_seeds_equals_scipy():
    values = [0.81, 0.84, 0.79, 0.9]
    peer = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = over_seeds(values)
    assert (ours.mean, ours.low, ours.high, ours.n) == pytest.approx((np.mean(values), peer.low, peer.high, 4))


def test_one_seed_has_no_range():
    assert over_seeds([0.5]) == Interval(0.5, 0.5, 0.5, 1)


def test_over_seeds_covers_with_three_runs():
    rng = np.random.default_rng(0)
    runs = rng.normal(size=(2000, 3))
    covered = np.mean([interval.low <= 0 <= interval.high for interval in map(over_seeds, runs)])
    assert covered == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("kind", ["continuous", "right or wrong"])
def test_bootstrap_covers_the_true_mean(kind):
    rng = np.random.default_rng(1)
    truth = 1.0 if kind == "continuous" else 0.7
    covered = 0
    for trial in range(600):
        values = rng.exponential(size=80) if kind == "continuous" else rng.random(80) < truth
        interval = bootstrap(values, seed=trial, repeats=400)
        covered += interval.low <= truth <= interval.high
    assert 0.90 < covered / 600 < 0.975


def test_bootstrap_of_right_and_wrong_agrees_with_the_exact_law():
    """The resampled mean of 0/1 values is binomial, so its quantiles are known."""
    values = np.array([1] * 140 + [0] * 60)
    ours = bootstrap(values, repeats=40_000)
    low, high = stats.binom.ppf([0.025, 0.975], 200, 0.7) / 200
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.0051)  # one step is 1/200


def test_bootstrap_agrees_with_scipy_on_continuous_values():
    values = np.random.default_rng(2).gamma(2, size=60)
    peer = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    ours = bootstrap(values, repeats=20_000)
    assert (ours.low, ours.high) == pytest.approx((peer.low, peer.high), abs=0.01)


def test_bootstrap_of_another_statistic_and_of_rows():
    rows = np.random.default_rng(3).normal(size=(50, 2))
    rows[:, 1] += 2 * rows[:, 0]
    found = bootstrap(rows, lambda sample: np.corrcoef(sample.T)[0, 1], repeats=300)
    assert found.mean == pytest.approx(np.corrcoef(rows.T)[0, 1])
    assert found.low < found.mean < found.high <= 1


def test_same_seed_same_interval_and_no_global_state():
    values = np.random.default_rng(4).normal(size=100)
    before = np.random.get_state()[1].copy()
    assert bootstrap(values, seed=5) == bootstrap(values, seed=5) != bootstrap(values, seed=6)
    assert np.array_equal(np.random.get_state()[1], before)


def test_pairs_see_what_separate_intervals_do_not():
    rng = np.random.default_rng(5)
    hard = rng.normal(size=200)
    a, b = hard + 0.1 + 0.05 * rng.normal(size=200), hard
    pair = paired_difference(a, b)
    assert pair.verdict == "gain" and pair.mean == pytest.approx(np.mean(a - b))
    assert paired_difference(b, a).verdict == "loss"
    assert bootstrap(a).low < bootstrap(b).high


def test_no_gain_is_rarely_called_a_gain():
    rng = np.random.default_rng(6)
    for n in (3, 40):
        verdicts = [paired_difference(*rng.normal(size=(2, n)), repeats=400).verdict for _ in range(500)]
        assert verdicts.count("no gain") / 500 > 0.91


def test_one_pair_says_nothing():
    assert paired_difference([1.0], [0.0]).verdict == "no gain"


def test_verdict_at_the_edge():
    assert Difference(0.1, 0.0, 0.2, 9).verdict == "no gain"


def test_binomial_p_equals_a_plain_sum():
    n, chance = 30, 0.25
    for successes in (0, 7, 15, 30):
        plain = sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(successes, n + 1))
        assert binomial_p(successes, n, chance) == pytest.approx(plain)
        assert binomial_p(successes, n, chance) == pytest.approx(
            stats.binomtest(successes, n, chance, alternative="greater").pvalue
        )


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: bootstrap([]), "values"),
        (lambda: bootstrap([1.0, float("nan")]), "values"),
        (lambda: bootstrap(["a"]), "values"),
        (lambda: bootstrap([1.0], level=1.0), "level"),
        (lambda: bootstrap([1.0], level=0.0), "level"),
        (lambda: bootstrap([1.0], repeats=0), "repeats"),
        (lambda: paired_difference([1, 2], [1]), "a, b"),
        (lambda: wilson(3, 2), "successes"),
        (lambda: wilson(0, 0), "n"),
        (lambda: binomial_p(1, 2, 1.5), "chance"),
        (lambda: over_seeds(np.ones((2, 2))), "values"),
    ],
)
def test_bad_input_names_the_argument(call, named):
    with pytest.raises(InputError, match=f"^{named}: expected"):
        call()
