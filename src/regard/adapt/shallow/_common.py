"""What several methods need: draws of large domains, and spectra of covariances, never formed as a d x d matrix."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, svd


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
        _, deviations, rows = svd(centred, full_matrices=False)
        variances, axes = deviations**2 / max(n - 1, 1), rows.T
    else:
        values, vectors = eigh(centred.T @ centred / (n - 1))
        variances, axes = values[::-1], vectors[:, ::-1]
    eps = np.finfo(float).eps
    # equal rows leave the rounding of their mean, which is no direction
    floor = max(eps * max(n, d) * variances.max(), (eps * np.abs(X).max()) ** 2 * max(n, d))
    keep = variances > floor
    return Spectrum(mean, axes[:, keep], variances[keep])


def times_power(X: np.ndarray, of: Spectrum, reg: float, power: float) -> np.ndarray:
    """X (C + reg I)^power for samples X (n, d) and the covariance C that a spectrum holds.

    Off the r principal axes C is 0, so the matrix is reg^power I + V diag((v + reg)^power - reg^power) V': no
    inverse, no d x d matrix, O(n d r) time.
    """
    base = reg**power
    return base * X + ((X @ of.axes) * ((of.variances + reg) ** power - base)) @ of.axes.T


def drawn_by_class(codes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """At most about `size` of the rows, each class thinned alike and none lost; all rows, in order, where few."""
    if len(codes) <= size:
        return np.arange(len(codes))
    share = size / len(codes)
    rows = [
        rng.choice(members, max(1, int(share * len(members))), replace=False)
        for members in (np.flatnonzero(codes == code) for code in np.unique(codes))
    ]
    return np.sort(np.concatenate(rows))


def drawn_target(codes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """At most about `size` target rows, in order: those with a label first, then a draw of the others (code -1)."""
    known, rest = np.flatnonzero(codes >= 0), np.flatnonzero(codes < 0)
    known = known[drawn_by_class(codes[known], size, rng)]
    room = max(size - len(known), 0)
    if len(rest) > room:
        rest = rng.choice(rest, room, replace=False)
    return np.sort(np.concatenate([known, rest]))
