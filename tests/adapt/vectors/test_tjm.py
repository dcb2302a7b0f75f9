"""TJM against the paper's alternation with full matrices."""

import numpy as np
import pytest
from scipy.linalg import eigh

from regard.adapt.named import adapter
from regard.adapt.vectors.tjm import objective
from regard.core.checks import InputError


def data(ns=50, nt=40, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(ns) % 2
    Xs = rng.normal(size=(ns, 5)) + 3 * y[:, None]
    return Xs, y, rng.normal(size=(nt, 5)) + 3 * (np.arange(nt) % 2)[:, None] + 1


def test_it_is_the_plain_alternation():
    Xs, ys, Xt = data()
    model = adapter("tjm", n_components=3, rounds=6, kernel="rbf").fit(Xs, ys, Xt)
    K, n = model.space_.gram, 90
    e = np.r_[np.full(50, 1 / 50), np.full(40, -1 / 40)]
    M = np.outer(e, e) / np.linalg.norm(np.outer(e, e))
    H, G, path = np.eye(n) - 1 / n, np.ones(n), []
    for _ in range(6):
        phi, A = eigh(K @ H @ K, K @ M @ K + np.diag(G), subset_by_index=[n - 3, n - 1])
        A = A / np.sqrt(phi)
        lengths = np.linalg.norm(A, axis=1)
        path.append(np.trace(A.T @ K @ M @ K @ A) + lengths[:50].sum() + (lengths[50:] ** 2).sum())
        G[:50] = 1 / (2 * lengths[:50])
    np.testing.assert_allclose(model.objective_, path, rtol=1e-6)
    np.testing.assert_allclose(model.components_.T @ K @ H @ K @ model.components_, np.eye(3), atol=1e-8)


def test_it_iterates_and_the_objective_falls_in_large_problems_too():
    rng = np.random.default_rng(0)
    Xs, ys, Xt = rng.normal(size=(300, 8)), np.arange(300) % 3, rng.normal(size=(250, 8)) + 1
    model = adapter("tjm", n_components=5, kernel="rbf").fit(Xs, ys, Xt)  # beyond LAPACK's size: one pass a turn
    assert len(model.objective_) == 10 and (np.diff(model.objective_) < 0).all() and model.residual_ < 1e-8


def test_the_objective_by_hand():
    A, V = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[1.0, 1.0]])
    assert objective(A, V, 1, 2.0) == 16 + 16 + 2 * (5 + 1)


def test_bad_settings():
    for settings in ({"lam": 0}, {"rounds": 0}, {"kernel": "x"}):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("tjm", **settings).fit(*data())
