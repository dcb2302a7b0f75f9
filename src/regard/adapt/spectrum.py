"""Principal axes and variances of samples; the d x d covariance is never formed where n <= d."""

from dataclasses import dataclass

import numpy as np

from ..core.linalg import eigh, svd


@dataclass(frozen=True)
class Spectrum:
    """Mean and principal axes of n samples: the covariance is axes diag(variances) axes'.

    Attributes:
        mean: (d,)
        axes: (d, r) orthonormal, r <= min(n - 1, d) the rank; the first has the largest variance.
        variances: (r,) falling, above 0; divided by n - 1.
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray


def spectrum(X: np.ndarray) -> Spectrum:
    """Principal axes of samples X (n, d), exact.

    For n <= d by a thin singular value decomposition, O(n^2 d) time and O(n d) memory; for n > d by the
    eigenvectors of the covariance, O(n d^2 + d^3) time and O(n d + d^2) memory. Axes whose standard deviation is
    lost in rounding are left out.
    """
    n, d = X.shape
    mean = X.mean(axis=0)
    centred = X - mean
    if n <= d:
        _, deviations, rows = svd(centred)
        variances, axes = deviations**2 / max(n - 1, 1), rows.T
    else:
        values, vectors = eigh(centred.T @ centred / (n - 1))
        variances, axes = values[::-1], vectors[:, ::-1]
    eps = np.finfo(float).eps
    # equal rows leave the rounding of their mean, which is no direction
    floor = max(eps * max(n, d) * variances.max(), (eps * np.abs(X).max()) ** 2 * max(n, d))
    keep = variances > floor
    return Spectrum(mean, axes[:, keep], variances[keep])
