"""TCA and SSTCA against the papers' matrices, formed in full."""

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.neighbors import kneighbors_graph

from regard.adapt.named import adapter
from regard.adapt.vectors._kernels import unit_rows
from regard.adapt.vectors.tca import neighbourhoods
from regard.core.checks import InputError


def data(ns=50, nt=40, d=6, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(ns) % 2
    Xs = rng.normal(size=(ns, d)) + 3 * y[:, None]
    return Xs, y, rng.normal(size=(nt, d)) + 3 * (np.arange(nt) % 2)[:, None] + [4, 0, 0, 0, 0, 0][:d]


def matrices(model):
    """K, H and L of the samples in the order in which the method saw them."""
    space = model.space_
    K = space.gram if space.gram is not None else space.features @ space.features.T
    n = len(K)
    return K, np.eye(n) - 1 / n


def mmd_matrix(ns, nt):
    e = np.r_[np.full(ns, 1 / ns), np.full(nt, -1 / nt)]
    L = np.outer(e, e)
    return L / np.linalg.norm(L)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("mu", [0.1, 1.0, 1e4])
def test_components_are_those_of_the_plain_pencil(kernel, mu):
    Xs, ys, Xt = data()
    model = adapter("tca", n_components=4, kernel=kernel, mu=mu).fit(Xs, ys, Xt)
    K, H = matrices(model)
    L = mmd_matrix(50, 40)
    plain = eigh(K @ H @ K, K @ L @ K + mu * np.eye(90), subset_by_index=[86, 89])[0][::-1]
    np.testing.assert_allclose(model.eigenvalues_, plain, rtol=1e-7)
    W = model.components_
    np.testing.assert_allclose(W.T @ K @ H @ K @ W, np.eye(4), atol=1e-8)  # the paper's constraint
    assert model.residual_ < 1e-8


def test_new_rows_enter_by_their_kernel_with_the_training_rows():
    Xs, ys, Xt = data()
    model = adapter("tca", n_components=3, kernel="rbf", normalize=False, scaling="scatter").fit(Xs, ys, Xt)
    new = np.random.default_rng(5).normal(size=(7, 6))
    expected = model.space_.kernel(model.space_.kernel.rows(new), model.space_.anchors) @ model.components_
    np.testing.assert_allclose(model.transform(new), expected)
    linear = adapter("tca", n_components=3, normalize=False, scaling="scatter").fit(Xs, ys, Xt)
    np.testing.assert_allclose(linear.transform(new), new @ linear.space_.features.T @ linear.components_)
    unit = adapter("tca", n_components=3).fit(Xs, ys, Xt).transform(new)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1)


def test_means_of_the_domains_come_together():
    Xs, ys, Xt = data()
    near = adapter("tca", n_components=2, mu=1e-3, normalize=False).fit(Xs, ys, Xt)
    far = adapter("tca", n_components=2, mu=1e6, normalize=False).fit(Xs, ys, Xt)

    def gap(model):
        Z = model.transform(Xs, "source"), model.transform(Xt)
        return np.linalg.norm(Z[0].mean(0) - Z[1].mean(0)) / np.concatenate(Z).std()

    assert gap(near) < 0.1 < gap(far)


def test_primal_is_the_pencil_in_feature_space():
    Xs, ys, Xt = data()
    model = adapter("tca", primal=True, mu=0.1, n_components=3, normalize=False, scaling="scatter").fit(Xs, ys, Xt)
    X, H = model.space_.features, np.eye(90) - 1 / 90
    B = X.T @ mmd_matrix(50, 40) @ X + 0.1 * np.eye(6)
    plain = eigh(X.T @ H @ X, B, subset_by_index=[3, 5])[0]
    np.testing.assert_allclose(model.eigenvalues_, plain[::-1])
    np.testing.assert_allclose(model.transform(Xt), Xt @ model.components_)


def test_approximation_with_all_samples_is_exact_and_with_few_is_near():
    Xs, ys, Xt = data(ns=120, nt=100)
    yt = np.arange(100) % 2
    exact = adapter("tca", kernel="rbf", n_components=5).fit(Xs, ys, Xt)
    near = adapter("tca", kernel="rbf", n_components=5, max_samples=160).fit(Xs, ys, Xt)
    assert near.space_.gram is None and len(near.space_.anchors) == 40
    assert abs(exact.score(Xt, yt) - near.score(Xt, yt)) < 0.06
    full = adapter("tca", kernel="rbf", n_components=5, max_samples=220).fit(Xs, ys, Xt)
    np.testing.assert_allclose(full.eigenvalues_, exact.eigenvalues_)


def test_sstca_is_the_papers_matrices():
    Xs, ys, Xt = data()
    model = adapter("tca", kernel="rbf", n_components=3, gamma_labels=0.5, laplacian=2.0, neighbours=5).fit(Xs, ys, Xt)
    K, H = matrices(model)
    # the method sorts its samples: find the labels of the rows it saw
    rows, order = model.space_.anchors, []
    for row in rows[:50]:
        order.append(int(np.abs(unit_rows(Xs) - row).sum(1).argmin()))
    codes = np.r_[ys[order], np.full(40, -1)]
    Kll = (codes[:, None] == codes) & (codes[:, None] >= 0)
    Kyy = 0.5 * (Kll | np.eye(90, dtype=bool)) + 0.5 * np.eye(90)
    graph = neighbourhoods(rows, 5).toarray()
    graph *= 2.0 / np.trace(graph)
    B = np.eye(90) + K @ mmd_matrix(50, 40) @ K + K @ graph @ K
    plain = eigh(K @ H @ Kyy @ H @ K, B, subset_by_index=[87, 89])[0][::-1]
    np.testing.assert_allclose(model.eigenvalues_, plain, rtol=1e-7)
    assert model.residual_ < 1e-8


def test_the_graph_laplacian():
    X = np.random.default_rng(0).normal(size=(20, 3))
    L = neighbourhoods(X, 4).toarray()
    np.testing.assert_allclose(L.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(L, L.T)
    near = kneighbors_graph(X, 4).toarray()
    np.testing.assert_array_equal((L < 0), (near + near.T) > 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mu": 0}, "mu"),
        ({"kernel": "poly"}, "kernel"),
        ({"primal": True, "kernel": "rbf"}, "primal"),
        ({"n_components": 0}, "n_components"),
        ({"scaling": "none"}, "scaling"),
        ({"gamma_labels": 2}, "gamma_labels"),
        ({"max_samples": 2}, "max_samples"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        adapter("tca", **settings).fit(*data())
