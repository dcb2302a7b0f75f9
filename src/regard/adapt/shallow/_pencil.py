"""Leading generalised eigenvectors of (S'S, D + V'V): a diagonal plus few rows against a Gram matrix.

The methods that look for components in which the domains agree maximise w'Aw under w'Bw = 1 with A = K H K, the scatter
in a kernel space, and B = mu D + sum of a few v v', since the discrepancy of means has rank one (one and a half ranks a
class, with classes). So B = D^1/2 (I + U'U) D^1/2 has a closed inverse square root through the thin singular value
decomposition of U, and the pencil becomes a symmetric problem whose leading vectors Lanczos finds from products with S
alone. No inverse is formed, and no n x n matrix where S is a product of thin ones.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ...core.runtime import numpy_rng, one_blas_thread

DENSE = 400  # up to this size all of the matrix is formed and LAPACK finds the vectors

Product = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Root:
    """(D + V'V)^-1/2 in closed form, for a diagonal D > 0 (n,) and few rows V (r, n)."""

    scale: np.ndarray  # D^-1/2
    axes: np.ndarray  # (n, r) orthonormal
    shrink: np.ndarray  # (r,) (1 + s^2)^-1/2 - 1

    def times(self, X: np.ndarray) -> np.ndarray:
        """Give D^-1/2 (I + U'U)^-1/2 X for X (n, m): a square root of B^-1, though not the symmetric one."""
        inner = X + self.axes @ (self.shrink[:, None] * (self.axes.T @ X))
        return self.scale[:, None] * inner

    def transposed(self, X: np.ndarray) -> np.ndarray:
        """The transpose of `times`."""
        scaled = self.scale[:, None] * X
        return scaled + self.axes @ (self.shrink[:, None] * (self.axes.T @ scaled))


def root(D: np.ndarray, V: np.ndarray) -> Root:
    """R with R'BR = I for B = D + V'V; O(n r^2)."""
    scale = 1 / np.sqrt(D)
    _, s, axes = svd(V * scale, full_matrices=False)
    return Root(scale, axes.T, 1 / np.sqrt(1 + s**2) - 1)


def leading(
    product: Product, D: np.ndarray, V: np.ndarray, k: int, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """The k largest phi and their vectors W (n, k) in A w = phi B w, with W'AW = I: B = D + V'V, A by its product.

    Args:
        product: X (n, m) -> A X, for a symmetric positive semidefinite A.
        D: (n,) above 0.
        V: (r, n).
        k: how many, below n.
        start: (n,) a first guess for Lanczos; a fixed draw without it.

    Returns:
        phi (k',), W (n, k') and the largest relative residual |A w - phi B w| / (phi |B w|). k' < k where A has a
        lower rank.
    """
    n = len(D)
    half = root(D, V)

    def reduced(Y: np.ndarray) -> np.ndarray:
        Y = Y.reshape(n, -1)
        return half.transposed(product(half.times(Y)))

    # small problems: threads cost more than they give
    with one_blas_thread(float(n) * n):
        if n <= DENSE or k > n // 4:
            M = reduced(np.eye(n))
            phi, Y = eigh((M + M.T) / 2, subset_by_index=[n - k, n - 1])
        else:
            phi, Y = _lanczos(reduced, n, k, start)
        phi, Y = phi[::-1], Y[:, ::-1]
        kept = phi > 1e-11 * max(float(phi[0]), 1e-300)
        phi, W = phi[kept], half.times(Y[:, kept])
        W = _signed(W)
        A, B = product(W), D[:, None] * W + V.T @ (V @ W)
    size = np.maximum(phi * np.linalg.norm(B, axis=0), 1e-300)
    # relative to the largest too: a vector of a tiny phi cannot be nearer than the rounding of the largest
    error = np.linalg.norm(A - B * phi, axis=0) / np.maximum(size, 1e-6 * size.max()) if len(phi) else np.zeros(1)
    return phi, W / np.sqrt(phi), float(error.max())


def _lanczos(reduced: Product, n: int, k: int, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    first = numpy_rng(0, "lanczos").normal(size=n) if start is None else start
    operator = LinearOperator((n, n), matvec=lambda y: reduced(y)[:, 0], matmat=reduced, dtype=np.float64)
    try:
        return eigsh(operator, k=k, which="LA", v0=first, ncv=min(n - 1, max(2 * k + 20, 40)), tol=1e-12, maxiter=400)
    except ArpackNoConvergence:
        M = reduced(np.eye(n))
        return eigh((M + M.T) / 2, subset_by_index=[n - k, n - 1])


def _signed(W: np.ndarray) -> np.ndarray:
    """Each column with its largest entry above 0, so that the same data give the same vectors."""
    largest = np.abs(W).argmax(axis=0)
    return W * np.where(W[largest, np.arange(W.shape[1])] < 0, -1.0, 1.0)


def solve_with(product: Product, against: Product, size: int, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    """As `leading`, for a B that is not a diagonal and few rows: both matrices are formed, O(size^3) time."""
    A, B = product(np.eye(size)), against(np.eye(size))
    A, B = (A + A.T) / 2, (B + B.T) / 2
    with one_blas_thread(float(size) * size):
        phi, W = eigh(A, B, subset_by_index=[size - k, size - 1])
    phi, W = phi[::-1], W[:, ::-1]
    kept = phi > 1e-11 * max(float(phi[0]), 1e-300)
    phi, W = phi[kept], _signed(W[:, kept])
    BW = B @ W * phi
    error = np.linalg.norm(A @ W - BW, axis=0) / np.maximum(np.linalg.norm(BW, axis=0), 1e-300)
    return phi, W / np.sqrt(phi), float(error.max(initial=0.0))
