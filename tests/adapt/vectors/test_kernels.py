"""Kernels and their features."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from regard.adapt.vectors._kernels import make_kernel, nystroem, unit_rows
from regard.core.checks import InputError


def test_the_gaussian_kernel_has_the_median_width():
    X = np.random.default_rng(0).normal(size=(40, 3))
    kernel = make_kernel("rbf", None, False, X, 0)
    assert kernel.gamma == pytest.approx(1 / np.median(pdist(X, "sqeuclidean")))
    np.testing.assert_allclose(kernel(X, X), np.exp(-kernel.gamma * squareform(pdist(X, "sqeuclidean"))), atol=1e-12)
    np.testing.assert_array_equal(make_kernel("linear", None, False, X, 0)(X, X[:5]), X @ X[:5].T)


def test_nystroem_with_all_landmarks_is_the_kernel():
    X = np.random.default_rng(0).normal(size=(30, 4))
    kernel = make_kernel("rbf", 0.2, False, X, 0)
    Z = kernel(X, X) @ nystroem(kernel, X)
    np.testing.assert_allclose(Z @ Z.T, kernel(X, X), atol=1e-7)
    few = kernel(X, X[:20]) @ nystroem(kernel, X[:20])
    assert 0 < np.abs(few @ few.T - kernel(X, X)).max() < 0.5


def test_unit_rows_keep_rows_of_zero():
    np.testing.assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize(("name", "gamma"), [("cosine", None), ("rbf", 0.0), ("rbf", -1)])
def test_bad_kernels(name, gamma):
    with pytest.raises(InputError, match="kernel|gamma"):
        make_kernel(name, gamma, False, np.zeros((3, 2)), 0)
