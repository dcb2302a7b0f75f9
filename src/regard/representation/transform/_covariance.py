"""The covariance of rows, drawn towards the identity, and its axes.

Learned from few vectors, small variances come out far too small. So the covariance is drawn towards a multiple of the
identity, as far as Ledoit and Wolf 2004 ("A well-conditioned estimator for large-dimensional covariance matrices", J.
Multivariate Anal. 88) find best.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.checks import bad, check_number
from ...core.linalg import eigh

RowsOf = Callable[[slice], tuple[np.ndarray, Any]]
LEAST = 10  # rows below which nothing can be said about a covariance
# what held-out rows may ask for
SHARES = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_ROWS = 8192  # rows in double precision at once


def check_shapes(mean: np.ndarray, axes: np.ndarray) -> None:
    if mean.ndim != 1 or axes.ndim != 2 or axes.shape[1] != len(mean) or not len(axes):
        raise bad("mean and axes", f"shapes {mean.shape} and {axes.shape}", "(d,) and (dim, d)")


def turned(X: np.ndarray, mean: np.ndarray, axes: np.ndarray, scale: np.ndarray | float = 1.0) -> np.ndarray:
    mean, turn = mean.astype(X.dtype), (axes.T * scale).astype(X.dtype)
    found = np.empty((len(X), len(axes)), X.dtype)
    for start in range(0, len(X), _ROWS):
        found[start : start + _ROWS] = (X[start : start + _ROWS] - mean) @ turn
    return found


def covariance(
    n: int,
    rows_of: RowsOf,
    count: int,
    shrinkage: float | str,
    mean: np.ndarray,
) -> np.ndarray:
    """Sum of r r^T / count over rows r, drawn towards the identity; `rows_of` also weighs their fourth powers."""
    if shrinkage != "auto":
        check_number("shrinkage", shrinkage, 0, 1)
    d = len(mean)
    total, fourth = np.zeros((d, d)), 0.0
    for start in range(0, n, _ROWS):
        rows, weights = rows_of(slice(start, start + _ROWS))
        total += rows.T @ rows
        fourth += float((weights * (rows**2).sum(axis=1) ** 2).sum())
    total /= count
    size = np.trace(total) / d
    if size <= 1e-24 * float((mean**2).max()):
        raise bad("vectors", "rows that are all equal", "vectors that differ", "Were they made of the same image?")
    share = shrinkage
    if share == "auto":
        square = float((total**2).sum())
        apart = square - d * size**2
        share = min(max((fourth / count - square) / count, 0.0) / apart, 1.0) if apart > 0 else 0.0
    return (1 - float(share)) * total + float(share) * size * np.eye(d)


def scatter_by_fold(rows_of: RowsOf, fold: np.ndarray, folds: int, d: int) -> np.ndarray:
    """Sums of r r^T (folds, d, d) over the rows of each fold; `fold` (n,) says which is where."""
    found = np.zeros((folds, d, d))
    for start in range(0, len(fold), _ROWS):
        rows, _ = rows_of(slice(start, start + _ROWS))
        for number in range(folds):
            some = rows[fold[start : start + _ROWS] == number]
            found[number] += some.T @ some
    return found


def held_out_share(scatter: np.ndarray, counts: np.ndarray) -> float:
    """How far a covariance is to be drawn towards the identity so that held-out rows are likeliest under it.

    For each fold k, with C the others' covariance, lambda its variances, m their mean and v_j the held-out rows' mean
    square along its axes: the share s of `SHARES` with the least sum_j log u_j + v_j / u_j, u = (1 - s) lambda + s m,
    summed over folds (twice the negative log-likelihood of a Gaussian). O(folds d^3).

    Args:
        scatter: (folds, d, d) sums of r r^T over the rows of each fold; rows that belong together are in one.
        counts: (folds,) by how many each is to be divided, all above 0.
    """
    costs, whole = np.zeros(len(SHARES)), scatter.sum(axis=0)
    for held, count in zip(scatter, counts):
        values, axes = eigh((whole - held) / (counts.sum() - count))
        along = np.einsum("ij,ij->j", axes, held @ axes) / count
        size = max(values.mean(), np.finfo(float).tiny)  # rows that are all alike are refused later
        for place, share in enumerate(SHARES):
            drawn = (1 - share) * np.maximum(values, 0) + share * size
            costs[place] += float((np.log(drawn) + along / drawn).sum())
    return SHARES[int(costs.argmin())]


def principal(matrix: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Variances (dim,) and axes (dim, d), the largest first; each axis's largest number is positive."""
    values, axes = eigh(matrix)
    values, axes = values[::-1][:dim], axes.T[::-1][:dim]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return values, axes * np.sign(largest)
