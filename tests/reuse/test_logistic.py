"""The linear classifier against scikit-learn's, and its choice of penalty against a plain loop."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from regard.reuse.logistic import PENALTIES, WITHOUT_CHOICE, fit_logistic, held_out_rows


def mixture(n, d, classes, seed=0, apart=1.0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    means = rng.normal(size=(classes, d)) * apart
    return (means[y] + rng.normal(size=(n, d)) * np.geomspace(3, 0.1, d)).astype(np.float32), y.astype(str)


@pytest.mark.parametrize(("n", "d", "classes"), [(200, 10, 3), (60, 150, 4), (80, 5, 2)])
@pytest.mark.parametrize("penalty", [1.0, 0.01])
def test_equal_to_scikit_learn(n, d, classes, penalty):
    X, y = mixture(n, d, classes, apart=0.3)
    X[:, 0] *= 1000  # standardised away
    Z = StandardScaler().fit_transform(X.astype(np.float64))
    peer = LogisticRegression(C=1 / (n * penalty), tol=1e-10, max_iter=20_000).fit(Z, y)
    ours = fit_logistic(X, y, penalty=penalty, tolerance=1e-12)
    scores = ours.scores(X)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    if classes == 2:
        # scikit-learn has one weight vector w for two classes, we have two, w/2 and -w/2: half the penalty
        peer = LogisticRegression(C=2 / (n * penalty), tol=1e-10, max_iter=20_000).fit(Z, y)
    assert probabilities == pytest.approx(peer.predict_proba(Z), abs=2e-4)


def test_the_penalty_is_the_best_of_a_plain_loop():
    X, y = mixture(150, 8, 3)
    X += np.random.default_rng(1).normal(size=X.shape).astype(np.float32)  # classes overlap
    parts = held_out_rows(y, None, 5, seed=3)
    assert sorted(np.concatenate(parts)) == list(range(150))
    mean, scale = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
    Z = (X - mean) / scale
    losses, accuracies = [], []
    for penalty in PENALTIES:
        loss, right = 0.0, 0
        for rows in parts:
            inside = np.setdiff1d(np.arange(150), rows)
            peer = LogisticRegression(C=1 / (len(inside) * penalty), tol=1e-8, max_iter=5000).fit(Z[inside], y[inside])
            p = peer.predict_proba(Z[rows])
            loss -= np.log(p[np.arange(len(rows)), np.searchsorted(peer.classes_, y[rows])]).sum()
            right += (peer.predict(Z[rows]) == y[rows]).sum()
        losses.append(loss)
        accuracies.append(right / 150)
    ours = fit_logistic(X, y, seed=3)
    assert ours.penalty == PENALTIES[int(np.argmin(losses))] and ours.folds == 5
    assert ours.cv_accuracy == pytest.approx(accuracies[int(np.argmin(losses))], abs=0.02) and ours.cv_accuracy < 0.95


def test_digits_reach_what_logistic_regression_reaches():
    digits = load_digits()
    even = np.arange(len(digits.data)) % 2 == 0
    model = fit_logistic(digits.data[even].astype(np.float32), digits.target[even].astype(str))
    assert np.mean(model.predict(digits.data[~even]) == digits.target[~even].astype(str)) > 0.94


def test_groups_stay_together_in_a_fold():
    labels = np.repeat(list("abc"), 20)
    groups = np.repeat(np.arange(15), 4)
    for rows in held_out_rows(labels, groups, 5, seed=0):
        assert not set(groups[rows]) & set(np.delete(groups, rows))


def test_copies_of_one_thing_do_not_weaken_the_penalty():
    """Labels here say nothing; only by tearing copies apart would a fold seem to do well."""
    rng = np.random.default_rng(0)
    things, labels = rng.normal(size=(30, 40)), rng.permutation(np.repeat(list("ab"), 15))
    X = np.repeat(things, 6, axis=0).astype(np.float32)
    y, groups = np.repeat(labels, 6), np.repeat(np.arange(30), 6)
    assert fit_logistic(X, y).cv_accuracy == 1.0
    grouped = fit_logistic(X, y, groups=groups)
    assert grouped.cv_accuracy < 0.75 and grouped.penalty > fit_logistic(X, y).penalty


def test_one_sample_a_class_has_nothing_to_choose_by():
    X, y = mixture(4, 6, 4)
    model = fit_logistic(X, y)
    assert (model.penalty, model.folds) == (WITHOUT_CHOICE, 0) and np.isnan(model.cv_accuracy)
    assert list(model.predict(X)) == list(y)


def test_a_class_with_one_sample_is_always_learnt_from():
    X, y = mixture(40, 6, 2)
    y = y.astype("<U9")
    y[7] = "alone"
    assert 7 not in np.concatenate(held_out_rows(y, None, 5, 0))
    assert "alone" in fit_logistic(X, y).classes


def test_dimensions_that_do_not_vary_change_nothing():
    X, y = mixture(90, 5, 3)
    padded = np.hstack([X, np.full((90, 2), 7.3, np.float32)])
    ours, plain = fit_logistic(padded, y, penalty=0.1), fit_logistic(X, y, penalty=0.1)
    assert ours.scores(padded) == pytest.approx(plain.scores(X), abs=1e-3) and not ours.coef[-2:].any()


def test_vectors_that_are_all_the_same_name_the_commonest_class():
    y = np.array(["a"] * 10 + ["b"] * 20)
    assert set(fit_logistic(np.ones((30, 4), np.float32), y).predict(np.ones((3, 4)))) == {"b"}
