"""Ridge and RanPAC: the joint fit from statistics, and the penalty by cross-validation on them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge as JointRidge

from helpers.streams import batches, close, clusters, learned
from regard.core.checks import InputError
from regard.lifelong.frozen.ranpac import RanPAC, projection, random_features
from regard.lifelong.frozen.ridge import Ridge

X, Y = clusters()
TEST = clusters(seed=1)[0]
ONE_HOT = np.eye(4)[Y]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), alpha=st.sampled_from([0.01, 1.0, 100.0]), intercept=st.booleans())
def test_ridge_is_scikit_learns_on_one_hot_labels(seed, alpha, intercept):
    joint = JointRidge(alpha=alpha, fit_intercept=intercept).fit(X, ONE_HOT)
    model = learned(Ridge(alpha, intercept), X, Y, batches(len(X), np.random.default_rng(seed)))
    close(model.decision_function(TEST), joint.predict(TEST))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), alpha=st.sampled_from([0.1, 1.0, 100.0]), intercept=st.booleans())
def test_ranpac_is_the_joint_fit_on_random_features(seed, alpha, intercept):
    model = learned(RanPAC(60, alpha, intercept), X, Y, batches(len(X), np.random.default_rng(seed)))
    H = np.maximum(X @ model.projection_.astype(float), 0)
    joint = JointRidge(alpha=alpha, fit_intercept=intercept).fit(H, ONE_HOT)
    wanted = joint.predict(np.maximum(TEST @ model.projection_.astype(float), 0))
    close(model.decision_function(TEST), wanted)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", [29, 4])  # more samples than features, and fewer
def test_gcv_is_that_of_the_hat_matrix(intercept, rows):
    few = np.arange(len(X))[:: len(X) // rows][:rows]
    A, T = X[few], ONE_HOT[few]
    T = T[:, T.any(axis=0)]
    found = Ridge(fit_intercept=intercept).fit(A, Y[few]).solved_
    n = len(A)
    centre = np.eye(n) - 1 / n if intercept else np.eye(n)
    for alpha, score in zip(found.path, found.scores):
        B = centre @ A
        hat = B @ np.linalg.inv(B.T @ B + alpha * np.eye(5)) @ B.T @ centre + (np.eye(n) - centre)
        wanted = np.square(T - hat @ T).sum() / n / (1 - np.trace(hat) / n) ** 2
        # where nothing is left over both sides of the fraction vanish, and the slow way loses its digits
        assert score == pytest.approx(wanted, rel=1e-6 if alpha > 1e-5 * found.path[-1] else 0.05)
    assert found.alpha == found.path[found.scores <= found.scores.min() * (1 + 1e-6)].max()


def test_gcv_chooses_a_strong_penalty_for_noise_and_a_weak_one_for_a_line():
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(300, 20)), np.arange(300) % 2
    told = rows.copy()
    told[:, 0] = 3 * y
    noise, line = (Ridge().fit(one, y).solved_ for one in (rows, told))
    assert noise.alpha == noise.path[-1] and line.alpha < 1e-2 * line.path[-1]


def test_ridge_does_not_follow_the_unit_where_it_chooses():
    close(Ridge().fit(1e3 * X, Y).decision_function(1e3 * TEST), Ridge().fit(X, Y).decision_function(TEST))
    close(RanPAC(60).fit(1e3 * X, Y).decision_function(1e3 * TEST), RanPAC(60).fit(X, Y).decision_function(TEST))


def test_vectors_that_are_all_equal_teach_nothing_and_break_nothing():
    assert np.allclose(Ridge().fit(np.ones((4, 3)), [0, 0, 0, 1]).decision_function(np.ones((1, 3))), [[0.75, 0.25]])


def test_the_projection_hangs_on_seed_and_sizes_alone():
    np.testing.assert_array_equal(projection(5, 7, 3), projection(5, 7, 3))
    assert not np.array_equal(projection(5, 7, 3), projection(5, 7, 4))
    W = projection(400, 500, 0)
    assert W.dtype == np.float32 and abs(W.mean()) < 0.01 and abs(W.std() - 1) < 0.01
    assert random_features(np.ones((2, 400), np.float32), W).dtype == np.float64
    other = RanPAC(60, random_state=1).fit(X, Y)
    assert not np.allclose(other.decision_function(TEST), RanPAC(60).fit(X, Y).decision_function(TEST))


def test_what_ranpac_keeps():
    model = RanPAC(60).fit(X, Y)
    assert model.nbytes == 8 * (60 * 60 + 4 * 60) + 4 * 5 * 60 + 8 * 4 + 8 * 4


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alpha": 0}, "alpha: expected a number above 0"),
        ({"n_components": 0}, "n_components: expected a whole number of at least 1"),
        ({"random_state": -1}, "random_state: expected"),
    ],
)
def test_settings_out_of_range(given, message):
    with pytest.raises(InputError, match=message):
        RanPAC(**given).partial_fit(X, Y)


def test_another_number_of_random_features_is_not_the_state_of_this_one():
    state = RanPAC(60).fit(X, Y).state()
    with pytest.raises(InputError, match=r"projection of shape \(5, 60\)"):
        RanPAC.from_state(state, n_components=50)
    with pytest.raises(InputError, match="arrays of 59 dimensions"):
        RanPAC.from_state({**state, "means": state["means"][:, 1:]}, n_components=60)
