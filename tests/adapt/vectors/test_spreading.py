"""Labels that spread along neighbours, against the closed form and cases done by hand."""

import numpy as np
import pytest

from regard.adapt.vectors._spreading import graph, spread


def clusters(n=24, d=3, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 2
    return 6.0 * codes[:, None] + rng.normal(size=(n, d)), codes


def plain_graph(X, k):
    """Every pair in turn."""
    D = np.sqrt(((X[:, None] - X) ** 2).sum(axis=-1))
    near = [sorted((j for j in range(len(X)) if j != i), key=lambda j: D[i, j])[:k] for i in range(len(X))]
    width = [D[i, near[i][-1]] / 2 for i in range(len(X))]
    W = np.zeros_like(D)
    for i in range(len(X)):
        for j in near[i]:
            W[i, j] = W[j, i] = np.exp(-(D[i, j] ** 2) / (width[i] * width[j]))
    return W / np.sqrt(np.outer(W.sum(axis=1), W.sum(axis=1)))


@pytest.mark.parametrize("k", [1, 4, 100])
def test_the_graph_is_the_plain_one(k):
    X, _ = clusters()
    np.testing.assert_allclose(graph(X, k).toarray(), plain_graph(X, min(k, 23)), atol=1e-12)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_rounds_end_at_the_closed_form(share):
    X, _ = clusters()
    Y = np.random.default_rng(1).dirichlet([1, 1, 1], size=24)
    F = np.linalg.solve(np.eye(24) - share * plain_graph(X, 5), Y)
    np.testing.assert_allclose(spread(X, Y, share, 5), F / F.sum(axis=1, keepdims=True), atol=1e-5)


def test_a_wrong_label_among_its_neighbours_is_put_right_and_nothing_crosses():
    X, codes = clusters()
    Y = np.where(np.eye(2)[codes] > 0, 0.8, 0.2)
    Y[[0, 5]] = Y[[0, 5], ::-1]
    kept = Y.copy()
    np.testing.assert_array_equal(spread(X, Y, neighbours=4).argmax(axis=1), codes)
    np.testing.assert_array_equal(Y, kept)
    np.testing.assert_array_equal(spread(X, Y, share=0), Y)
    one = np.zeros((24, 2))
    one[codes == 0] = [1, 0]
    one[codes == 1] = [0, 1]
    np.testing.assert_allclose(spread(X, one, neighbours=4), one, atol=1e-12)


def test_unit_and_place_do_not_matter():
    X, _ = clusters()
    Y = np.random.default_rng(1).dirichlet([1, 1], size=24)
    np.testing.assert_allclose(spread(1e3 * X + 7, Y), spread(X, Y), atol=1e-7)


def test_one_sample_and_copies():
    Y = np.array([[0.3, 0.7]])
    np.testing.assert_allclose(spread(np.ones((1, 2)), Y), Y)
    many = np.tile(Y, (5, 1))
    np.testing.assert_allclose(spread(np.ones((5, 2)), many), many)
    far = np.array([[0.0], [0.0], [0.0], [1.0]])  # three in one place, so that their width is 0
    found = spread(far, np.eye(4)[[0, 0, 0, 1]], neighbours=2)
    assert np.isfinite(found).all() and found.argmax(axis=1).tolist() == [0, 0, 0, 1]
