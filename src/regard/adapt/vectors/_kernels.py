"""Kernels as features: rows Z with Z Z' = K, exactly for the linear kernel and by Nystroem's method for large sets.

Nystroem: Williams & Seeger 2001 (NIPS). With m landmarks L, k(x, X) is replaced by k(x, L) K_LL^-1 k(L, X): products
of the features k(x, L) K_LL^-1/2. What is O(n^2) for a kernel is O(n m) for them.
"""

from dataclasses import dataclass

import numpy as np

from ...core.checks import check_choice, check_number
from ...core.linalg import eigh
from ...core.runtime import numpy_rng
from ._common import origin

KERNELS = ("linear", "rbf")


@dataclass(frozen=True)
class Kernel:
    """k(x, y) = x'y, or exp(-gamma |x - y|^2), of rows without `start`, scaled to length 1 where `unit` says so."""

    name: str
    gamma: float = 1.0
    unit: bool = False
    start: np.ndarray | None = None

    def rows(self, X: np.ndarray) -> np.ndarray:
        """Rows (n, d) as the kernel sees them; a row of length 0 stays."""
        X = X if self.start is None else X - self.start
        return unit_rows(X) if self.unit else X

    def __call__(self, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
        """The kernel (n, m) of rows that `rows` gave."""
        product = X @ Y.T
        if self.name == "linear":
            return product
        product *= 2 * self.gamma
        product -= self.gamma * np.einsum("nd,nd->n", X, X)[:, None]
        product -= self.gamma * np.einsum("nd,nd->n", Y, Y)
        return np.exp(np.minimum(product, 0, out=product), out=product)


def make_kernel(name: str, gamma: float | None, unit: bool, X: np.ndarray, seed: int) -> Kernel:
    """A kernel by name; without `gamma` that of the Gaussian is 1 / the median squared distance of pairs of X (n, d).

    The median is over the pairs of at most 1,000 rows. Rows are measured from `origin`: their mean where they lie far
    from 0, and always where only distances count.
    """
    check_choice("kernel", name, KERNELS)
    start: np.ndarray | None = origin(X, always=name == "rbf" and not unit)
    start = start if start is not None and start.any() else None
    if gamma is not None:
        return Kernel(name, float(check_number("gamma", gamma, 0, open_low=True)), unit, start)
    if name == "linear":
        return Kernel(name, unit=unit, start=start)
    from scipy.spatial.distance import pdist

    rows = Kernel(name, unit=unit, start=start).rows(X)
    rng = numpy_rng(seed, "kernel")
    if len(rows) > 1000:
        rows = rows[np.sort(rng.choice(len(rows), 1000, replace=False))]
    pairs = pdist(rows, "sqeuclidean")
    return Kernel(name, 1 / (float(np.median(pairs)) or float(pairs.mean()) or 1.0), unit, start)


def unit_rows(X: np.ndarray) -> np.ndarray:
    """Rows (n, d) scaled to length 1; a row of length 0 stays."""
    length = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(length > 0, length, 1)


def nystroem(kernel: Kernel, landmarks: np.ndarray) -> np.ndarray:
    """N (m, r) with which k(x, landmarks) N are the features whose products stand for the kernel."""
    values, vectors = eigh(kernel(landmarks, landmarks))
    kept = values > 1e-10 * values[-1]
    return vectors[:, kept] / np.sqrt(values[kept])
