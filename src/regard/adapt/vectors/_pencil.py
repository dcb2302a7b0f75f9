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
from scipy.linalg import eigh, qr
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from ...core.linalg import svd
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

    def back(self, X: np.ndarray) -> np.ndarray:
        """Undo `times`: (I + U'U)^1/2 D^1/2 X."""
        scaled = X / self.scale[:, None]
        grow = 1 / (1 + self.shrink) - 1
        return scaled + self.axes @ (grow[:, None] * (self.axes.T @ scaled))


def root(D: np.ndarray, V: np.ndarray) -> Root:
    """R with R'BR = I for B = D + V'V; O(n r^2)."""
    scale = 1 / np.sqrt(D)
    _, s, axes = svd(V * scale)
    return Root(scale, axes.T, 1 / np.sqrt(1 + s**2) - 1)


def leading(
    product: Product,
    D: np.ndarray,
    V: np.ndarray,
    k: int,
    start: np.ndarray | None = None,
    exact: bool = True,
) -> tuple[np.ndarray, np.ndarray, float]:
    """The k largest phi and their vectors W (n, k) in A w = phi B w, with W'AW = I: B = D + V'V, A by its product.

    Args:
        product: X (n, m) -> A X, for a symmetric positive semidefinite A.
        D: (n,) above 0.
        V: (r, n).
        k: how many, below n.
        start: (n, m) vectors near those looked for; without them a fixed draw.
        exact: solve it; False: one pass of block Lanczos from `start`, whose sum of phi is at least that of the start:
            a step of an outer iteration, at a fraction of the cost.

    Returns:
        phi (k',), W (n, k') and the largest relative residual |A w - phi B w| / (phi |B w|). k' < k where A has a
        lower rank.
    """
    n = len(D)
    half = root(D, V)

    def reduced(Y: np.ndarray) -> np.ndarray:
        return half.transposed(product(half.times(Y)))

    # small problems: threads cost more than they give
    with one_blas_thread(float(n) * n):
        if n <= DENSE or k > n // 4:
            M = reduced(np.eye(n))
            phi, Y = eigh((M + M.T) / 2, subset_by_index=[n - k, n - 1])
            phi, Y = phi[::-1], Y[:, ::-1]
        elif exact:
            phi, Y = _lanczos(reduced, n, k, None if start is None else half.back(start).sum(axis=1))
        else:
            phi, Y = block_pass(reduced, n, k, None if start is None else half.back(start))
        kept = phi > 1e-11 * max(float(phi[0]), 1e-300)
        phi, W = phi[kept], half.times(Y[:, kept])
        W = _signed(W)
        A, B = product(W), D[:, None] * W + V.T @ (V @ W)
    size = np.maximum(phi * np.linalg.norm(B, axis=0), 1e-300)
    # relative to the largest too: a vector of a tiny phi cannot be nearer than the rounding of the largest
    error = np.linalg.norm(A - B * phi, axis=0) / np.maximum(size, 1e-6 * size.max()) if len(phi) else np.zeros(1)
    return phi, W / np.sqrt(phi), float(error.max())


def _lanczos(reduced: Product, n: int, k: int, start: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """ARPACK's k largest, falling; LAPACK where it does not converge."""
    first = numpy_rng(0, "lanczos").normal(size=n) if start is None else start
    operator = LinearOperator((n, n), matvec=lambda y: reduced(y.reshape(n, 1))[:, 0], dtype=np.float64)
    many = min(n - 1, max(2 * k + 20, 40))
    try:
        phi, Y = eigsh(operator, k=k, which="LA", v0=first, ncv=many, tol=1e-10, maxiter=400)
    except ArpackNoConvergence:
        M = reduced(np.eye(n))
        phi, Y = eigh((M + M.T) / 2, subset_by_index=[n - k, n - 1])
    return phi[::-1], Y[:, ::-1]


def block_pass(
    product: Product, n: int, k: int, start: np.ndarray | None, depth: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """The best k vectors (n, k) of span(Y, MY ... M^(depth-1) Y) for a symmetric M, with their Ritz values, falling.

    One pass of block Lanczos with full orthogonalisation (Golub & Underwood 1977) from the start Y and some drawn
    columns: a product with many columns costs little more than with one. The space holds the start, so that no Ritz
    value is below what the start has.
    """
    block = numpy_rng(0, "krylov").normal(size=(n, k + 5))
    if start is not None:
        block[:, : start.shape[1]] = start[:, : k + 5]
    basis = [qr(block, mode="economic")[0]]
    images = [product(basis[0])]
    for _ in range(depth - 1):
        space, new = np.concatenate(basis, axis=1), images[-1]
        for _ in range(2):  # twice is enough
            new = new - space @ (space.T @ new)
        basis.append(qr(new, mode="economic")[0])
        images.append(product(basis[-1]))
    Q, MQ = np.concatenate(basis, axis=1), np.concatenate(images, axis=1)
    T = Q.T @ MQ
    phi, small = eigh((T + T.T) / 2, subset_by_index=[len(T) - k, len(T) - 1])
    return phi[::-1], (Q @ small)[:, ::-1]


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
