"""Intervals against scipy, against slow plain computations, and by how often they cover the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from regard.core.checks import InputError
from regard.metrics.intervals import accuracy_interval, binomial_p, over_seeds


def test_right_and_wrong_answers_have_the_exact_interval():
    for n in (1, 7, 50, 1000):
        for successes in sorted({0, 1, n // 3, n}):
            for level in (0.9, 0.95):
                peer = stats.binomtest(successes, n).proportion_ci(level, method="exact")
                ours = accuracy_interval(np.arange(n) < successes, level=level)
                assert (ours.low, ours.high) == pytest.approx((peer.low, peer.high), abs=1e-12)
                assert ours.mean == successes / n and ours.low <= ours.mean <= ours.high


@pytest.mark.parametrize("n", [5, 6, 9, 17, 20, 40, 80, 200])
def test_it_covers_every_share(n):
    """Counted over all outcomes; Wilson's interval covers 0.84 at n = 17, p = 0.99."""
    found = [accuracy_interval(np.arange(n) < k) for k in range(n + 1)]
    for p in (0.5, 0.6, 0.75, 0.9, 0.95, 0.97, 0.99):
        covered = sum(stats.binom.pmf(k, n, p) for k, one in enumerate(found) if one.low <= p <= one.high)
        assert covered >= 0.95 - 1e-9


@pytest.mark.parametrize("things", [2, 3, 5, 8, 20, 50])
@pytest.mark.parametrize("alike", [0.05, 0.8])
def test_things_with_several_images_are_covered_or_said_to_be_too_few(things, alike):
    """Beta-binomial things of very unlike sizes; the bar leaves three standard errors of 300 trials below .95."""
    rng = np.random.default_rng(things)
    for p in (0.5, 0.95):
        found = []
        for _ in range(300):
            sizes = rng.geometric(0.15, size=things)
            own = rng.beta(p * (1 / alike - 1), (1 - p) * (1 / alike - 1), size=things)
            of = np.repeat(np.arange(things), sizes)
            one = accuracy_interval(rng.random(len(of)) < own[of], of)
            found.append(one.low <= p <= one.high)
            few = things < 5 and len(of) > things
            assert one.known is not few and (not one.known or 0 <= one.low <= one.mean <= one.high <= 1)
        assert np.mean(found) > 0.91


def test_scores_that_are_no_whole_answers_and_seeds():
    rng = np.random.default_rng(2)
    scores = rng.beta(8, 2, size=400)
    one, peer = accuracy_interval(scores), stats.t.interval(0.95, 399, scores.mean(), stats.sem(scores))
    assert (one.low, one.high) == pytest.approx(peer, abs=0.005)
    rows = (rng.random((4, 400)) < 0.8 + 0.1 * rng.normal(size=(4, 1))).astype(float)
    assert accuracy_interval(rows).half_width > 1.5 * accuracy_interval(rows.mean(axis=0)).half_width
    assert str(accuracy_interval(np.ones((3, 80)))) != "1.000 [1.000, 1.000]"


def test_nothing_is_told_where_nothing_is_known():
    lone = over_seeds([0.5])
    assert not lone.known and str(lone) == "0.500 [too few to say]"
    assert lone.as_dict() == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert over_seeds([0.9, 0.98], within=(0, 1)).high == 1


def test_over_seeds_equals_scipy():
    values = [0.81, 0.84, 0.79, 0.9]
    peer = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    ours = over_seeds(values)
    assert (ours.mean, ours.low, ours.high, ours.n) == pytest.approx((np.mean(values), peer.low, peer.high, 4))


def test_over_seeds_covers_with_three_runs():
    rng = np.random.default_rng(0)
    runs = rng.normal(size=(2000, 3))
    covered = np.mean([interval.low <= 0 <= interval.high for interval in map(over_seeds, runs)])
    assert covered == pytest.approx(0.95, abs=0.015)


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
        (lambda: over_seeds([]), "values"),
        (lambda: over_seeds([1.0, float("nan")]), "values"),
        (lambda: over_seeds([1.0, 2.0], level=1.0), "level"),
        (lambda: over_seeds([1.0, 2.0], level=0.0), "level"),
        (lambda: accuracy_interval([]), "right"),
        (lambda: accuracy_interval(["a"]), "right"),
        (lambda: accuracy_interval([0.5, 1.5]), "right"),
        (lambda: accuracy_interval([0.5, 1.0], [1]), "units"),
        (lambda: binomial_p(3, 2, 0.5), "successes"),
        (lambda: binomial_p(0, 0, 0.5), "n"),
        (lambda: binomial_p(1, 2, 1.5), "chance"),
        (lambda: over_seeds(np.ones((2, 2))), "values"),
    ],
)
def test_bad_input_names_the_argument(call, named):
    with pytest.raises(InputError, match=f"^{named}: expected"):
        call()
