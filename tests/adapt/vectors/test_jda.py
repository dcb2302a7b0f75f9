"""JDA: its matrices, its rounds, and what it leaves to TCA."""

import numpy as np
from scipy.linalg import eigh

from regard.adapt.domains import value_order
from regard.adapt.named import adapter
from regard.adapt.vectors.jda import of_classes


def data(ns=60, nt=45, seed=0):
    rng = np.random.default_rng(seed)
    y, yt = np.arange(ns) % 3, np.arange(nt) % 3
    centres = 4 * rng.normal(size=(3, 5))
    return centres[y] + rng.normal(size=(ns, 5)), y, centres[yt] + rng.normal(size=(nt, 5)) + 1, yt


def test_without_rounds_it_is_tca():
    Xs, ys, Xt, _ = data()
    for kernel in ("linear", "rbf"):
        first = adapter("jda", rounds=0, n_components=4, kernel=kernel).fit(Xs, ys, Xt)
        second = adapter("tca", mu=1.0, n_components=4, kernel=kernel).fit(Xs, ys, Xt)
        np.testing.assert_allclose(first.transform(Xt), second.transform(Xt), atol=1e-9)


def test_one_round_is_the_pencil_with_the_classes_of_the_predictions():
    Xs, ys, Xt, _ = data()
    before = adapter("jda", rounds=0, n_components=4, kernel="rbf").fit(Xs, ys, Xt)
    after = adapter("jda", rounds=1, n_components=4, kernel="rbf").fit(Xs, ys, Xt)
    K, n = after.space_.gram, 105
    # rows in the order in which the method saw them
    s, t = value_order(Xs, ys, np.zeros(60, int)), value_order(Xt, np.full(45, -1))
    guess = before.predict(Xt)[t]
    e = [np.r_[np.full(60, 1 / 60), np.full(45, -1 / 45)]]
    e += [np.r_[(ys[s] == c) / 20, (guess == c) / -(guess == c).sum()] for c in range(3)]
    M = sum(np.outer(v, v) for v in e)
    M /= np.linalg.norm(M)
    H = np.eye(n) - 1 / n
    plain = eigh(K @ H @ K, K @ M @ K + np.eye(n), subset_by_index=[n - 4, n - 1])[0]
    W = after.components_
    np.testing.assert_allclose(W.T @ (K @ M @ K + np.eye(n)) @ W, np.diag(1 / plain[::-1]), atol=1e-8)
    assert after.residual_ < 1e-8


def test_predictions_settle_and_known_labels_stand():
    Xs, ys, Xt, yt = data()
    model = adapter("jda", n_components=4).fit(Xs, ys, Xt)
    assert model.changed_[0] == 1 and model.changed_[-1] < 0.1 and model.score(Xt, yt) > 0.9
    # all target labels known: one round, and nothing to predict
    told = adapter("jda", n_components=4).fit(Xs, ys, Xt, yt)
    assert told.changed_[1:] == [0.0] and told.score(Xt, yt) == 1


def test_class_vectors_compare_means():
    vectors = of_classes(np.array([0, 0, 1, 2]), np.array([0, 1, 1]))
    np.testing.assert_allclose(vectors, [[0.5, 0.5, 0, 0, -1, 0, 0], [0, 0, 1, 0, 0, -0.5, -0.5]])
