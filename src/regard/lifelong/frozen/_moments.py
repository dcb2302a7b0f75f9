"""Counts, means and scatter of each class: all that the learners of this folder keep of the samples they saw.

Two sets of moments are merged exactly (Chan, Golub and LeVeque 1979, Stanford STAN-CS-79-773), so that the order of the
samples and how they are cut into batches do not matter but for rounding. The same formula read backwards takes samples
out again. Scatter is about each class's own mean: what is subtracted is as small as it can be, and features far from
zero lose no digits.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ...core.checks import InputError, bad

Scatter = Literal["none", "pooled", "class"]
EPS = float(np.finfo(np.float64).eps)
FOREIGN = 1e-6  # what a mean or a variance may be off, relative, before a sample counts as one never learned


@dataclass(frozen=True)
class Moments:
    """What was seen of K classes in d dimensions.

    Attributes:
        classes: (K,) labels, sorted, each with at least one sample.
        counts: (K,) samples of each.
        means: (K, d) float64.
        scatter: None; or (d, d), the sum over all samples of (x - m_c)(x - m_c)', m_c the mean of its class; or
            (K, d, d), that sum for each class.
    """

    classes: np.ndarray
    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray | None

    @property
    def total(self) -> int:
        """Samples of all classes."""
        return int(self.counts.sum())

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        kept = (self.classes, self.counts, self.means, self.scatter)
        return sum(one.nbytes for one in kept if one is not None)


def moments(X: np.ndarray, y: np.ndarray, scatter: Scatter = "none") -> Moments:
    """The moments of samples X (n, d) with labels y (n,), n at least 1.

    >>> found = moments(np.array([[0.0], [2.0], [5.0]]), np.array(["a", "a", "b"]), "pooled")
    >>> found.counts.tolist(), found.means.tolist(), found.scatter.tolist()
    ([2, 1], [[1.0], [5.0]], [[2.0]])
    """
    classes, codes = np.unique(y, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    X, codes = X[order].astype(np.float64), codes[order]
    starts = np.searchsorted(codes, np.arange(len(classes)))
    counts = np.diff(starts, append=len(X))
    means = np.add.reduceat(X, starts, axis=0) / counts[:, None]
    if scatter == "none":
        return Moments(classes, counts, means, None)
    X -= means[codes]
    # the mean is rounded, and what that leaves of the sum is taken out once more
    rest = np.add.reduceat(X, starts, axis=0) / counts[:, None]
    X, means = X - rest[codes], means + rest
    if scatter == "pooled":
        return Moments(classes, counts, means, X.T @ X)
    parts = [part.T @ part for part in np.split(X, starts[1:])]
    return Moments(classes, counts, means, np.stack(parts))


def merged(a: Moments, b: Moments) -> Moments:
    """The moments of the samples of both: n = n_a + n_b, m = m_a + (m_b - m_a) n_b / n,
    S = S_a + S_b + (m_b - m_a)(m_b - m_a)' n_a n_b / n.
    """  # noqa: D205
    classes = np.union1d(a.classes, b.classes)
    a, b = _placed(a, classes), _placed(b, classes)
    counts, apart = a.counts + b.counts, b.means - a.means
    means = a.means + apart * (b.counts / counts)[:, None]
    if a.scatter is None or b.scatter is None:
        return Moments(classes, counts, means, None)
    between = _between(apart * np.sqrt(a.counts * b.counts / counts)[:, None], a.scatter.ndim)
    return Moments(classes, counts, means, a.scatter + b.scatter + between)


def without(a: Moments, b: Moments) -> Moments:
    """The moments of the samples of `a` that are not those of `b`: `merged`, read backwards.

    Raises:
        InputError: `b` holds a class, more samples of a class, or other samples than `a`, as far as moments tell.
    """
    strange = b.classes[~np.isin(b.classes, a.classes)]
    if len(strange):
        raise bad("y", f"the class {str(strange[0])!r}", f"classes that were learned ({_some(a.classes)})")
    b = _placed(b, a.classes)
    counts = a.counts - b.counts
    if (counts < 0).any():
        k = int(np.flatnonzero(counts < 0)[0])
        raise bad(
            "y", f"{b.counts[k]} samples of {str(a.classes[k])!r}", f"at most the {a.counts[k]} that were learned"
        )
    left = counts > 0
    gone = np.where(left | (b.counts == 0), 0.0, np.abs(a.means - b.means).max(axis=1))
    if (gone > FOREIGN * np.abs(a.means).max(axis=1) + 1e-300).any():
        raise _foreign(a.classes[int(gone.argmax())])
    n = np.maximum(counts, 1)
    apart = np.where(left[:, None], a.means - b.means, 0) * (b.counts > 0)[:, None]
    means = a.means + apart * (b.counts / n)[:, None]
    scatter = None
    if a.scatter is not None and b.scatter is not None:
        between = _between(apart * np.sqrt(a.counts * b.counts / n)[:, None], a.scatter.ndim)
        scatter = _cleaned(a, b, a.scatter - b.scatter - between, counts)
        scatter = scatter[left] if scatter.ndim == 3 else scatter
    return Moments(a.classes[left], counts[left], means[left], scatter)


def _between(apart: np.ndarray, ndim: int) -> np.ndarray:
    """What the distances of means (K, d), weighed, add to the scatter of all, ndim 2, or of each class."""
    return apart.T @ apart if ndim == 2 else apart[:, :, None] * apart[:, None, :]


def _placed(one: Moments, classes: np.ndarray) -> Moments:
    """The same with a row for each of `classes`, which hold its own; those that it lacks have no sample."""
    if len(classes) == len(one.classes):
        return replace(one, classes=classes)
    at = np.searchsorted(classes, one.classes)
    counts, means = np.zeros(len(classes), np.int64), np.zeros((len(classes), one.means.shape[1]))
    counts[at], means[at] = one.counts, one.means
    scatter = one.scatter
    if scatter is not None and scatter.ndim == 3:
        wide = np.zeros((len(classes), *scatter.shape[1:]))
        wide[at] = scatter
        scatter = wide
    return Moments(classes, counts, means, scatter)


def _cleaned(a: Moments, b: Moments, scatter: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """What is left of the scatter, with zeros where nothing varies any more: there only rounding is left.

    A variance below 0 by more than rounding tells of samples that were never learned.
    """
    assert a.scatter is not None
    diagonal = np.diagonal(scatter, axis1=-2, axis2=-1)
    before = np.diagonal(a.scatter, axis1=-2, axis2=-1)
    size, most = np.abs(a.means), a.counts[:, None]
    if scatter.ndim == 2:  # of the classes that are touched
        size, most = (np.where((b.counts > 0)[:, None], each, 0).max(axis=0) for each in (size, most))
    rounding = 32 * EPS * (before + most * np.sqrt(before) * size) + (8 * EPS * most * size) ** 2
    allowed = FOREIGN * before + rounding
    single = counts <= 1 if scatter.ndim == 3 else np.array(int(counts.sum()) <= np.count_nonzero(counts))
    wrong = (diagonal < -allowed) | (single[..., None] & (diagonal > allowed))
    if wrong.any():
        raise _foreign(a.classes[int(np.argwhere(wrong)[0][0])] if scatter.ndim == 3 else "")
    still = (diagonal > rounding) & ~single[..., None]
    return np.where(still[..., :, None] & still[..., None, :], scatter, 0)


def _foreign(label: object) -> InputError:
    of = f" of {str(label)!r}" if str(label) else ""
    return bad("X", f"samples{of} that were not learned", "the very vectors that were learned", "Were they made anew?")


def _some(classes: np.ndarray) -> str:
    shown = ", ".join(map(str, classes[:5]))
    return shown + (f" ... ({len(classes)})" if len(classes) > 5 else "")
