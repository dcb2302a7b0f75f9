"""Density ratios against known densities, solvers and plain formulas."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm, spearmanr

from regard.adapt.shift._gaussian import gaussian
from regard.adapt.shift.density_ratios import density_ratio, effective_samples, ratio_at
from regard.adapt.shift.kernel_mean_matching import kmm
from regard.adapt.shift.kernel_ratios import kliep, ulsif, ulsif_loo
from regard.core.checks import InputError


def sets(ns=300, nt=250, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ns, 1)), rng.normal(size=(nt, 1)) * 0.7 + 0.8


@pytest.mark.parametrize("method", ["logistic", "kmm", "kliep", "ulsif"])
def test_every_estimate_follows_the_true_ratio(method):
    Xs, Xt = sets()
    w = density_ratio(Xs, Xt, method)
    truth = norm.pdf(Xs[:, 0], 0.8, 0.7) / norm.pdf(Xs[:, 0])
    assert w.mean() == pytest.approx(1) and (w >= 0).all()
    assert spearmanr(w, truth)[0] > (0.5 if method == "kmm" else 0.85)
    # the weighted source has the target's mean
    assert np.average(Xs[:, 0], weights=w) == pytest.approx(Xt.mean(), abs=0.35)
    np.testing.assert_array_equal(density_ratio(Xs, Xt, method), w)
    equal = density_ratio(Xs, Xs.copy(), method)
    assert effective_samples(equal) > 0.8 * len(Xs)


def test_kmm_is_the_quadratic_programs_solution():
    rng = np.random.default_rng(0)
    Xs, Xt = rng.normal(size=(12, 2)), rng.normal(size=(9, 2)) + 0.5
    K, k = gaussian(Xs, Xs, 1.0), 12 / 9 * gaussian(Xs, Xt, 1.0).sum(axis=1)
    for bound, slack in ((1000.0, 0.7), (1.5, 0.05)):
        b = kmm(K, k, bound, slack)
        plain = minimize(
            lambda x: 0.5 * x @ K @ x - k @ x,
            np.ones(12),
            jac=lambda x: K @ x - k,
            bounds=[(0, bound)] * 12,
            constraints=[
                {"type": "ineq", "fun": lambda x, s=slack: 12 * (1 + s) - x.sum()},
                {"type": "ineq", "fun": lambda x, s=slack: x.sum() - 12 * (1 - s)},
            ],
            method="SLSQP",
            options={"maxiter": 2000, "ftol": 1e-14},
        )
        assert 0.5 * b @ K @ b - k @ b <= plain.fun + 1e-6
        assert (b >= 0).all() and (b <= bound).all() and abs(b.sum() - 12) <= 12 * slack + 1e-6


def test_kliep_never_falls_and_keeps_its_constraint():
    Xs, Xt = sets()
    Kt, mean_s = gaussian(Xt, Xt[:50], 0.5), gaussian(Xs, Xt[:50], 0.5).mean(axis=0)
    alpha, path = kliep(Kt, mean_s)
    assert len(path) > 3 and (np.diff(path) >= -1e-12).all()
    assert mean_s @ alpha == pytest.approx(1) and (alpha >= 0).all()
    rng = np.random.default_rng(1)
    for _ in range(20):  # no random feasible point is better
        other = rng.dirichlet(np.ones(50)) / mean_s
        assert np.log(Kt @ other).mean() <= path[-1] + 1e-6


def test_ulsif_is_its_closed_form_and_leaves_one_out():
    Xs, Xt = sets(30, 30)
    Ks, Kt = gaussian(Xs, Xt[:8], 0.7), gaussian(Xt, Xt[:8], 0.7)
    plain = np.linalg.solve(Ks.T @ Ks / 30 + 0.1 * np.eye(8), Kt.mean(axis=0))
    np.testing.assert_allclose(ulsif(Ks, Kt, 0.1), np.maximum(plain, 0))
    scores = []
    for i in range(30):
        rest = np.arange(30) != i
        H = Ks[rest].T @ Ks[rest] / 29 + 0.1 * np.eye(8)
        alpha = np.maximum(np.linalg.solve(H, Kt[rest].mean(axis=0)), 0)
        scores.append((Ks[i] @ alpha) ** 2 / 2 - Kt[i] @ alpha)
    assert ulsif_loo(Ks, Kt, 0.1) == pytest.approx(np.mean(scores))


def test_logistic_is_the_odds_times_the_sizes():
    Xs, Xt = sets(300, 100)
    w = ratio_at(Xs, Xt, "logistic", C=1e3)(np.array([[0.0], [1.0]]))
    truth = norm.pdf([0.0, 1.0], 0.8, 0.7) / norm.pdf([0.0, 1.0])
    np.testing.assert_allclose(w, truth, rtol=0.6)


def test_a_draw_stands_for_many_samples():
    Xs, Xt = sets(600)
    drawn = density_ratio(Xs, Xt, "kmm", max_samples=200)
    assert drawn.shape == (600,) and spearmanr(drawn, density_ratio(Xs, Xt, "kmm"))[0] > 0.4


def test_bad_input():
    Xs, Xt = sets(20, 20)
    with pytest.raises(InputError, match="Did you mean 'kliep'"):
        density_ratio(Xs, Xt, "klip")
    with pytest.raises(InputError, match="KMM gives weights"):
        ratio_at(Xs, Xt, "kmm")
    with pytest.raises(InputError, match="setting of logistic"):
        density_ratio(Xs, Xt, "logistic", reg=1)
    with pytest.raises(InputError, match="bandwidth"):
        density_ratio(Xs, Xt, "kliep", bandwidth=0)
    with pytest.raises(InputError, match="Xt"):
        density_ratio(Xs, np.zeros((3, 2)))
    far = density_ratio(Xs, Xt + 1000, "kliep", bandwidth=0.1)
    np.testing.assert_array_equal(far, 1)  # nothing of the source resembles the target
