"""k-means and mixtures from rows that come in pieces: as in scikit-learn, and as in one piece."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from regard.core.checks import InputError
from regard.representation.pooling import _kmeans, _mixture, _rows
from regard.representation.pooling._kmeans import k_means
from regard.representation.pooling._mixture import fit_mixture, log_likelihood
from regard.representation.pooling._rows import moments, some


class Read:
    """Rows that are only there a slice at a time, and say how many were asked for at once."""

    def __init__(self, X: np.ndarray) -> None:
        self.X, self.shape, self.most = X, X.shape, 0

    def __getitem__(self, part: slice) -> np.ndarray:
        found = self.X[part]
        self.most = max(self.most, len(found))
        return found


def clusters(n: int = 3000, k: int = 5, d: int = 4, seed: int = 0, apart: float = 4.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    middle, spread = rng.normal(0, apart, (k, d)), rng.uniform(0.3, 1.5, (k, d))
    which = rng.choice(k, n, p=rng.dirichlet(np.full(k, 4.0)))
    return rng.normal(middle[which], spread[which]) + 100


def test_a_mixture_is_as_likely_as_that_of_scikit_learn():
    """From the same start, and with no variance near the floor."""
    X = clusters()
    found = fit_mixture(X, 5, 0, "test", floor=1e-6)
    centre, spread = X.mean(0), X.std(0)
    Z = (X - centre) / spread
    weights, means, variances = _mixture._start(_rows.Scaled(X, centre, spread), 5, 0, "test", 1e-6, "cpu", "maps")
    theirs = GaussianMixture(
        5,
        covariance_type="diag",
        weights_init=weights,
        means_init=means,
        precisions_init=1 / variances,
        tol=1e-3,
        reg_covar=1e-6,
    ).fit(Z)
    ours = log_likelihood(X, found)
    assert ours == pytest.approx(theirs.score(Z) - np.log(spread).sum(), abs=2e-3)
    assert found.log_likelihood == pytest.approx(ours, abs=2e-3) and 1 < found.steps < 100
    assert found.weights.sum() == pytest.approx(1) and found.means.shape == found.variances.shape == (5, 4)
    single = fit_mixture(X.astype(np.float32), 5, 0, "test", floor=1e-6)
    assert log_likelihood(X, single) == pytest.approx(ours, abs=2e-3), "in single precision, 100 off the origin"


def test_pieces_make_no_difference_and_no_more_than_one_is_held(monkeypatch):
    X = clusters(900)
    whole, words = fit_mixture(X, 4, 3, "test"), k_means(X, 4, 3, "test")
    for module in (_rows, _kmeans):
        monkeypatch.setattr(module, "PIECE", 70, raising=False)
    rows = Read(X)
    cut, others = fit_mixture(rows, 4, 3, "test"), k_means(rows, 4, 3, "test")
    assert rows.most == 70
    for one, other in ((whole.means, cut.means), (whole.variances, cut.variances), (words[0], others[0])):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    assert np.array_equal(words[1], others[1])
    assert (
        np.array_equal(some(X, 100, 5, "test"), some(rows, 100, 5, "test")) and len(some(rows, 100, 5, "test")) == 100
    )
    np.testing.assert_allclose(moments(rows).covariance, np.cov(X.T, bias=True))
    np.testing.assert_allclose(moments(rows).mean, X.mean(0))


def test_words_have_the_error_of_scikit_learn_and_are_the_means_of_their_rows():
    X = clusters(2000, 8, apart=2.0)
    centres, words = k_means(X, 8, 0, "test")
    error = ((X - centres[words]) ** 2).sum()
    # the best of several starts, as either may end in another local optimum
    best = min(((X - c[w]) ** 2).sum() for c, w in (k_means(X, 8, seed, "test") for seed in range(8)))
    theirs = KMeans(8, n_init=8, random_state=0).fit(X)
    assert best == pytest.approx(theirs.inertia_, rel=0.01)
    again = np.array([X[words == k].mean(0) for k in range(8)])
    assert error <= 1.05 * best * 1.2 and np.abs(again - centres).max() < 0.2
    near = ((X[:, None] - centres) ** 2).sum(2).argmin(1)
    assert np.array_equal(near, words)


def test_a_word_without_rows_moves_to_the_farthest_row(monkeypatch):
    X = np.concatenate([np.random.default_rng(0).normal(size=(60, 2)), [[50.0, 0.0]]])
    monkeypatch.setattr(_kmeans, "_first", lambda *_: np.array([[0.0, 0.0], [-1000.0, 0.0]]))
    centres, words = k_means(X, 2, 0, "test")
    assert np.allclose(centres[1], [50, 0]) and words.tolist() == [0] * 60 + [1]


def test_a_gaussian_without_rows_takes_half_of_the_heaviest(monkeypatch):
    X = np.concatenate([clusters(300, 1, 2), clusters(300, 1, 2, seed=1)])
    start = _mixture._start

    def lonely(*given):
        weights, means, variances = start(*given)
        means[1:] += 1e4
        return weights, means, variances

    monkeypatch.setattr(_mixture, "_start", lonely)
    found = fit_mixture(X, 2, 0, "test")
    assert (
        found.weights.min() > 0.2 and log_likelihood(X, found) > log_likelihood(X, fit_mixture(X, 1, 0, "test")) + 0.1
    )


def test_floors_hold_and_each_step_is_at_least_as_likely(monkeypatch):
    X = clusters(600)
    X[:200] = X[0]  # a Gaussian of no width
    seen = []
    sums = _mixture._sums
    monkeypatch.setattr(_mixture, "_sums", lambda *given: seen.append(sums(*given)) or seen[-1])
    found = fit_mixture(X, 4, 0, "test", floor=0.01)
    assert (found.variances >= 0.01 * X.var(0) * (1 - 1e-9)).all()
    assert np.isclose(found.variances.min(0), 0.01 * X.var(0)).any()
    fits = [one[3] for one in seen]
    assert (np.diff(fits) > -1e-9).all() and len(fits) == found.steps
    assert found.weights.min() > 0


def test_too_few_rows_are_told():
    with pytest.raises(InputError, match="IMAGES: expected at least k = 9, got 4 descriptors"):
        fit_mixture(np.eye(4), 9, 0, "test", argument="IMAGES")
    with pytest.raises(InputError, match="fewer than 3 different descriptors"):
        k_means(np.ones((20, 2)), 3, 0, "test")
    with pytest.raises(InputError, match="at least k = 2, got 0"):
        fit_mixture(np.zeros((0, 3)), 2, 0, "test")
    with pytest.raises(InputError, match="floor"):
        fit_mixture(np.eye(4), 2, 0, "test", floor=0)
