"""A-SVM against plain computations of its formulas."""

import numpy as np
import pytest
from sklearn.svm import SVC, LinearSVC

from regard.adapt.contract import UNKNOWN
from regard.adapt.vectors._svm import gram, signs
from regard.adapt.vectors.asvm import ASVM, asvm
from regard.core.checks import InputError


def moved(classes=3, n=90, d=4, seed=0, by=2.5):
    """Clusters, in the target moved by `by` along one direction; three labels of each class are known."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(classes, d))
    ys, yt = np.arange(n) % classes, np.arange(n) % classes
    Xs, Xt = centres[ys] + rng.normal(size=(n, d)), centres[yt] + rng.normal(size=(n, d)) + by
    few = np.array(yt, dtype=object)
    few[3 * classes :] = UNKNOWN
    return Xs, ys, Xt, yt, few


def pooled(Xs, ys, Xt, few, names):
    domains = np.array([*names, *["target"] * len(Xt)])
    return np.concatenate([Xs, Xt]), np.array([*ys, *few], dtype=object), domains


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("classes", [2, 3])
def test_tiny_cost_gives_the_source_machine(kernel, classes):
    Xs, ys, Xt, _, few = moved(classes)
    model = ASVM(C=1e-9, kernel=kernel).fit(Xs, ys, Xt, few)
    np.testing.assert_allclose(model.machine_.margins(Xt), model.source_machine_.margins(Xt), atol=1e-5)


def test_the_source_machine_is_svc():
    Xs, ys, Xt, _, few = moved(2)
    model = ASVM(source_C=2.0).fit(Xs, ys, Xt, few)
    plain = SVC(C=2.0, gamma=model.gamma_, tol=1e-6).fit(Xs, ys).decision_function(Xt)
    np.testing.assert_allclose(model.source_machine_.margins(Xt)[:, 0], plain, atol=5e-3)


def test_samples_that_the_source_gets_right_take_no_part():
    Xs, ys, Xt, _, few = moved(by=1.0)
    model = ASVM(kernel="linear").fit(Xs, ys, Xt, few)
    known = Xt[:9]
    y, f = signs(np.arange(9) % 3, 3), model.source_machine_.margins(known)
    # with an identity kernel no sample influences another
    alpha = np.stack([asvm(np.eye(9), y[:, k], f[:, k], 0.7).alpha for k in range(3)], axis=1)
    np.testing.assert_allclose(alpha, np.clip(1 - y * f, 0, 0.7), atol=1e-12)
    assert ((y * f >= 1) == (alpha == 0)).all() and (alpha == 0).any() and (alpha > 0).any()


def test_without_a_source_it_is_the_bias_free_machine():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(60) % 2, 1.0, -1.0)
    X = rng.normal(size=(60, 3)) + y[:, None] * [0.8, 0, 0]
    ours = X.T @ (asvm(X @ X.T, y, np.zeros(60), 0.5).alpha * y)
    theirs = LinearSVC(C=0.5, loss="hinge", dual=True, fit_intercept=False, tol=1e-10, max_iter=1000000, random_state=0)
    np.testing.assert_allclose(ours, theirs.fit(X, y).coef_[0], atol=1e-5)


def test_the_primal_is_minimal():
    """No other correction does better: 1/2 |w|^2 + C sum xi, by random steps around the solution."""
    Xs, ys, Xt, yt, few = moved(2)
    model = ASVM(C=3.0).fit(Xs, ys, Xt, few)
    X, y = Xt[:6], signs(yt[:6], 2)[:, 0]
    K, f = gram(X, X, "rbf", model.gamma_), model.source_machine_.margins(X)[:, 0]

    def primal(coef):
        return 0.5 * coef @ K @ coef + 3.0 * np.maximum(0, 1 - y * (f + K @ coef)).sum()

    added = np.linalg.solve(K, model.machine_.margins(X)[:, 0] - f)
    rng = np.random.default_rng(0)
    assert all(primal(added + 0.03 * rng.normal(size=6)) > primal(added) for _ in range(200))
    assert primal(added) == pytest.approx(-model.objective_[-1], rel=1e-8)
    assert model.residual_ < 1e-9


def test_labels_pay():
    Xs, ys, Xt, yt, few = moved()
    model = ASVM().fit(Xs, ys, Xt, few)
    of_source = np.mean(model.source_machine_.margins(Xt).argmax(axis=1) == yt)
    assert model.score(Xt, yt) > max(0.9, of_source + 0.1)


def test_two_sources_are_averaged_or_weighed_by_accuracy():
    Xs, ys, Xt, yt, few = moved(by=0.5)
    wrong = (ys + (np.arange(90) >= 45)) % 3  # the second source's labels are turned
    names = np.where(np.arange(90) >= 45, "bad", "good")
    X, y, domains = pooled(Xs, wrong, Xt, few, names)
    even = ASVM(C=1e-9, gamma=0.1).fit(X, y, domains=domains)
    assert even.sources_ == ("bad", "good") and even.source_weights_.tolist() == [0.5, 0.5]
    alone = [ASVM(C=1e-9, gamma=0.1).fit(Xs[rows], wrong[rows], Xt, few) for rows in (names == "bad", names == "good")]
    mean = np.mean([one.machine_.margins(Xt) for one in alone], axis=0)
    np.testing.assert_allclose(even.machine_.margins(Xt), mean, atol=1e-5)
    weighed = ASVM(C=1e-9, gamma=0.1, source_weights="accuracy").fit(X, y, domains=domains)
    right = np.array([one.score(Xt[:9], yt[:9]) for one in alone])
    np.testing.assert_allclose(weighed.source_weights_, right / right.sum())
    assert weighed.source_weights_[1] > 0.8 and weighed.score(Xt, yt) > even.score(Xt, yt)


def test_a_class_that_one_source_lacks_is_left_to_the_other():
    Xs, ys, Xt, yt, few = moved(by=0.2)
    names = np.where(np.arange(90) >= 45, "b", "a")
    keep = (names == "a") | (ys < 2)
    X, y, domains = pooled(Xs[keep], ys[keep], Xt, few, names[keep])
    model = ASVM(C=1e-9, gamma=0.1).fit(X, y, domains=domains)
    alone = ASVM(C=1e-9, gamma=0.1).fit(Xs[names == "a"], ys[names == "a"], Xt, few)
    np.testing.assert_allclose(model.machine_.margins(Xt)[:, 2], alone.machine_.margins(Xt)[:, 2], atol=1e-5)
    assert model.score(Xt, yt) > 0.9


def test_a_class_of_the_target_alone_is_learnt_from_its_labels():
    Xs, ys, Xt, yt, few = moved(by=0.2)
    model = ASVM().fit(Xs[ys < 2], ys[ys < 2], Xt, few)
    assert model.score(Xt, yt) > 0.9 and model.predict(Xt).tolist().count(2) > 20


def test_large_sets_are_thinned():
    Xs, ys, Xt, yt, few = moved(n=300)
    model = ASVM(max_samples=30).fit(Xs, ys, Xt, yt)
    assert model.dual_.shape == (30, 3) and len(model.machine_.vectors) <= 60
    assert model.score(Xt, yt) > 0.9
    other = ASVM(max_samples=30, random_state=1).fit(Xs, ys, Xt, yt)
    assert np.abs(other.predict_proba(Xt) - model.predict_proba(Xt)).max() > 1e-6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"C": 0}, "C: .*above 0"),
        ({"source_C": -1}, "source_C: .*above 0"),
        ({"kernel": "poly"}, "kernel: .*rbf, linear"),
        ({"gamma": "auto"}, "gamma: "),
        ({"source_weights": "best"}, "source_weights: .*uniform, accuracy"),
        ({"max_samples": 1}, "max_samples: "),
    ],
)
def test_settings_out_of_range(setting, message):
    Xs, ys, Xt, _, few = moved()
    with pytest.raises(InputError, match=message):
        ASVM(**setting).fit(Xs, ys, Xt, few)
