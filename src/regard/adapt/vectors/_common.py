"""What several methods need: draws of large domains, and where rows are measured from."""

import numpy as np

from ..spectrum import Spectrum

FAR = 3.0  # published protocols (z-scores, histograms, pixels, embeddings) lie below 2


def origin(X: np.ndarray, *, always: bool = False) -> np.ndarray:
    """Where rows X (n, d) are best measured from: 0, or their mean (d,) where they lie far from 0 (or `always`).

    Far is where the mean is longer than FAR times the root of the total variance: then the cosines of rows are above
    .9 on average, rows scaled to length 1 are all alike, and the digits of products are lost. Methods that read a
    vector's direction or length as it comes do so up to there, and beyond it of the vector without the mean.
    """
    mean = X.mean(axis=0)
    far = float(np.linalg.norm(mean)) > FAR * np.sqrt(float(((X - mean) ** 2).sum(axis=1).mean()))
    return mean if far or always else np.zeros_like(mean)


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
