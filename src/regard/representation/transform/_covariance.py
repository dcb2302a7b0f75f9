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

LEAST = 10  # rows below which nothing can be said about a covariance
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
    rows_of: Callable[[slice], tuple[np.ndarray, Any]],
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


def principal(matrix: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Variances (dim,) and axes (dim, d), the largest first; each axis's largest number is positive."""
    values, axes = eigh(matrix)
    values, axes = values[::-1][:dim], axes.T[::-1][:dim]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return values, axes * np.sign(largest)
