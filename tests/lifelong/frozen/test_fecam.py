"""FeCAM's distances, against a slow plain computation from all samples."""

import numpy as np
import pytest

from helpers.streams import batches, close, clusters, learned
from regard.core.checks import InputError
from regard.lifelong.frozen.fecam import FeCAM, correlation

X, Y = clusters((12, 9, 7))
TEST = clusters(seed=1)[0]


def plain(X, y, test, power, g1, g2):
    """The paper's steps, one class and one sample at a time."""
    rooted, seen = np.sign(X) * abs(X) ** power, np.sign(test) * abs(test) ** power
    scores = np.zeros((len(test), len(set(y))))
    for k in range(scores.shape[1]):
        mean, C = rooted[y == k].mean(axis=0), np.cov(rooted[y == k].T)
        d = len(C)
        v1, v2 = np.diag(C).mean(), C[~np.eye(d, dtype=bool)].mean()
        C = C + g1 * v1 * np.eye(d) + g2 * v2 * (1 - np.eye(d))
        R = C / np.sqrt(np.diag(C))[:, None] / np.sqrt(np.diag(C))[None]
        for i, x in enumerate(seen):
            apart = x / np.linalg.norm(x) - mean / np.linalg.norm(mean)
            scores[i, k] = -apart @ np.linalg.inv(R) @ apart
    return scores


@pytest.mark.parametrize(("power", "g1", "g2"), [(0.5, 1.0, 1.0), (1.0, 0.1, 0.0), (0.3, 2.0, 1.0)])
def test_scores_are_the_papers(power, g1, g2):
    model = learned(FeCAM(power, g1, g2), X, Y, batches(len(X), np.random.default_rng(0)))
    close(model.decision_function(TEST), plain(X, Y, TEST, power, g1, g2))


def test_a_class_without_spread_has_the_mean_of_the_others():
    few = np.flatnonzero((Y != 1) | (np.arange(len(Y)) == 12))
    model = FeCAM().fit(X[few], Y[few])
    rooted = np.sign(X) * abs(X) ** 0.5
    others = [correlation(np.cov(rooted[k == Y].T), 1, 1) for k in (0, 2)]
    apart = (z := np.sign(TEST) * abs(TEST) ** 0.5) / np.linalg.norm(z, axis=1, keepdims=True)
    apart = apart - rooted[12] / np.linalg.norm(rooted[12])
    wanted = -np.einsum("nd,de,ne->n", apart, np.linalg.inv(np.mean(others, axis=0)), apart)
    close(model.decision_function(TEST)[:, 1], wanted)


def test_the_unit_of_the_vectors_does_not_matter():
    close(FeCAM().fit(1000 * X, Y).decision_function(1000 * TEST), FeCAM().fit(X, Y).decision_function(TEST))


def test_features_that_are_one_and_the_same():
    same = np.abs(X[:, :1]) * np.ones((1, 3))
    model = FeCAM().fit(np.hstack([same, np.abs(X[:, 1:2])]), Y)
    assert np.isfinite(model.decision_function(np.abs(TEST[:, :4]))).all()
    assert FeCAM().fit(np.abs(X[:, :1]), Y).predict(np.abs(TEST[:, :1])).shape == (len(TEST),)


@pytest.mark.parametrize("given", [{"power": 0}, {"gamma1": 0}, {"gamma2": -1}, {"gamma1": 0.5, "gamma2": 1}])
def test_settings_out_of_range(given):
    with pytest.raises(InputError, match=f"{'gamma2' if 'gamma2' in given else next(iter(given))}: expected a number"):
        FeCAM(**given).partial_fit(X, Y)
