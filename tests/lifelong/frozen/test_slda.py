"""SLDA is scikit-learn's LDA: the same covariance, degrees of freedom, shrinkage and priors, to 1e-8."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from helpers.streams import batches, close, clusters, learned
from regard.core.checks import InputError
from regard.lifelong.frozen.slda import SLDA, oas_shrinkage

X, Y = clusters()
TEST = clusters(seed=1)[0]
PRIORS = {0: 0.1, 1: 0.2, 2: 0.3, 3: 0.4}


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shrinkage=st.sampled_from([0.0, 1e-4, 0.3, 1.0]),
    priors=st.sampled_from([None, "uniform", PRIORS]),
    solver=st.sampled_from(["lsqr", "eigen"]),
)
def test_scores_are_those_of_the_batch(seed, shrinkage, priors, solver):
    theirs = [0.25] * 4 if priors == "uniform" else priors and list(priors.values())
    batch = LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage or None, priors=theirs).fit(X, Y)
    model = learned(SLDA(shrinkage, priors), X, Y, batches(len(X), np.random.default_rng(seed)))
    ours, wanted = model.decision_function(TEST), batch.decision_function(TEST)
    # scores of all classes may be higher by one number for each sample
    close(ours - ours[:, :1], wanted - wanted[:, :1])
    np.testing.assert_array_equal(model.predict(TEST), batch.predict(TEST))


def test_two_classes_differ_by_their_one_score():
    two = Y < 2
    batch = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(X[two], Y[two])
    ours = SLDA(0.1).fit(X[two], Y[two]).decision_function(TEST)
    close(ours[:, 1] - ours[:, 0], batch.decision_function(TEST))


def test_the_streamed_covariance_is_the_within_class_covariance():
    model = learned(SLDA(), X, Y, np.arange(len(X))[:, None])
    apart = X - np.stack([X[k == Y].mean(axis=0) for k in range(4)])[Y]
    np.testing.assert_allclose(model.state()["scatter"] / len(X), apart.T @ apart / len(X), atol=1e-10)
    batch = LinearDiscriminantAnalysis(solver="lsqr").fit(X, Y)
    np.testing.assert_allclose(model.state()["scatter"] / len(X), batch.covariance_, atol=1e-10)


@pytest.mark.parametrize("d", [1, 2, 5, 40])
def test_oas_is_that_of_the_vectors_about_their_class_means(d):
    X, y = clusters(d=d)
    model = SLDA().fit(X, y)
    apart = X - np.stack([X[k == y].mean(axis=0) for k in range(4)])[y]
    theirs = OAS(assume_centered=True).fit(apart)
    scatter = model.state()["scatter"] / len(X)
    assert oas_shrinkage(scatter, len(X)) == pytest.approx(theirs.shrinkage_, abs=1e-10)
    found = SLDA(theirs.shrinkage_).fit(X, y).decision_function(X)
    close(model.decision_function(X), found)


def test_more_features_than_samples():
    X, y = clusters((4, 3, 3), d=60)
    batch = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit(X, y)
    model = learned(SLDA(0.2), X, y, batches(len(X), np.random.default_rng(0)))
    ours, wanted = model.decision_function(X), batch.decision_function(X)
    close(ours - ours[:, :1], wanted - wanted[:, :1])


def test_where_nothing_varies_within_classes_the_nearest_mean_is_told():
    rows = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 6.0]])
    for shrinkage in (0.0, 0.5, "oas"):
        model = SLDA(shrinkage).fit(np.repeat(rows, [5, 1, 1], axis=0), [0] * 5 + [1, 2])
        assert model.predict([[1.9, 0.1], [2.1, 0.1], [0.1, 3.1]]).tolist() == [0, 1, 2]


def test_priors_move_the_border():
    share = np.linspace(0, 1, 101)[:, None]
    path = share * X[Y == 0].mean(axis=0) + (1 - share) * X[Y == 1].mean(axis=0)
    rare = SLDA(0.1, {0: 0.01, 1: 1, 2: 1, 3: 1}).fit(X, Y).predict(path)
    even = SLDA(0.1, {0: 1, 1: 1, 2: 1, 3: 1}).fit(X, Y).predict(path)
    assert 0 < (rare == 0).sum() < (even == 0).sum()
    np.testing.assert_array_equal(even, SLDA(0.1, "uniform").fit(X, Y).predict(path))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shrinkage": 1.5}, "shrinkage: expected a number from 0 to 1, got 1.5"),
        ({"shrinkage": "auto"}, "shrinkage: .*got 'auto'. Ledoit and Wolf's needs the samples once more"),
        ({"shrinkage": None}, 'shrinkage: expected a number from 0 to 1 or "oas", got None'),
        ({"priors": {0: 0.0}}, "priors of 0: expected a number above 0"),
        ({"priors": [0.5, 0.5]}, "priors: expected None"),
    ],
)
def test_settings_out_of_range(given, message):
    with pytest.raises(InputError, match=message):
        SLDA(**given).partial_fit(X, Y)


def test_a_prior_that_is_missing_is_told_when_it_is_needed():
    model = SLDA(0.1, {0: 1.0, 1: 1.0}).partial_fit(X[Y < 2], Y[Y < 2])
    assert model.predict(X[:1]).tolist() == [0]
    model.partial_fit(X[Y == 3], Y[Y == 3])
    with pytest.raises(InputError, match="priors: expected a prior for each class that is known, got none for 3"):
        model.predict(X)
