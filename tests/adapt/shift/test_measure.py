"""Discrepancies against the matrix formula, pair by pair."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.adapt.shift.distances import energy_distance
from regard.adapt.shift.measure import mmd2, proxy_a_distance, shift
from regard.adapt.shift.mmd import centred, p_value, scales_of
from regard.core.checks import InputError


def sets(ns=13, nt=8, d=3, by=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ns, d)), rng.normal(size=(nt, d)) + by


def by_loops(Xs, Xt, k, unbiased=False):
    """Gretton et al. 2012, eq. 3 (unbiased) and eq. 5 (biased)."""
    ss = [[k(a, b) for b in Xs] for a in Xs]
    tt = [[k(a, b) for b in Xt] for a in Xt]
    st_ = np.mean([[k(a, b) for b in Xt] for a in Xs])
    if not unbiased:
        return np.mean(ss) + np.mean(tt) - 2 * st_
    off = [(np.sum(K) - np.trace(K)) / (len(K) * (len(K) - 1)) for K in (np.array(ss), np.array(tt))]
    return sum(off) - 2 * st_


def kernels(Xs, Xt):
    Z = np.concatenate([Xs, Xt])
    squared = np.array([((a - b) ** 2).sum() for i, a in enumerate(Z) for b in Z[:i]])
    s, mean = np.sqrt(np.median(squared)), squared.mean()
    return {
        "linear": lambda a, b: a @ b,
        "rbf": lambda a, b: np.exp(-((a - b) ** 2).sum() / (2 * s**2)),
        "multi": lambda a, b: np.mean([np.exp(-((a - b) ** 2).sum() / (2.0**u * mean)) for u in range(-3, 2)]),
    }


@pytest.mark.parametrize("kernel", ["linear", "rbf", "multi"])
@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize(("ns", "nt"), [(13, 8), (2, 9), (7, 7)])
def test_mmd_is_the_matrix_formula(kernel, unbiased, ns, nt):
    Xs, Xt = sets(ns, nt)
    Xs, Xt = Xs + 50, Xt + 50  # far from 0, where squares cancel
    plain = by_loops(Xs, Xt, kernels(Xs, Xt)[kernel], unbiased)
    for chunk in (1, 4, 1000):
        assert mmd2(Xs, Xt, kernel, unbiased=unbiased, chunk=chunk) == pytest.approx(plain, abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.sampled_from(["linear", "rbf", "multi"]), st.integers(0, 99))
def test_mmd_is_symmetric_never_negative_and_blind_to_order(ns, nt, kernel, seed):
    Xs, Xt = sets(ns, nt, seed=seed)
    found = mmd2(Xs, Xt, kernel)
    assert found >= 0
    assert mmd2(Xt, Xs, kernel) == pytest.approx(found, abs=1e-10)
    assert mmd2(Xs[::-1], Xt[::-1], kernel) == pytest.approx(found, abs=1e-10)


@pytest.mark.parametrize("kernel", ["linear", "rbf", "multi"])
def test_mmd_is_0_for_equal_sets_and_grows_with_the_shift(kernel):
    Xs, _ = sets()
    assert mmd2(Xs, Xs.copy(), kernel) == pytest.approx(0, abs=1e-12)
    assert mmd2(np.ones((3, 2)), np.ones((5, 2)), kernel) == pytest.approx(0, abs=1e-12)
    grown = [mmd2(*sets(60, 50, by=by), kernel, **({"bandwidth": 2.0} if kernel == "rbf" else {})) for by in (0, 1, 3)]
    assert grown[0] < grown[1] < grown[2]


def test_unbiased_mmd_is_0_on_average_without_a_shift():
    found = [mmd2(*sets(10, 15, by=0, seed=seed), bandwidth=1.5, unbiased=True) for seed in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)
    assert np.mean([mmd2(*sets(10, 15, by=0, seed=seed), bandwidth=1.5) for seed in range(50)]) > 0.02  # the biased


def test_p_value_is_right_under_no_shift_and_small_under_one():
    p = [shift(*sets(20, 14, by=0, seed=seed), permutations=39).p_value for seed in range(40)]
    assert 0.3 < np.mean(p) < 0.7 and np.mean(np.array(p) <= 0.1) < 0.3
    assert shift(*sets(20, 14, by=2), permutations=99).p_value == pytest.approx(0.01)
    assert np.isnan(shift(*sets(), permutations=0).p_value)


def test_a_distance_at_both_ends():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    same = proxy_a_distance(X, X.copy())
    assert same.value < 0.3 and same.low >= 0 and 0.4 < same.error <= 0.5
    apart = proxy_a_distance(X, X[:70] + 10)  # also where the sizes differ
    assert apart.value == apart.high == 2 and apart.error == 0
    middle = proxy_a_distance(X[:100], X[100:] + [1, 0, 0, 0, 0])
    # one unit between two normals: the best line errs on 31 %, which is a distance of 0.77
    assert 0.4 < middle.value < 1.1 and middle.low < middle.value < middle.high


def test_unbalanced_domains_are_no_distance():
    rng = np.random.default_rng(0)
    found = proxy_a_distance(rng.normal(size=(400, 3)), rng.normal(size=(20, 3)))
    assert found.value < 0.5  # always saying "source" would err on 5 % and give 1.8


def test_shift_with_labels_and_draws():
    Xs, Xt = sets(40, 30)
    ys, yt = np.array(["a", "b"] * 20), np.array(["a"] * 20 + ["c"] * 10)
    found = shift(Xs, Xt, ys, yt, permutations=9)
    assert found.label_shift == pytest.approx((abs(0.5 - 2 / 3) + 0.5 + 1 / 3) / 2)
    assert list(found.per_class) == ["a"]
    Z = np.concatenate([Xs, Xt])
    bandwidth = np.median([np.linalg.norm(a - b) for i, a in enumerate(Z) for b in Z[:i]])
    assert found.per_class["a"] == pytest.approx(mmd2(Xs[ys == "a"], Xt[yt == "a"], bandwidth=bandwidth), abs=1e-10)
    assert found.rbf == pytest.approx(mmd2(Xs, Xt)) and found.multi == pytest.approx(mmd2(Xs, Xt, "multi"))
    assert found.linear == pytest.approx(((Xs.mean(0) - Xt.mean(0)) ** 2).sum())
    small = shift(Xs, Xt, permutations=9, max_samples=25)
    assert small.used == (25, 25) and small.given == (40, 30) and "25 of 40 source" in small.notes[0]
    assert small == shift(Xs, Xt, permutations=9, max_samples=25)
    assert small.rbf != shift(Xs, Xt, permutations=9, max_samples=25, seed=1).rbf


def test_a_single_target_sample_is_measured_as_far_as_it_goes():
    Xs, Xt = sets(10, 1)
    found = shift(Xs, Xt, permutations=9)
    assert found.rbf > 0 and np.isnan(found.rbf_unbiased) and np.isnan(found.a_distance) and len(found.notes) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b: mmd2(a, b[:, :2]), "Xt: .*3 features.*got 2"),
        (lambda a, b: mmd2(a, b, "gauss"), "kernel: .*linear, rbf, multi"),
        (lambda a, b: mmd2(a, b[:1], unbiased=True), "at least 2 in each set"),
        (lambda a, b: mmd2(a, b, bandwidth=0), "bandwidth: .*above 0"),
        (lambda a, b: mmd2(a, b, "linear", bandwidth=1), "none for the kernel linear"),
        (lambda a, b: shift(a, b * np.nan), "Xt: .*NaN"),
        (lambda a, b: shift(a, b, [0] * 13, [None] * 8), "yt: .*known"),
        (lambda a, b: proxy_a_distance(a, b[:3]), "Xt: .*at least 4 rows"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call(*sets())


def exact_p(Xs, Xt, statistic):
    """The share of all relabellings with at least the observed statistic, ties among them."""
    Z, ns = np.concatenate([Xs, Xt]), len(Xs)
    found = []
    for rows in combinations(range(len(Z)), ns):
        inside = np.isin(np.arange(len(Z)), rows)
        found.append(statistic(Z[inside], Z[~inside]))
    return float(np.mean(np.array(found) >= statistic(Xs, Xt) - 1e-9))


def ties(kind):
    """Small sets whose relabellings tie, as (Xs, Xt)."""
    rng = np.random.default_rng(0)
    if kind == "one odd sample":
        X = np.full((8, 3), 0.1)
        X[7] = 0.7
        return X[:4], X[4:]
    if kind == "zeros and ones":
        return 0.7 * np.array([[1], [1], [1], [1], [0]]), 0.7 * np.array([[1], [0], [0], [0], [0]])
    if kind == "far apart":  # the mirror image ties with the most extreme labelling
        return rng.normal(size=(4, 64)), rng.normal(size=(4, 64)) + 5
    if kind == "pictures twice":
        B = rng.normal(size=(4, 8))
        return B[[0, 0, 1, 2]], B[[1, 2, 3, 3]]
    return np.full((3, 2), 1 / 3), np.full((4, 2), 1 / 3)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("kind", ["one odd sample", "zeros and ones", "far apart", "pictures twice", "all equal"])
def test_relabellings_that_tie_count(kind, scale, offset):
    Xs, Xt = ties(kind)
    Xs, Xt = scale * (Xs + offset), scale * (Xt + offset)
    found = [shift(Xs, Xt, seed=seed, permutations=500) for seed in range(3)]
    width = scales_of(centred(Xs, Xt), "rbf", None, 0)[0]
    unit = max(float(np.abs(Xs - Xs.mean(axis=0)).max()), 1e-300)
    for got, statistic in (
        ([one.p_value for one in found], lambda A, B: mmd2(A, B, bandwidth=np.sqrt(width / 2))),
        ([one.energy_p for one in found], lambda A, B: energy_distance(A, B) / unit),
    ):
        expected = exact_p(Xs, Xt, statistic) if kind != "all equal" else 1.0
        spread = 4 * np.sqrt(expected * (1 - expected) / 1500) + 0.01
        assert abs(np.mean(got) - expected) <= spread, (kind, got, expected)


def test_p_value_counts_ties_within_rounding_and_none_beyond():
    assert p_value(np.array([0.3, 0.1 + 0.2, 0.3 - 1e-12, 0.3 - 1e-6]), 1.0) == 0.75
    assert p_value(np.array([3e9, 3e9 - 1e-3, 2e9]), 1e10) == pytest.approx(2 / 3)
    assert np.isnan(p_value(np.array([0.3]), 1.0))
