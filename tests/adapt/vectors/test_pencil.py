"""The structured pencil against LAPACK on the full one."""

import numpy as np
import pytest
from scipy.linalg import eigh

from regard.adapt.vectors._pencil import block_pass, leading, root, solve_with


def problem(n, rank, r, seed=0):
    rng = np.random.default_rng(seed)
    S = rng.normal(size=(rank, n)) * (0.8 ** np.arange(rank))[:, None]
    return S.T @ S, rng.uniform(0.1, 3, size=n), rng.normal(size=(r, n))


@pytest.mark.parametrize(("n", "r"), [(30, 1), (60, 4), (700, 2)])  # dense, dense, Lanczos
def test_leading_vectors_are_those_of_the_full_pencil(n, r):
    A, D, V = problem(n, 40, r)
    phi, W, residual = leading(lambda X: A @ X, D, V, 5)
    B = np.diag(D) + V.T @ V
    plain, vectors = eigh(A, B, subset_by_index=[n - 5, n - 1])
    np.testing.assert_allclose(phi, plain[::-1], rtol=1e-8)
    assert residual < 1e-8
    np.testing.assert_allclose(W.T @ A @ W, np.eye(5), atol=1e-7)
    # the same directions, up to length and sign
    cosines = np.abs(np.sum((W / np.linalg.norm(W, axis=0)) * (vectors / np.linalg.norm(vectors, axis=0))[:, ::-1], 0))
    np.testing.assert_allclose(cosines, 1, atol=1e-6)


def test_root_is_an_inverse_square_root_and_back_undoes_it():
    _, D, V = problem(20, 5, 3)
    half, B, X = root(D, V), np.diag(D) + V.T @ V, np.random.default_rng(1).normal(size=(20, 4))
    R = half.times(np.eye(20))
    np.testing.assert_allclose(R.T @ B @ R, np.eye(20), atol=1e-10)
    np.testing.assert_allclose(half.transposed(X), R.T @ X)
    np.testing.assert_allclose(half.back(half.times(X)), X)


def test_a_lower_rank_gives_fewer_vectors():
    A, D, V = problem(50, 3, 1)
    phi, W, _ = leading(lambda X: A @ X, D, V, 10)
    assert len(phi) == 3 and W.shape == (50, 3)


def test_one_pass_is_at_least_as_good_as_its_start():
    A, *_ = problem(300, 60, 1)
    start = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 4)))[0]
    phi, Y = block_pass(lambda X: A @ X, 300, 4, start)
    assert phi.sum() > np.trace(start.T @ A @ start)
    np.testing.assert_allclose(Y.T @ Y, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(np.diag(Y.T @ A @ Y), phi)
    assert (phi <= np.linalg.eigvalsh(A)[::-1][:4] + 1e-9).all()


def test_any_second_matrix():
    A, D, V = problem(40, 20, 2)
    B = np.diag(D) + V.T @ V
    phi, W, residual = solve_with(lambda X: A @ X, lambda X: B @ X, 40, 3)
    np.testing.assert_allclose(phi, leading(lambda X: A @ X, D, V, 3)[0])
    assert residual < 1e-8
