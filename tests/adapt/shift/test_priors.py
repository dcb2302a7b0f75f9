"""Class shares of an unlabelled target."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from regard.adapt.shift.priors import bbse, class_weights, rebalanced, target_shares
from regard.core.checks import InputError


def label_shift(shares, n=3000, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0], [2.5, 0.0], [0.0, 2.5]])
    ys, yt = rng.choice(3, n), rng.choice(3, n, p=shares)
    return centres[ys] + rng.normal(size=(n, 2)), ys, centres[yt] + rng.normal(size=(n, 2)), yt


@pytest.mark.parametrize("estimate", ["bbse", "em"])
def test_shares_are_found(estimate):
    shares = np.array([0.7, 0.2, 0.1])
    Xs, ys, Xt, yt = label_shift(shares)
    weights, found = class_weights(Xs, ys, Xt, estimate)
    np.testing.assert_allclose(found, np.bincount(yt) / len(yt), atol=0.03)
    source = np.bincount(ys) / len(ys)
    np.testing.assert_allclose(weights, (found / source)[ys])
    assert weights.mean() == pytest.approx(1, abs=1e-6)


def test_em_raises_the_likelihood_and_rebalancing_the_accuracy():
    Xs, ys, Xt, yt = label_shift([0.85, 0.1, 0.05])
    P, source = LogisticRegression().fit(Xs, ys).predict_proba(Xt), np.bincount(ys) / len(ys)
    path = [target_shares(P, source, rounds=rounds) for rounds in (1, 2, 5, 50)]
    likelihood = [np.log((P / source) @ q).mean() for q in path]
    assert (np.diff(likelihood) >= -1e-12).all()
    after = rebalanced(P, source, path[-1])
    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert (after.argmax(1) == yt).mean() > (P.argmax(1) == yt).mean() + 0.02


def test_bbse_solves_the_confusion():
    C, q = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.2], [0.1, 0.1, 0.7]]), np.array([0.6, 0.3, 0.1])
    np.testing.assert_allclose(bbse(C, C @ q), q, atol=1e-8)
    assert (bbse(C, [1.0, 0.0, 0.0]) >= 0).all()  # shares outside of what C can give


def test_bad_input():
    with pytest.raises(InputError, match="source_shares"):
        target_shares([[0.5, 0.5]], [0.5, 0.6])
    with pytest.raises(InputError, match="source_shares"):
        target_shares([[0.5, 0.5]], [0.2, 0.3, 0.5])
    with pytest.raises(InputError, match="confusion_KK"):
        bbse([[1.0]], [0.5, 0.5])
    with pytest.raises(InputError, match="a class with 1 sample"):
        class_weights(np.zeros((3, 1)), np.array([0, 0, 1]), np.zeros((2, 1)))
