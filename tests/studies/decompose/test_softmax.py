"""Gradient descent that nears a known minimum: slopes, scikit-learn's weights, what it tells."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from regard.studies.decompose.softmax import descend, loss_and_slope, optimum, told


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(120) % 3
    return rng.normal(size=(120, 4)) * [1, 1, 0.3, 0.1] + np.eye(3, 4)[y], y


def ends(weights: np.ndarray, X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    return loss_and_slope(np.c_[X, np.ones(len(X))], np.eye(3)[y], weights)


def test_the_slope_is_that_of_the_loss() -> None:
    X, y = data()
    weights = np.random.default_rng(1).normal(size=(5, 3))
    _, slope = ends(weights, X, y)
    for place in np.ndindex(5, 3):
        step = np.zeros((5, 3))
        step[place] = 1e-5
        up, down = (ends(weights + sign * step, X, y)[0] for sign in (1, -1))
        assert slope[place] == pytest.approx((up - down) / 2e-5, abs=1e-8)


def test_the_minimum_is_scikit_learns_with_c_1() -> None:
    X, y = data()
    known = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000).fit(X, y)
    found = optimum(X, y, 3)
    assert found[:-1].T - found[:-1].mean(axis=1) == pytest.approx(known.coef_, abs=1e-3)
    assert (told(X, found) == known.predict(X)).all()


def test_descent_falls_at_each_step_and_nears_the_minimum() -> None:
    X, y = data()
    least = ends(optimum(X, y, 3), X, y)[0]
    losses = [ends(one, X, y)[0] for one in descend(X, y, 3, [0, 1, 2, 5, 20, 100, 1000, 5000])]
    assert losses[0] == pytest.approx(np.log(3)) and (np.diff(losses) < 0).all()
    assert losses[-2] > least - 1e-9 and losses[-1] == pytest.approx(least, abs=1e-7)


def test_steps_go_on_from_one_another() -> None:
    X, y = data()
    assert (descend(X, y, 3, [3, 10])[1] == descend(X, y, 3, [10])[0]).all()
    assert descend(X, y, 3, []) == []


def test_classes_that_can_be_separated_have_a_minimum() -> None:
    X, y = np.array([[-1.0], [1.0]] * 10), np.arange(20) % 2
    found = optimum(X, y, 2)
    assert np.isfinite(found).all() and (told(X, found) == y).all()
    assert np.abs(loss_and_slope(np.c_[X, np.ones(20)], np.eye(2)[y], found)[1]).max() < 1e-5
