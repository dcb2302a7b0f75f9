"""Decompositions of matrices of up to a thousand columns, on one BLAS thread.

OpenBLAS's threads spin while they wait for each other. Of 128 to 512 columns `eigh` and `svd` were no faster with two
threads than with one on two quiet processors, and 3 to 12 times as slow with another process beside.
"""

from typing import Any

import numpy as np

from .runtime import one_blas_thread

WIDE = 1024  # of wider matrices threads gain: 1.4 times as fast with two


def eigh(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (d,), rising, and eigenvectors (d, d) in columns, of a symmetric matrix A (d, d)."""
    with _alone(A):
        values, vectors = np.linalg.eigh(A)
    return values, vectors


def svd(A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U (n, r), the singular values (r,), falling, and V transposed (r, d) of a matrix A (n, d), with r = min(n, d)."""
    with _alone(A):
        U, values, Vt = np.linalg.svd(A, full_matrices=False)
    return U, values, Vt


def singular_values(A: np.ndarray) -> np.ndarray:
    """The singular values (r,) of a matrix A (n, d), falling, with r = min(n, d)."""
    with _alone(A):
        return np.linalg.svd(A, compute_uv=False)


def _alone(A: np.ndarray) -> Any:
    return one_blas_thread(0 if min(A.shape[-2:]) <= WIDE else np.inf)
