"""L2-SP: its two ends, its minimum, and classes that only one side has."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from regard.adapt.contract import UNKNOWN
from regard.adapt.vectors.l2sp import L2SP, tune
from regard.core.checks import InputError


def shifted(ns=90, nt=90, d=4, classes=3, seed=0, by=1.5, known=12):
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(classes, d))
    ys, yt = np.arange(ns) % classes, np.arange(nt) % classes
    few = np.array(yt, dtype=object)
    few[known:] = UNKNOWN
    return centres[ys] + rng.normal(size=(ns, d)), ys, centres[yt] + rng.normal(size=(nt, d)) + by, yt, few


def standard(model, X):
    return np.concatenate([(X - model.mean_) / model.scale_, np.ones((len(X), 1))], axis=1)


def test_a_large_alpha_is_the_source_model():
    Xs, ys, Xt, _, few = shifted()
    model = L2SP(alpha=1e8).fit(Xs, ys, Xt, few)
    np.testing.assert_allclose(model.coef_, model.source_coef_, atol=1e-6)
    # ridge on the intercept too, so scikit-learn gets it as a feature
    plain = LogisticRegression(C=1 / (0.1 * 90), fit_intercept=False, tol=1e-10, max_iter=5000)
    plain.fit(standard(model, Xs), ys)
    np.testing.assert_allclose(model.source_coef_, plain.coef_.T, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(Xt), plain.predict_proba(standard(model, Xt)), atol=1e-5)


def test_alpha_0_is_the_target_alone():
    Xs, ys, Xt, yt, _ = shifted(d=2, nt=300)
    known = np.random.default_rng(1).integers(3, size=300)  # labels that no line separates
    model = L2SP(alpha=0.0).fit(Xs, ys, Xt, known)
    other = L2SP(alpha=0.0).fit(Xs, (ys + 1) % 3, Xt, known)  # the source teaches nothing
    np.testing.assert_allclose(model.predict_proba(Xt), other.predict_proba(Xt), atol=1e-5)
    plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(standard(model, Xt)[:, :-1], known)
    np.testing.assert_allclose(model.predict_proba(Xt), plain.predict_proba(standard(model, Xt)[:, :-1]), atol=1e-5)


def test_between_the_ends_the_pull_decides_how_far_it_goes():
    Xs, ys, Xt, _, few = shifted()
    fits = [L2SP(alpha=a).fit(Xs, ys, Xt, few) for a in (10.0, 1.0, 0.1, 0.01, 0.001)]
    assert (np.diff([np.linalg.norm(one.coef_ - one.source_coef_) for one in fits]) > 0).all()


@pytest.mark.parametrize(("n", "d"), [(40, 5), (7, 30), (6, 6)])
def test_the_minimum_by_its_gradient(n, d):
    rng = np.random.default_rng(0)
    X, codes, start = rng.normal(size=(n, d)), np.arange(n) % 3, rng.normal(size=(d, 3))
    penalty = np.array([0.1, 0.3, 0.02])
    W, path = tune(X, codes, start, penalty, tolerance=1e-9)

    def objective(W):
        return -log_softmax(X @ W, axis=1)[np.arange(n), codes].mean() + 0.5 * (penalty * (W - start) ** 2).sum()

    assert path[0] == pytest.approx(objective(start)) and path[-1] == pytest.approx(objective(W), rel=1e-10)
    gradient = X.T @ (np.exp(log_softmax(X @ W, axis=1)) - np.eye(3)[codes]) / n + penalty * (W - start)
    assert np.abs(gradient).max() < 1e-6
    assert (np.diff(path) <= 1e-12).all()
    assert all(objective(W + 0.01 * rng.normal(size=W.shape)) > objective(W) for _ in range(20))


def test_labels_pay():
    Xs, ys, Xt, yt, few = shifted(by=4.0)
    assert L2SP().fit(Xs, ys, Xt, few).score(Xt, yt) > L2SP(alpha=1e8).fit(Xs, ys, Xt, few).score(Xt, yt) + 0.1


def test_a_good_source_pays_too():
    scores = []
    for seed in range(5):
        Xs, ys, Xt, yt, few = shifted(d=20, by=0.3, known=6, seed=seed)
        target_alone = LogisticRegression(max_iter=1000).fit(Xt[:6], yt[:6]).score(Xt, yt)
        scores.append(L2SP(alpha=0.1).fit(Xs, ys, Xt, few).score(Xt, yt) - target_alone)
    assert np.mean(scores) >= 0 and min(scores) > -0.05


def test_a_class_of_the_target_alone_starts_at_0():
    Xs, ys, Xt, yt, few = shifted(by=0.5)
    model = L2SP().fit(Xs[ys < 2], ys[ys < 2], Xt, few)
    assert not model.source_coef_[:, 2].any() and model.source_coef_[:, :2].any()
    assert model.score(Xt, yt) > 0.9
    held = L2SP(alpha=1e8).fit(Xs[ys < 2], ys[ys < 2], Xt, few)
    assert np.abs(held.coef_[:, 2]).max() < 1e-6 and 2 not in held.predict(Xt)
    # its own weight decay lets it move while the others stay
    free = L2SP(alpha=1e8, beta=0.01).fit(Xs[ys < 2], ys[ys < 2], Xt, few)
    np.testing.assert_allclose(free.coef_[:, :2], free.source_coef_[:, :2], atol=1e-6)
    assert np.abs(free.coef_[:, 2]).max() > 0.1


def test_units_and_offsets_do_not_matter():
    Xs, ys, Xt, _, few = shifted()
    units, offsets = np.array([1e-3, 1, 10, 1e3]), np.array([5, -100, 0, 3.0])
    first = L2SP().fit(Xs, ys, Xt, few).predict_proba(Xt)
    second = L2SP().fit(Xs * units + offsets, ys, Xt * units + offsets, few).predict_proba(Xt * units + offsets)
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_feature_that_varies_in_the_target_alone():
    Xs, ys, Xt, yt, few = shifted()
    Xs[:, 0] = 0.1
    model = L2SP().fit(Xs, ys, Xt, few)
    assert model.scale_[0] == pytest.approx(Xt[:, 0].std()) and np.isfinite(model.predict_proba(Xt)).all()
    Xt[:, 0] = 0.1
    assert L2SP().fit(Xs, ys, Xt, few).scale_[0] == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"alpha": -1}, "alpha: "), ({"beta": -1.0}, "beta: "), ({"source_penalty": 0}, "source_penalty: .*above 0")],
)
def test_settings_out_of_range(setting, message):
    Xs, ys, Xt, _, few = shifted()
    with pytest.raises(InputError, match=message):
        L2SP(**setting).fit(Xs, ys, Xt, few)
