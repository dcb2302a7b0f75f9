"""Transferability against plain slow formulas."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from regard.core.checks import InputError
from regard.metrics.knn import knn_predict
from regard.metrics.transferability import h_score, knn_score, leep, logme


def drawn(n=40, d=5, apart=2.0, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(n, d)) + apart * rng.normal(size=(classes, d))[y], y


def test_leep_is_the_mean_log_of_what_the_source_expects():
    rng = np.random.default_rng(0)
    p, y = rng.dirichlet(np.ones(4), 30), rng.integers(0, 3, 30)
    found = 0.0
    for i in range(30):
        expected = 0.0
        for z in range(4):
            both = sum(p[j, z] for j in range(30) if y[j] == y[i]) / 30
            expected += both / (p[:, z].sum() / 30) * p[i, z]
        found += np.log(expected) / 30
    assert leep(p, y) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("n, d", [(40, 5), (12, 20)])
def test_logme_is_the_largest_evidence_that_a_search_finds(n, d):
    f, y = drawn(n, d)

    def evidence(logs, t):  # t ~ N(0, I / beta + F F' / alpha)
        alpha, beta = np.exp(logs)
        return multivariate_normal(np.zeros(n), np.eye(n) / beta + f @ f.T / alpha).logpdf(t) / n

    best = [
        max(
            -minimize(lambda logs, t=t: -evidence(logs, t), start, method="Nelder-Mead").fun
            for start in ([0, 0], [2, 2])
        )
        for t in ((y == one).astype(float) for one in range(3))
    ]
    assert logme(f, y) == pytest.approx(np.mean(best), abs=1e-4)


def test_h_score_without_shrinking_is_the_plain_formula():
    f, y = drawn()
    covariance = np.cov(f.T, bias=True)
    means = np.array([f[y == one].mean(axis=0) for one in y])
    assert h_score(f, y, 0.0) == pytest.approx(np.trace(np.linalg.inv(covariance) @ np.cov(means.T, bias=True)))
    # shrunk by hand, and with more dimensions than vectors, where the plain one has no inverse
    f, y = drawn(12, 20)
    covariance, means = np.cov(f.T, bias=True), np.array([f[y == one].mean(axis=0) for one in y])
    shrunk = 0.7 * covariance + 0.3 * np.trace(covariance) / 20 * np.eye(20)
    assert h_score(f, y, 0.3) == pytest.approx(np.trace(np.linalg.inv(shrunk) @ (0.7 * np.cov(means.T, bias=True))))


def test_knn_leaves_each_vector_out():
    f, y = drawn(25, apart=1.0)
    right = [knn_predict(np.delete(f, i, 0), np.delete(y, i), f[i : i + 1], 7)[0] == y[i] for i in range(25)]
    assert knn_score(f, y, 7) == pytest.approx(np.mean(right))


def test_classes_that_lie_apart_promise_more():
    near, far = drawn(60, apart=0.2), drawn(60, apart=4.0)
    for score in (logme, h_score, knn_score):
        assert score(*far) > score(*near) + 0.05


def test_what_cannot_be_scored_is_refused():
    f, y = drawn()
    for score in (logme, h_score, knn_score):
        with pytest.raises(InputError, match="labels"):
            score(f, np.zeros(len(f)))
    with pytest.raises(InputError, match="probabilities"):
        leep(f, y)


def test_one_vector_of_each_class_has_a_score():
    rng = np.random.default_rng(0)
    for d in (2, 64, 1280):
        for _ in range(20):
            assert 0 <= h_score(rng.normal(size=(2, d)), ["a", "b"]) <= 1 + 1e-9
