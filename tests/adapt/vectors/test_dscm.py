"""DSCM: its probabilities against a slow loop, its metric against differences, SaMLDa's turns, several sources."""

import math

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from helpers.arrays import known_first as hidden
from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.vectors.dscm import class_probabilities, fitting, loss_and_slope, surest
from regard.core.checks import InputError


def clusters(seed=0, n=90, d=8, shift=2.0, spread=3.0, noise=1.0, classes=3):
    rng = np.random.default_rng(seed)
    centres = spread * rng.normal(size=(classes, d)) / np.sqrt(d) * 2
    y = np.arange(n) % classes
    move = shift * rng.normal(size=d)
    return (
        centres[y] + noise * rng.normal(size=(n, d)),
        y,
        centres[y] + noise * rng.normal(size=(n, d)) + move,
        y.copy(),
    )


def sources(far=6.0, seed=0):
    """Two sources of other class means, the second far from the target and misleading; pooled."""
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 2
    near = rng.normal(size=(60, 2)) + 4 * y[:, None] * [1, 0]
    away = rng.normal(size=(60, 2)) - 4 * y[:, None] * [1, 0] + [2, far]
    Xt = rng.normal(size=(60, 2)) + 4 * y[:, None] * [1, 0]
    X = np.concatenate([near, away, Xt])
    labels = np.array([*y, *y, *[UNKNOWN] * 60], dtype=object)
    return X, labels, np.repeat(["near", "away", "target"], 60), Xt, y


def test_probabilities_are_the_papers_sum():
    """Two sources of which one lacks a class, the target's means, and the weights: a triple loop."""
    X, labels, domains, Xt, y = sources()
    keep = ~((domains == "away") & (labels == 1))
    labels[125:140] = y[5:20]
    model = adapter("dscm", rounds=0, target_weight=0.7, sharpness=6.0).fit(
        X[keep], labels[keep], domains=domains[keep]
    )
    means = {
        (name, c): X[(domains == name) & (labels == c) & keep].mean(axis=0)
        for name in ("near", "away", "target")
        for c in (0, 1)
        if ((domains == name) & (labels == c) & keep).any()
    }
    assert len(means) == 5 == len(model.means_)
    from_source = [
        math.dist(x, m) for x in X[keep & (domains != "target")] for (name, _), m in means.items() if name != "target"
    ]
    assert model.scale_ == pytest.approx(np.mean(from_source) / 6.0)
    # all sources together weigh 1 for a class in the mean over the classes: three means, two classes
    weight = {"near": 2 / 3, "away": 2 / 3, "target": 0.7}
    slow = np.zeros((60, 2))
    for i, x in enumerate(Xt):
        for c in (0, 1):
            for name, w in weight.items():
                if (name, c) in means:
                    slow[i, c] += w * math.exp(-0.5 * math.dist(x, means[name, c]) / model.scale_)
        slow[i] /= slow[i].sum()
    np.testing.assert_allclose(model.predict_proba(Xt), slow, atol=1e-10)


def test_a_class_without_a_mean_has_probability_0():
    D, codes = np.array([[1.0, 2, 5], [900, 3000, 5000]]), np.array([2, 0, 2])
    P = class_probabilities(D, codes, np.array([1.0, 2, 1e-9]), 4)
    np.testing.assert_array_equal(P[:, [1, 3]], 0)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    e = np.exp(-D[0] / 2) * [1, 2, 1e-9]
    np.testing.assert_allclose(P[0], np.array([e[1], 0, e[0] + e[2], 0]) / e.sum())


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_gradient_of_the_metric(scale):
    """Also where samples lie so far from their own means that every mass is 0 in floating point."""
    rng = np.random.default_rng(0)
    X, y, means = rng.normal(size=(20, 4)), rng.integers(0, 3, 20), 3 * rng.normal(size=(6, 4))
    codes, weights, W = np.array([0, 1, 2, 0, 1, 2]), rng.uniform(0.1, 2, 6), scale * rng.normal(size=(4, 2))
    value, slope = loss_and_slope(W, X, y, means, codes, weights)
    # a loop in the logarithm
    slow = 0.0
    for x, c in zip(X, y):
        logits = [math.log(w) - 0.5 * float(np.sum(((x - m) @ W) ** 2)) for w, m in zip(weights, means)]
        own = [z for z, k in zip(logits, codes) if k == c]
        slow += np.logaddexp.reduce(logits) - np.logaddexp.reduce(own)
    assert value == pytest.approx(slow / 20, rel=1e-9) and (value > 800) == (scale > 1)
    for i in np.ndindex(W.shape):
        step = np.zeros_like(W)
        step[i] = 1e-6 * scale
        high, low = (loss_and_slope(W + sign * step, X, y, means, codes, weights)[0] for sign in (1, -1))
        assert slope[i] == pytest.approx((high - low) / (2e-6 * scale), rel=1e-4, abs=1e-5 * scale)


def test_the_loss_of_many_rows_is_taken_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    problem = rng.normal(size=(3, 2)), rng.normal(size=(50, 3)), np.arange(50) % 2, rng.normal(size=(4, 3))
    problem += np.array([0, 1, 0, 1]), np.ones(4)
    value, slope = loss_and_slope(*problem)
    monkeypatch.setattr("regard.adapt.vectors.dscm.CHUNK", 7)
    again, same = loss_and_slope(*problem)
    assert again == pytest.approx(value) and np.allclose(same, slope)


@pytest.mark.parametrize("sharpness", [1.0, 10.0, 100.0])
def test_one_source_alone_is_the_nearest_class_mean(sharpness):
    Xs, ys, Xt, _ = clusters(noise=3.0)
    model = adapter("dscm", rounds=0, sharpness=sharpness).fit(Xs, ys, Xt)
    np.testing.assert_array_equal(model.predict(Xt), NearestCentroid().fit(Xs, ys).predict(Xt))
    assert model.joined_ == model.left_ == [] and model.losses_ == [] and model.metric_ is None


def test_unit_and_origin_do_not_matter():
    Xs, ys, Xt, yt = clusters()
    few = hidden(yt, 6)
    first = adapter("dscm").fit(Xs, ys, Xt, few).predict_proba(Xt)
    np.testing.assert_allclose(adapter("dscm").fit(50 * Xs, ys, 50 * Xt, few).predict_proba(50 * Xt), first, atol=1e-9)
    far = 1e7
    moved = adapter("dscm").fit(Xs + far, ys, Xt + far, few).predict_proba(Xt + far)
    np.testing.assert_allclose(moved, first, atol=1e-5)


def test_samlda_follows_a_shift():
    gains = []
    for seed in range(6):
        Xs, ys, Xt, yt = clusters(seed, n=150, shift=1.2)
        plain, adapted = (adapter("dscm", rounds=r).fit(Xs, ys, Xt).score(Xt, yt) for r in (0, 5))
        gains.append(adapted - plain)
    assert np.mean(gains) > 0.05 and min(gains) >= 0


def test_a_class_that_is_predicted_more_often_does_not_swallow_the_others():
    """In many dimensions the mean of more samples is nearer to everything; equally many join each class."""
    Xs, ys, Xt, yt = clusters(0, n=400, d=300, shift=0.2, noise=2.0, classes=8)
    model = adapter("dscm").fit(Xs[:80], ys[:80], Xt)
    plain = adapter("dscm", rounds=0).fit(Xs[:80], ys[:80], Xt)
    count = np.bincount(model.predict(Xt), minlength=8)
    assert count.max() < 3 * count.min() and model.score(Xt, yt) > plain.score(Xt, yt) + 0.05


def test_who_joins():
    P = np.array([[0.6, 0.4], [0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.51, 0.49], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]])
    known = np.array([-1, -1, -1, -1, -1, -1, -1, 0])  # the last has a label and keeps it
    np.testing.assert_array_equal(surest(P, known, 0.0), known)
    # half of seven, in two classes: two each
    np.testing.assert_array_equal(surest(P, known, 0.5), [-1, 0, 0, 1, -1, 1, -1, 0])
    np.testing.assert_array_equal(surest(P, known, 0.1), [-1, 0, -1, -1, -1, 1, -1, 0])
    # more are wanted of class 1 than are predicted as it
    np.testing.assert_array_equal(surest(P, known, 1.0), [0, 0, 0, 1, -1, 1, 0, 0])
    # sure is the gap to the next, not the size
    assert surest(np.array([[0.5, 0.49, 0.01], [0.4, 0.1, 0.3]]), np.array([-1, -1]), 0.2)[1] == 0


def test_who_leaves():
    P = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.3, 0.7]])
    y = np.array([0, 0, 0, 0, 1])
    assert fitting(P, y, 0.0).all()
    np.testing.assert_array_equal(fitting(P, y, 0.5), [True, False, False, True, True])
    np.testing.assert_array_equal(fitting(P, y, 1.0), [True, False, False, False, True])  # one stays


def test_more_join_and_leave_in_each_round():
    Xs, ys, Xt, yt = clusters(n=120, shift=0.5)
    model = adapter("dscm", rounds=4, join=0.8, leave=0.4).fit(Xs, ys, Xt)
    np.testing.assert_array_equal(model.left_, [12, 24, 36, 48])  # of 40 of each class: 4, 8, 12, 16
    assert model.joined_ == sorted(model.joined_) and model.joined_[0] <= 24 and 48 < model.joined_[-1] <= 96
    told = adapter("dscm", rounds=4, join=0.8, leave=0.0).fit(Xs, ys, Xt, hidden(yt, 30))
    assert told.left_ == [0] * 4 and told.joined_[-1] <= 72  # of the 90 without a label
    none = adapter("dscm", join=0.0, leave=0.0).fit(Xs, ys, Xt)
    np.testing.assert_array_equal(none.means_, adapter("dscm", rounds=0).fit(Xs, ys, Xt).means_)


def test_samples_that_left_are_in_no_mean():
    Xs, ys, Xt, _ = clusters(n=120, shift=0.0)
    Xs[:3] = Xs[[1, 2, 0]] + 4 * (Xs[[1, 2, 0]] - Xs[:3])  # one of each class, deep in another
    model = adapter("dscm", rounds=1, join=0.0, leave=0.025).fit(Xs, ys, Xt)
    assert model.left_ == [3] and model.joined_ == [0]
    np.testing.assert_allclose(model.means_, [Xs[3:][ys[3:] == c].mean(axis=0) for c in range(3)])


def test_known_target_labels_have_their_say():
    Xs, ys, Xt, yt = clusters(shift=4.0)
    means = adapter("dscm", rounds=0).fit(Xs, ys, Xt, hidden(yt, 9))
    np.testing.assert_allclose(means.means_[3:], [Xt[:9][yt[:9] == c].mean(axis=0) for c in range(3)])
    light, heavy = (
        adapter("dscm", rounds=0, target_weight=w).fit(Xs, ys, Xt, hidden(yt, 9)).score(Xt[9:], yt[9:])
        for w in (1e-9, 1e9)
    )
    assert heavy > 0.9 and heavy > light
    # a class that the source lacks
    keep = ys < 2
    model = adapter("dscm").fit(Xs[keep], ys[keep], Xt, hidden(yt, 9))
    assert list(model.classes_) == [0, 1, 2] and (model.predict(Xt) == 2).any()


@pytest.mark.parametrize("rounds", [0, 5])
def test_similarity_favours_the_near_source(rounds):
    X, labels, domains, Xt, y = sources()
    scores = {}
    for how in ("uniform", "similarity"):
        model = adapter("dscm", domain_weights=how, rounds=rounds).fit(X, labels, domains=domains)
        scores[how] = model.score(Xt, y)
        near, away = model.weights_[[2, 0]]  # sources are in the order of their names
        centre = [X[domains == name].mean(axis=0) for name in ("near", "away", "target")]
        ratio = math.dist(centre[1], centre[2]) / math.dist(centre[0], centre[2])
        assert near / away == pytest.approx(1.0 if how == "uniform" else ratio) and (how == "uniform" or ratio > 5)
        assert model.weights_[:4].sum() == pytest.approx(2)
    assert scores["similarity"] > 0.9 and scores["similarity"] >= scores["uniform"]


def test_a_source_that_is_the_target_does_not_silence_the_other():
    X, labels, domains, _, _ = sources()
    X[domains == "target"] = X[domains == "near"]
    model = adapter("dscm", domain_weights="similarity", rounds=0).fit(X, labels, domains=domains)
    assert np.isfinite(model.weights_).all() and model.weights_.min() > 1e-4


def test_a_learnt_metric_ignores_a_loud_direction():
    def loud(seed):
        rng = np.random.default_rng(seed)
        y = np.arange(120) % 2
        X = rng.normal(size=(240, 4)) * [1, 1, 15, 15] + 5 * np.r_[y, y][:, None] * np.eye(4)[0]
        return X[:120], y, X[120:] + [0.5, 0, 10, 0], y

    plain, learnt = [], []
    for seed in range(5):
        Xs, ys, Xt, yt = loud(seed)
        plain.append(adapter("dscm", rounds=0).fit(Xs, ys, Xt).score(Xt, yt))
        model = adapter("dscm", rounds=0, n_components=4).fit(Xs, ys, Xt)
        learnt.append(model.score(Xt, yt))
        ((before, after),) = model.losses_
        assert after < before and 1 < model.n_iter_ <= 51
        assert model.metric_.shape == (4, 4) and model.transform(Xt).shape == (120, 4)
    assert np.mean(learnt) > 0.9 and np.mean(learnt) > np.mean(plain) + 0.1


def test_the_metric_is_learnt_anew_in_each_round_and_is_what_predicts():
    Xs, ys, Xt, yt = clusters(shift=0.5)
    model = adapter("dscm", rounds=3, n_components=2, max_iter=5).fit(Xs, ys, Xt, hidden(yt, 6))
    assert len(model.losses_) == 4 and all(after <= before for before, after in model.losses_)
    assert model.n_iter_ <= 21 and model.metric_.shape == (8, 2)
    D = ((model.transform(Xt)[:, None] - model.transform(model.means_)) ** 2).sum(axis=-1)
    slow = class_probabilities(D, model.codes_, model.weights_, 3)
    np.testing.assert_allclose(model.predict_proba(Xt), slow, atol=1e-8)


@pytest.mark.parametrize("settings", [{}, {"n_components": 3}, {"domain_weights": "similarity"}])
def test_order_of_rows_does_not_matter(settings):
    X, labels, domains, Xt, _ = sources()
    mixed = np.random.default_rng(1).permutation(len(X))
    first = adapter("dscm", **settings).fit(X, labels, domains=domains)
    second = adapter("dscm", **settings).fit(X[mixed], labels[mixed], domains=domains[mixed])
    np.testing.assert_array_equal(first.predict_proba(Xt), second.predict_proba(Xt))


def test_classes_that_are_one_point_each_and_bad_settings():
    y = np.r_[np.zeros(9, int), np.ones(3, int)]
    X = np.eye(3)[y]
    assert adapter("dscm").fit(X, y, X).score(X, y) == 1
    for settings in (
        {"domain_weights": "cv"},
        {"target_weight": 0},
        {"sharpness": 0},
        {"n_components": 0},
        {"rounds": -1},
        {"join": 1.5},
        {"leave": -0.1},
        {"max_iter": 0},
    ):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("dscm", **settings).fit(X, y, X)
    with pytest.raises(InputError, match="samples that differ from their class means"):
        adapter("dscm").fit(np.ones_like(X), y, X)
