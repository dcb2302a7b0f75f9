"""Coral and subspace alignment against plain formulas of the papers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import fractional_matrix_power, subspace_angles
from sklearn.decomposition import PCA

from regard.adapt.named import adapter
from regard.adapt.spectrum import spectrum
from regard.adapt.vectors._common import times_power
from regard.adapt.vectors.coral import Coral
from regard.adapt.vectors.subspace import Subspace, stable_dimension
from regard.core.checks import InputError


def data(ns, nt, d, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(d, d))
    return rng.normal(size=(ns, d)) + 1, np.arange(ns) % 2, rng.normal(size=(nt, d)) @ mix - 3


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(1, 12), st.floats(0.01, 10), st.sampled_from([-0.5, 0.5, 1.0]))
def test_power_is_the_matrix_power(n, d, reg, power):
    X = np.random.default_rng(n).normal(size=(n, d)) * np.linspace(1, 3, d)
    plain = fractional_matrix_power(np.cov(X.T).reshape(d, d) + reg * np.eye(d), power)
    np.testing.assert_allclose(times_power(X, spectrum(X), reg, power), X @ plain, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(("ns", "nt", "d"), [(40, 30, 5), (8, 30, 12), (9, 7, 20)])
def test_coral_is_the_papers_formula(ns, nt, d):
    Xs, ys, Xt = data(ns, nt, d)
    white = fractional_matrix_power(np.cov(Xs.T) + 0.3 * np.eye(d), -0.5)
    colour = fractional_matrix_power(np.cov(Xt.T) + 0.3 * np.eye(d), 0.5)
    plain = Coral(reg=0.3, center=False).fit(Xs, ys, Xt)
    np.testing.assert_allclose(plain.transform(Xs, "source"), Xs @ white @ colour, atol=1e-8)
    np.testing.assert_array_equal(plain.transform(Xt), Xt)
    centred = Coral(reg=0.3).fit(Xs, ys, Xt).transform(Xs, "source")
    np.testing.assert_allclose(centred, (Xs - Xs.mean(0)) @ white @ colour + Xt.mean(0), atol=1e-8)


def test_coral_gives_the_source_the_targets_mean_and_covariance():
    Xs, ys, Xt = data(200, 150, 6)
    moved = Coral(reg=1e-9).fit(Xs, ys, Xt).transform(Xs, "source")
    np.testing.assert_allclose(np.cov(moved.T), np.cov(Xt.T), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved.mean(0), Xt.mean(0))


@pytest.mark.parametrize(("ns", "nt", "d"), [(40, 30, 6), (12, 9, 30)])
def test_subspace_is_the_papers_formula(ns, nt, d):
    Xs, ys, Xt = data(ns, nt, d)
    model = Subspace(n_components=4).fit(Xs, ys, Xt)
    Ps, Pt = (PCA(4, svd_solver="full").fit(X).components_.T for X in (Xs, Xt))
    Zs, Zt = (Xs - Xs.mean(0)) @ Ps @ (Ps.T @ Pt), (Xt - Xt.mean(0)) @ Pt
    # each axis has a sign of its own, the same in both domains
    signs = np.sign((model.transform(Xt) * Zt).sum(0))
    np.testing.assert_allclose(model.transform(Xs, "source") * signs, Zs, atol=1e-9)
    np.testing.assert_allclose(model.transform(Xt) * signs, Zt, atol=1e-9)
    np.testing.assert_allclose(model.source_axes_.T @ model.source_axes_, np.eye(4), atol=1e-12)
    assert np.abs(subspace_angles(model.target_axes_, Pt)).max() < 1e-6


def test_alignment_is_the_nearest_map():
    Xs, ys, Xt = data(40, 30, 6)
    model = Subspace(n_components=3).fit(Xs, ys, Xt)

    def loss(M):
        return np.linalg.norm(model.source_axes_ @ M - model.target_axes_)

    best = loss(model.alignment_)
    rng = np.random.default_rng(0)
    assert all(loss(model.alignment_ + 0.01 * rng.normal(size=(3, 3))) > best for _ in range(20))


def test_stable_dimension_is_the_bound_by_a_plain_loop():
    Xs, _, Xt = data(300, 200, 10)
    Xs, Xt = Xs * np.linspace(5, 1, 10), Xt * np.linspace(5, 1, 10)
    source, target, norm = spectrum(Xs), spectrum(Xt), 20.0
    scale = (np.trace(np.cov(Xs.T)) + np.trace(np.cov(Xt.T))) / 20
    for gamma in (10, 300, 1e3, 1e4, 1e6):
        best = 1
        for k in range(1, 10):
            both = [
                1 / (np.sqrt(n) * (one.variances[k - 1] - one.variances[k]) / scale)
                for one, n in ((source, 300), (target, 200))
            ]
            bound = 8 * k**1.5 * norm / scale**0.5 * (1 + np.sqrt(np.log(20) / 2)) * sum(both)
            best = k if bound <= gamma else best
        assert stable_dimension(source, target, norm, 300, 200, gamma=gamma) == best


def test_automatic_dimension_does_not_depend_on_scale():
    Xs, ys, Xt = data(300, 200, 10)
    found = {Subspace().fit(c * Xs, ys, c * Xt).n_components_ for c in (1e-3, 1, 1e3)}
    assert len(found) == 1 and 1 <= found.pop() < 10


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("subspace", {"n_components": 0}, "n_components: .*1 to 5"),
        ("subspace", {"n_components": 6}, "n_components: .*1 to 5"),
        ("subspace", {"n_components": 2.0}, "a whole number"),
        ("subspace", {"n_components": "all"}, "'auto'"),
        ("coral", {"reg": 0}, "reg: .*above 0"),
        ("coral", {"reg": "much"}, "reg: .*number"),
        ("coral", {"classifier": "knn"}, "classifier: .*1nn"),
    ],
)
def test_settings_out_of_range(name, setting, message):
    Xs, ys, Xt = data(20, 20, 5)
    with pytest.raises(InputError, match=message):
        adapter(name, **setting).fit(Xs, ys, Xt)


def test_equal_samples_span_no_subspace():
    Xs, ys, Xt = data(20, 20, 5)
    with pytest.raises(InputError, match="Xt: .*all equal"):
        Subspace().fit(Xs, ys, np.full((20, 5), 0.1))
    assert spectrum(np.full((20, 5), 0.1)).variances.size == 0
    assert spectrum(np.full((3, 5), 1e6)).axes.shape == (5, 0)
