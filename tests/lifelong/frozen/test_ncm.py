"""NCM is scikit-learn's nearest centroid, and by cosine the nearest mean of unit vectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestCentroid

from helpers.streams import batches, clusters, learned
from regard.core.checks import InputError
from regard.lifelong.frozen.ncm import NCM

X, Y = clusters()
TEST = clusters(seed=1)[0]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_means_and_answers_are_the_batch_ones(seed):
    model = learned(NCM(), X, Y, batches(len(X), np.random.default_rng(seed)))
    batch = NearestCentroid().fit(X, Y)
    np.testing.assert_allclose(model.state()["means"], batch.centroids_, atol=1e-8)
    np.testing.assert_array_equal(model.predict(TEST), batch.predict(TEST))
    slow = [[-np.sum((x - X[k == Y].mean(axis=0)) ** 2) for k in range(4)] for x in TEST]
    np.testing.assert_allclose(model.decision_function(TEST), slow, atol=1e-8)


def test_cosine_is_the_angle_to_the_mean_of_unit_vectors():
    model = NCM("cosine").fit(X, Y)
    long = X / np.linalg.norm(X, axis=1, keepdims=True)
    slow = [
        [x @ m / np.linalg.norm(x) / np.linalg.norm(m) for m in (long[k == Y].mean(axis=0) for k in range(4))]
        for x in TEST
    ]
    np.testing.assert_allclose(model.decision_function(TEST), slow, atol=1e-12)
    np.testing.assert_allclose(model.decision_function(7 * TEST), slow, atol=1e-12)
    assert np.isfinite(model.decision_function(0 * TEST)).all()


def test_no_such_metric():
    with pytest.raises(InputError, match="metric: expected one of euclidean, cosine, got 'cosin'"):
        NCM("cosin").fit(X, Y)
