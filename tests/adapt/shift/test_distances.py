"""Distances of domains against scipy, POT and plain formulas."""

import numpy as np
import pytest
from scipy import stats

from regard.adapt.shift.distances import (
    coral_distance,
    energy_distance,
    energy_p_value,
    linear_time_mmd2,
    sliced_wasserstein,
    wasserstein,
)
from regard.adapt.shift.measure import shift
from regard.adapt.shift.mmd import mmd2
from regard.adapt.transport_plans import pot
from regard.core.checks import InputError

ALL = (coral_distance, energy_distance, wasserstein, sliced_wasserstein)


def sets(ns=40, nt=25, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ns, d)), rng.normal(size=(nt, d)) * 1.5 + 1


@pytest.mark.parametrize("measure", ALL)
def test_zero_for_equal_sets_symmetric_and_growing(measure):
    Xs, Xt = sets()
    assert measure(Xs, Xs.copy()) == pytest.approx(0, abs=1e-6)
    assert measure(Xs, Xt) == pytest.approx(measure(Xt, Xs), rel=1e-9)
    assert measure(Xs, Xt) > 0
    spread = [measure(Xs, Xs * factor + factor - 1) for factor in (1.0, 1.5, 3.0)]
    assert spread[0] < spread[1] < spread[2]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
    rel = 0.2 if measure is sliced_wasserstein else 1e-8  # its directions are drawn
    assert measure(Xs @ turn, Xt @ turn) == pytest.approx(measure(Xs, Xt), rel=rel)
    assert measure(Xs[::-1], Xt[::-1]) == pytest.approx(measure(Xs, Xt), rel=1e-9)
    assert np.isfinite(measure(Xs, Xt[:1])) and np.isfinite(measure(np.ones((5, 4)), np.ones((3, 4))))


@pytest.mark.parametrize("d", [3, 200])  # with and without forming d x d
def test_coral_is_the_papers_formula(d):
    Xs, Xt = sets(d=d)
    plain = np.linalg.norm(np.cov(Xs.T) - np.cov(Xt.T)) ** 2 / (4 * d * d)
    assert coral_distance(Xs, Xt) == pytest.approx(plain, rel=1e-9)


def test_energy_is_scipys_and_the_plain_sum():
    Xs, Xt = sets(d=1)
    assert energy_distance(Xs, Xt) == pytest.approx(stats.energy_distance(Xs[:, 0], Xt[:, 0]) ** 2, rel=1e-9)
    Xs, Xt = sets()

    def mean(A, B):
        return np.mean([[np.linalg.norm(a - b) for b in B] for a in A])

    assert energy_distance(Xs, Xt) == pytest.approx(2 * mean(Xs, Xt) - mean(Xs, Xs) - mean(Xt, Xt))
    assert energy_p_value(Xs, Xt, 50, 0)[0] == pytest.approx(energy_distance(Xs, Xt))
    assert energy_p_value(Xs, Xt, 50, 0)[1] == pytest.approx(1 / 51)
    same = np.random.default_rng(3).normal(size=(80, 2))
    assert energy_p_value(same[:40], same[40:], 100, 0)[1] > 0.05


def test_sliced_in_one_dimension_is_the_exact_distance():
    Xs, Xt = sets(d=1)
    ours = sliced_wasserstein(Xs, Xt, projections=1)
    assert ours == pytest.approx(np.sqrt(pot().emd2_1d(Xs, Xt)), rel=1e-9)
    assert ours == pytest.approx(wasserstein(Xs, Xt), rel=1e-6)
    Xs, Xt = sets()
    assert sliced_wasserstein(Xs, Xt, projections=2000) == pytest.approx(
        pot().sliced_wasserstein_distance(Xs, Xt, n_projections=2000, seed=0), rel=0.1
    )
    assert sliced_wasserstein(Xs, Xt) <= wasserstein(Xs, Xt)


def test_wasserstein_is_the_shift_of_a_shifted_set():
    Xs, _ = sets()
    assert wasserstein(Xs, Xs + [3, 4, 0, 0]) == pytest.approx(5)
    assert wasserstein([[0.0], [2.0]], [[1.0], [3.0]]) == pytest.approx(1)
    drawn = wasserstein(np.repeat(Xs, 10, axis=0), np.repeat(Xs, 10, axis=0) + [3, 4, 0, 0], max_samples=200)
    assert 5 < drawn < 6


@pytest.mark.parametrize("kernel", ["linear", "rbf", "multi"])
def test_linear_time_mmd_is_unbiased_and_knows_its_error(kernel):
    rng = np.random.default_rng(0)
    Xs, Xt = rng.normal(size=(4000, 3)), rng.normal(size=(3000, 3)) + 0.6
    found = linear_time_mmd2(Xs, Xt, kernel)
    exact = mmd2(Xs[:1500], Xt[:1500], kernel, unbiased=True)
    assert found.value == pytest.approx(exact, abs=4 * found.error + 0.02) and found.z > 3
    # without a shift z is about normal
    z = [linear_time_mmd2(Xs[:2000], Xs[2000:], kernel, seed=seed).z for seed in range(40)]
    assert abs(np.mean(z)) < 1 and np.std(z) < 1.6
    with pytest.raises(InputError, match="at least 4"):
        linear_time_mmd2(Xs[:3], Xt)


def test_shift_gives_all_of_them():
    Xs, Xt = sets()
    ys, yt = np.arange(40) % 2, np.arange(25) % 2
    found = shift(Xs, Xt, ys, yt, permutations=50)
    assert found.coral == coral_distance(Xs, Xt) and found.energy == pytest.approx(energy_distance(Xs, Xt))
    assert found.energy_p < 0.05 and found.wasserstein == pytest.approx(wasserstein(Xs, Xt))
    assert found.sliced > 0 and found.linear_time_error > 0
    assert found.per_class_energy["0"] == pytest.approx(energy_distance(Xs[ys == 0], Xt[yt == 0]))
    less = shift(Xs, Xt, permutations=0, more=False)
    assert np.isnan(less.energy) and less.rbf == pytest.approx(found.rbf)
