"""DA-NBNN: distances and slopes against plain loops, NBNN as its start, the swap, bags of points that turn."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from regard.adapt.contract import UNKNOWN
from regard.adapt.vectors import _image_to_class as itc
from regard.adapt.vectors import nbnn
from regard.adapt.vectors.nbnn import NBNN, rows_of_bags
from regard.core.checks import InputError


def spokes(n, degrees, seed, m=10):
    """Rows of n bags of m points (2-D): three classes, each along a spoke from the origin, all turned together."""
    rng, y = np.random.default_rng((seed, degrees)), np.arange(n) % 3
    angle, far = np.deg2rad(120 * y + degrees)[:, None], rng.uniform(1, 4, (n, m))
    points = np.stack([far * np.cos(angle), far * np.sin(angle)], axis=2) + 0.6 * rng.normal(size=(n, m, 2))
    return points.reshape(n, -1), y


def images(n=12, m=4, p=3, classes=3, seed=0):
    """Bags (n, m, p), their classes, metrics that are positive semidefinite."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    A = rng.normal(size=(classes, p, p))
    return rng.normal(size=(n, m, p)) + y[:, None, None], y, A @ A.transpose(0, 2, 1) / p


def slow(F, labels, W, own=True):
    """D by three loops; an image is left out of its own class where `own`."""
    D = np.full((len(F), len(W)), np.inf)
    for i, bag in enumerate(F):
        for c in range(len(W)):
            base = [f for j in range(len(labels)) if labels[j] == c and not (own and j == i) for f in F[j]]
            if base:
                nearest = [min(base, key=lambda g, f=f: float((f - g) @ (f - g))) for f in bag]
                D[i, c] = sum(float((f - g) @ W[c] @ (f - g)) for f, g in zip(bag, nearest))
    return D


@pytest.mark.parametrize("cells", [4_000_000, 50, 1])
def test_distances_are_those_of_three_loops(cells, monkeypatch):
    monkeypatch.setattr(itc, "CELLS", cells)  # blocks of any size
    F, y, W = images()
    labels = np.where(np.arange(12) < 9, y, -1)
    found = itc.match(F, labels, 3)
    np.testing.assert_allclose(found.distances(W), slow(F, labels, W), rtol=1e-10)
    rows = np.array([7, 2, 11])
    np.testing.assert_allclose(found.of(rows).distances(W), slow(F, labels, W)[rows], rtol=1e-10)
    np.testing.assert_allclose(found.divided(3.0).distances(W), slow(F, labels, W) / 9, rtol=1e-10)


def test_an_image_alone_in_its_class_has_no_distance_to_it():
    F, _, W = images(5)
    labels = np.array([0, 1, 1, 2, 2])
    found = itc.match(F, labels, 3)
    D = found.distances(W)
    assert np.isinf(D[0, 0]) and np.isfinite(np.delete(D.ravel(), 0)).all()
    value, by_distance = itc.loss(W, found, labels, 1.0)
    rest = itc.loss(W, found.of(np.arange(1, 5)), labels[1:], 0.8)[0]
    assert value == pytest.approx(rest) and not by_distance[0].any()


def test_loss_is_its_formula_and_slope_that_of_finite_differences():
    F, y, W = images(18)
    found, C = itc.match(F, y, 3), 2.0
    D = slow(F, y, W)
    hinge = sum(max(0.0, 1 + D[i, y[i]] - D[i, c]) for i in range(18) for c in range(3) if c != y[i])
    value, by_distance = itc.loss(W, found, y, C)
    assert value == pytest.approx(0.5 * ((W - np.eye(3)) ** 2).sum() + C / 18 * hinge)
    G = itc.slope(W, found, by_distance)
    rng = np.random.default_rng(1)
    for _ in range(5):
        way = rng.normal(size=W.shape)
        ahead, behind = (itc.loss(W + e * way, found, y, C)[0] for e in (1e-6, -1e-6))
        assert (ahead - behind) / 2e-6 == pytest.approx(float((G * way).sum()), rel=1e-5)


def test_metrics_stay_symmetric_without_negative_eigenvalues_and_come_near_the_minimum():
    F, y, _ = images(24, 5)
    eye = np.tile(np.eye(3), (3, 1, 1))
    found = itc.match(F, y, 3)
    found = found.divided(np.sqrt(nbnn.typical_gap(found.distances(eye), y)))
    for C, near in ((1.0, 1.001), (10.0, 1.03)):
        W, path = itc.learn_metrics(found, y, C, 200)
        np.testing.assert_array_equal(W, W.transpose(0, 2, 1))
        assert np.linalg.eigvalsh(W).min() > -1e-12 and (np.diff(path) < 0).all()
        assert path[-1] == itc.loss(W, found, y, C)[0]
        # the plain subgradient method with steps 1 / k, thousands of them
        other, least = eye, np.inf
        for k in range(2000):
            value, by_distance = itc.loss(other, found, y, C)
            least, G = min(least, value), itc.slope(other, found, by_distance)
            other = itc.semidefinite(other - G / (k + 10))
        assert path[-1] <= near * least
    stays, path = itc.learn_metrics(found, y, 0.0, 50)
    np.testing.assert_array_equal(stays, eye)
    assert path == [0.0]


def test_without_metrics_and_rounds_it_is_nbnn():
    (Xs, ys), (Xt, _) = spokes(30, 0, 0), spokes(20, 60, 1)
    model = NBNN(local=10, C=0, rounds=0).fit(Xs, ys, Xt)
    both = np.concatenate([Xs, Xt]).reshape(50, 10, 2)
    D = slow(both, np.r_[ys, np.full(20, -1)], np.tile(np.eye(2), (3, 1, 1)), own=False)[30:]
    np.testing.assert_array_equal(model.predict(Xt), D.argmin(axis=1))
    ratio = np.log(model.predict_proba(Xt))
    np.testing.assert_allclose(ratio - ratio[:, :1], -(D - D[:, :1]) / model.scale_**2, rtol=1e-6, atol=1e-6)
    assert not hasattr(model, "objective_") and model.n_iter_ == 0
    refit = model.set_params(C=10).fit(Xs, ys, Xt).set_params(C=0).fit(Xs, ys, Xt)
    assert not hasattr(refit, "objective_")


def test_with_one_feature_an_image_it_is_the_nearest_neighbour():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 4
    Xs, Xt = rng.normal(size=(60, 5)) + y[:, None], rng.normal(size=(200, 5)) + 1.5
    model = NBNN(C=0, rounds=0).fit(Xs, y, Xt)
    np.testing.assert_array_equal(model.predict(Xt), KNeighborsClassifier(1).fit(Xs, y).predict(Xt))


def test_bags_that_turn_are_followed():
    gains, last = [], []
    for seed in range(6):
        (Xs, ys), (Xt, yt), (new, yn) = spokes(60, 0, seed), spokes(60, 50, seed), spokes(150, 50, seed + 50)
        fixed, model = NBNN(local=10, rounds=0).fit(Xs, ys, Xt), NBNN(local=10).fit(Xs, ys, Xt)
        gains.append(model.score(new, yn) - fixed.score(new, yn))
        last.append(model.score(Xt, yt))
        assert (np.diff(model.objective_) < 0).all() and np.linalg.eigvalsh(model.metrics_).min() > -1e-12
    assert np.mean(gains) > 0.05 and min(gains) > -0.02 and np.mean(last) > 0.95


def test_learnt_metrics_weigh_what_tells_classes_apart():
    gains = []
    for seed in range(3):
        rng, y = np.random.default_rng(seed), np.arange(500) % 3
        F = rng.normal(size=(500, 5, 10))  # two numbers of ten tell the classes apart
        F[..., :2] = F[..., :2] / 2 + np.eye(3)[y, None, :2]
        X = F.reshape(500, -1)
        plain, model = (NBNN(local=5, C=C, rounds=0).fit(X[:200], y[:200], X[200:]) for C in (0.0, 10.0))
        weights = model.metrics_.diagonal(axis1=1, axis2=2).mean(axis=0)
        assert weights[:2].mean() > 1.1 * weights[2:].mean()
        gains.append(model.score(X[200:], y[200:]) - plain.score(X[200:], y[200:]))
    assert np.mean(gains) > 0.01


def test_the_surest_join_and_the_worst_leave():
    codes = np.array([0, 0, 0, 0, 1, 1, -1, -1, -1, 1])  # six source images, then the target
    D = np.array(
        [[1, 9], [1, 3], [4, 2], [1, 8], [5, 1], [5, 4], [1, 7], [2, 4], [3, 3.5], [1, 6.0]],
    )
    np.testing.assert_array_equal(nbnn.swap(D, codes, 6, 0.5), [0, -1, -1, 0, 1, 1, 0, 0, -1, 1])
    np.testing.assert_array_equal(nbnn.swap(D, codes, 6, 1.0), [0, -1, -1, -1, 1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(nbnn.swap(D, codes, 6, 0.25), [0, 0, -1, 0, 1, 1, 0, -1, -1, 1])


def test_shares_grow_from_round_to_round():
    (Xs, ys), (Xt, _) = spokes(60, 0, 0), spokes(90, 20, 0)
    model = NBNN(local=10, rounds=5, share=0.5).fit(Xs, ys, Xt)
    assert model.source_left_ == [60, 54, 48, 42, 36, 30]
    assert model.joined_ == [0, 9, 18, 27, 36, 45]
    assert sum(map(len, model.bases_)) == 10 * (30 + 45)
    every = NBNN(local=10, rounds=2, share=1.0).fit(Xs, ys, Xt)
    assert every.source_left_ == [60, 30, 3] and every.joined_ == [0, 45, 90]  # a class keeps its last


def test_known_target_labels_stay_and_help():
    (Xs, ys), (Xt, yt) = spokes(60, 0, 0), spokes(90, 75, 0)
    few = np.array(yt, dtype=object)
    few[12:] = UNKNOWN
    blind, told = NBNN(local=10).fit(Xs, ys, Xt), NBNN(local=10, share=1.0).fit(Xs, ys, Xt, few)
    assert told.score(Xt, yt) > blind.score(Xt, yt) + 0.2
    for i in range(12):  # their features are in the bases, of their own class
        bag = ((Xt[i].reshape(10, 2) - told.mean_) / told.scale_)[:, None]
        assert np.abs(bag - told.bases_[yt[i]]).max(axis=2).min(axis=1).max() < 1e-9


def test_bags_are_sets():
    (Xs, ys), (Xt, _), (new, _) = spokes(45, 0, 0), spokes(45, 30, 1), spokes(30, 30, 2)
    rng = np.random.default_rng(0)

    def shuffled(X):
        return np.stack([bag[rng.permutation(10)] for bag in X.reshape(len(X), 10, 2)]).reshape(len(X), -1)

    model = NBNN(local=10).fit(Xs, ys, Xt)
    found = model.predict_proba(new)
    np.testing.assert_allclose(model.predict_proba(shuffled(new)), found, rtol=1e-7, atol=1e-12)
    again = NBNN(local=10).fit(shuffled(Xs), ys, shuffled(Xt))
    np.testing.assert_allclose(again.predict_proba(new), found, rtol=1e-4, atol=1e-6)


def test_the_unit_and_the_origin_of_features_do_not_matter():
    (Xs, ys), (Xt, _) = spokes(45, 0, 0), spokes(45, 30, 1)
    found = NBNN(local=10).fit(Xs, ys, Xt)
    other = NBNN(local=10).fit(1000 * Xs + 50, ys, 1000 * Xt + 50)
    np.testing.assert_allclose(other.predict_proba(1000 * Xt + 50), found.predict_proba(Xt), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(other.metrics_, found.metrics_, atol=1e-6)


def test_many_features_are_reduced_and_many_images_thinned():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 80)) + y[:, None]
    model = NBNN(n_components=5, max_samples=40).fit(X[:200], y[:200], X[200:] + 0.2, y[200:])
    assert model.metrics_.shape == (2, 5, 5) and model.axes_.shape == (80, 5)
    # 40 of the source and 40 of the target, all with a label: nobody joins, so nobody leaves
    assert sum(map(len, model.bases_)) == 80 and model.score(X[200:] + 0.2, y[200:]) > 0.95
    assert NBNN(n_components=None, max_iter=5, rounds=1).fit(X[:50], y[:50], X[50:90]).metrics_.shape == (2, 80, 80)
    first, second, third = (
        NBNN(max_samples=40, random_state=s).fit(X[:200], y[:200], X[200:]).predict_proba(X) for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - third).max() > 0


def test_rows_of_bags_draws_or_repeats():
    bags = [np.arange(2.0 * m).reshape(m, 2) for m in (3, 5, 9)]
    rows = rows_of_bags(bags, 5)
    assert rows.shape == (3, 10)
    np.testing.assert_array_equal(rows[0].reshape(5, 2), bags[0][[0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(rows[1].reshape(5, 2), bags[1])
    drawn = (rows[2].reshape(5, 2)[:, 0] / 2).astype(int)
    assert (np.diff(drawn) > 0).all() and set(drawn) < set(range(9))  # without replacement, in order
    np.testing.assert_array_equal(rows_of_bags(bags[::-1], 5), rows[::-1])  # whatever the other bags
    assert any((rows_of_bags(bags, 5, seed=seed)[2] != rows[2]).any() for seed in range(1, 6))
    points, y = spokes(60, 0, 0, m=15)
    ragged = [bag[: 6 + i % 10] for i, bag in enumerate(points.reshape(60, 15, 2))]
    X = rows_of_bags(ragged, 8)
    assert NBNN(local=8).fit(X, y, X + 0.3).score(X + 0.3, y) > 0.95


@pytest.mark.parametrize(
    ("bags", "message"),
    [
        ([], "bags: .*at least 1 bag"),
        ([np.ones((2, 3)), np.ones((0, 3))], r"bags\[1\]: .*shape \(0, 3\)"),
        ([np.ones((2, 3)), np.ones((2, 4))], r"bags\[1\]: expected 3, as in bags\[0\], got 4"),
        ([[[0.0, np.nan]]], r"bags\[0\]: .*NaN"),
        ([np.ones(3)], r"bags\[0\]: .*shape \(3,\)"),
    ],
)
def test_bad_bags_say_so(bags, message):
    with pytest.raises(InputError, match=message):
        rows_of_bags(bags, 2)
    with pytest.raises(InputError, match="local: "):
        rows_of_bags([np.ones((2, 3))], 0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"local": 0}, "local: .*at least 1"),
        ({"local": 3}, "local: .*divides the 20 features of a row, got 3"),
        ({"C": -1}, "C: .*at least 0"),
        ({"rounds": -1}, "rounds: "),
        ({"rounds": 1.5}, "rounds: "),
        ({"share": 0}, "share: .*above 0"),
        ({"share": 1.1}, "share: "),
        ({"n_components": 0}, "n_components: "),
        ({"max_iter": 0}, "max_iter: "),
        ({"max_samples": 1}, "max_samples: "),
    ],
)
def test_settings_out_of_range(setting, message):
    X, y = spokes(12, 0, 0)
    with pytest.raises(InputError, match=message):
        NBNN(**setting).fit(X, y, X)


def test_samples_that_are_all_equal_are_refused():
    for settings in ({}, {"n_components": 2}):
        with pytest.raises(InputError, match="Xs: .*all equal"):
            NBNN(**settings).fit(np.ones((6, 4)), [0, 1] * 3, np.ones((4, 4)))


def test_one_image_a_class_leaves_the_metrics_alone():
    model = NBNN(rounds=0).fit([[0.0, 0], [4, 0], [0, 4]], [0, 1, 2], [[3.0, 1]])
    np.testing.assert_array_equal(model.metrics_, np.tile(np.eye(2), (3, 1, 1)))
    assert model.predict([[3.0, 1]]).tolist() == [1]
