"""DIP: its gradient against finite differences, and what holds on the Grassmann manifold."""

import numpy as np
import pytest

from regard.adapt.named import adapter
from regard.adapt.shift.mmd import mmd2
from regard.adapt.vectors.dip import descend, mmd_and_slope
from regard.core.checks import InputError


def data(ns=50, nt=40, seed=0):
    rng = np.random.default_rng(seed)
    y, yt = np.arange(ns) % 2, np.arange(nt) % 2
    Xs = rng.normal(size=(ns, 6)) + 3 * y[:, None] * [1, 0, 0, 0, 0, 0]
    Xt = rng.normal(size=(nt, 6)) + 3 * yt[:, None] * [1, 0, 0, 0, 0, 0] + [0, 0, 4, 0, 0, 0]
    return Xs, y, Xt, yt


def signs(ns, nt):
    return np.r_[np.full(ns, 1 / ns), np.full(nt, -1 / nt)]


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_the_gradient_is_that_of_the_objective(kernel):
    rng = np.random.default_rng(0)
    X, s, W = rng.normal(size=(20, 5)), signs(12, 8), np.linalg.qr(rng.normal(size=(5, 2)))[0]
    f, G = mmd_and_slope(W, X, s, kernel, 3.0)
    plain = np.zeros_like(W)
    for i in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[i] = 1e-6
        plain[i] = (
            mmd_and_slope(W + step, X, s, kernel, 3.0)[0] - mmd_and_slope(W - step, X, s, kernel, 3.0)[0]
        ) / 2e-6
    np.testing.assert_allclose(G, plain, rtol=1e-6, atol=1e-8)
    # it depends on the subspace alone
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    assert mmd_and_slope(W @ turn, X, s, kernel, 3.0)[0] == pytest.approx(f)


def test_the_objective_is_the_mmd_of_the_projected_samples():
    Xs, _, Xt, _ = data()
    W = np.eye(6)[:, :3]
    f, _ = mmd_and_slope(W, np.r_[Xs, Xt], signs(50, 40), "rbf", 2 * 1.5**2)
    assert f == pytest.approx(mmd2(Xs @ W, Xt @ W, bandwidth=1.5))


@pytest.mark.parametrize("settings", [{}, {"kernel": "poly"}, {"lam": 0.5}])
def test_it_falls_stays_orthonormal_and_leaves_the_shifted_direction(settings):
    Xs, ys, Xt, yt = data()
    model = adapter("dip", n_components=2, classifier="1nn", **settings).fit(Xs, ys, Xt)
    assert len(model.objective_) > 3 and (np.diff(model.objective_) <= 0).all()
    W = model.components_
    np.testing.assert_allclose(W.T @ W, np.eye(2), atol=1e-10)
    assert np.linalg.norm(W[2]) < 0.4  # the direction in which the domains differ


def test_class_clustering_keeps_the_classes_apart():
    Xs, ys, Xt, yt = data()
    plain = adapter("dip", n_components=1, classifier="1nn").fit(Xs, ys, Xt)
    clustered = adapter("dip", n_components=1, classifier="1nn", lam=1.0).fit(Xs, ys, Xt)

    def compact(model):
        Z = model.transform(Xs, "source")[:, 0]
        return np.mean([Z[ys == c].var() for c in (0, 1)])

    assert compact(clustered) <= compact(plain) + 1e-9


def test_turning_the_data_turns_the_answer():
    Xs, ys, Xt, _ = data()
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0]
    first = adapter("dip", n_components=2).fit(Xs, ys, Xt)
    second = adapter("dip", n_components=2).fit(Xs @ turn, ys, Xt @ turn)
    assert first.objective_[-1] == pytest.approx(second.objective_[-1], rel=0.2)
    assert np.linalg.norm((turn @ second.components_)[2]) < 0.4


def test_descent_finds_the_lowest_subspace_of_a_quadratic():
    A = np.diag([5.0, 4, 3, 2, 1])

    def value_and_slope(W):
        return float(np.trace(W.T @ A @ W)), 2 * A @ W

    W, path = descend(value_and_slope, np.linalg.qr(np.random.default_rng(0).normal(size=(5, 2)))[0], 300, 1e-12)
    assert path[-1] == pytest.approx(3.0, abs=1e-5) and (np.diff(path) <= 0).all()


def test_subsamples_and_bad_settings():
    Xs, ys, Xt, yt = data(ns=200, nt=150)
    near = adapter("dip", n_components=2, max_samples=60, classifier="1nn").fit(Xs, ys, Xt)
    assert near.score(Xt, yt) > 0.6
    for settings in ({"kernel": "linear"}, {"sigma": 0}, {"lam": -1}, {"n_components": 0}, {"max_samples": 1}):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("dip", **settings).fit(Xs, ys, Xt)
    with pytest.raises(InputError, match="samples that differ"):
        adapter("dip").fit(np.ones((10, 3)), np.arange(10) % 2, np.ones((5, 3)))
