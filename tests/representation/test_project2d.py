import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from regard.core.checks import InputError
from regard.representation.project2d import LIMIT, project, rows_to_show


def blobs(n_each=40, d=8, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, d)) * 20
    return np.repeat(centres, n_each, axis=0) + rng.normal(size=(3 * n_each, d)), np.repeat(range(3), n_each)


@pytest.mark.parametrize("shape", [(50, 7), (6, 40), (5, 5)])
def test_pca_is_scikit_learns_up_to_sign(shape):
    X = np.random.default_rng(1).normal(size=shape)
    ours, theirs = project(X), PCA(2, svd_solver="full").fit_transform(X)
    for at in range(2):
        sign = np.sign(ours[:, at] @ theirs[:, at])
        np.testing.assert_allclose(ours[:, at], sign * theirs[:, at], atol=1e-9)


def test_one_dimension_lies_on_a_line_and_same_vectors_on_a_point():
    line = project(np.array([[1.0], [2.0], [4.0]]))
    assert line.shape == (3, 2) and not line[:, 1].any()
    assert np.ptp(line[:, 0]) == pytest.approx(3)
    np.testing.assert_allclose(project(np.ones((4, 3))), 0, atol=1e-12)


def test_input_is_not_changed_and_float32_is_taken():
    X = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    before = X.copy()
    assert project(X).dtype == np.float64
    np.testing.assert_array_equal(X, before)


def test_tsne_keeps_neighbours_and_is_the_same_every_time():
    X, label = blobs()
    plane = project(X, "tsne", seed=3)
    assert plane.shape == (120, 2) and np.isfinite(plane).all()
    np.testing.assert_array_equal(plane, project(X, "tsne", seed=3))
    assert trustworthiness(X, plane, n_neighbors=5) > 0.9
    distance = np.linalg.norm(plane[:, None] - plane[None], axis=2) + np.diag(np.full(120, np.inf))
    assert (label[distance.argmin(axis=1)] == label).all()


@pytest.mark.parametrize("n", [3, 4, 7])
def test_tsne_of_few_vectors(n):
    assert np.isfinite(project(np.random.default_rng(0).normal(size=(n, 60)), "tsne")).all()


def test_refusals_say_what_to_do():
    with pytest.raises(InputError, match="Did you mean 'tsne'"):
        project(np.eye(4), "tsnee")
    with pytest.raises(InputError, match="at least 3 rows"):
        project(np.eye(2))
    with pytest.raises(InputError, match="rows_to_show"):
        project(np.zeros((LIMIT + 1, 2)), "tsne")
    with pytest.raises(InputError, match="all the same"):
        project(np.ones((5, 2)), "tsne")
    with pytest.raises(InputError, match="NaN"):
        project(np.full((5, 2), np.nan))


def test_rows_to_show_are_drawn_once_each_in_order():
    rows = rows_to_show(1000, 100, seed=1)
    assert len(np.unique(rows)) == 100 and (np.diff(rows) > 0).all() and rows.max() < 1000
    np.testing.assert_array_equal(rows, rows_to_show(1000, 100, seed=1))
    assert not np.array_equal(rows, rows_to_show(1000, 100, seed=2))
    np.testing.assert_array_equal(rows_to_show(5, 100), range(5))
    # every row has the same chance: the mean of 400 draws' means is near the middle
    means = [rows_to_show(1000, 100, seed=seed).mean() for seed in range(400)]
    assert abs(np.mean(means) - 499.5) < 4 * np.std(means) / 20
