"""Vectors on a plane, to look at: principal components, or t-SNE.

PCA keeps the two directions of largest variance, so that distances on the plane are distances that are there (and
others are lost). t-SNE (van der Maaten & Hinton 2008, JMLR 9) keeps who is near whom; sizes of clusters and gaps
between them mean nothing in it. It starts from the PCA plane, which keeps the large picture in place (Kobak & Berens
2019, Nature Communications 10:5416).
"""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_choice, check_matrix, check_number
from ..core.linalg import eigh, svd
from ..core.runtime import derive_seed, numpy_rng

METHODS = ("pca", "tsne")
LIMIT = 5000  # vectors that t-SNE takes: about a minute on one core
_PERPLEXITY = 30.0
_DIM = 50  # t-SNE looks for neighbours among this many principal components


def project(vectors: ArrayLike, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Lay vectors (n, d) on a plane, (n, 2) float64; the same input and seed give the same plane.

    To compare two domains or two stages, project what shall be compared in one call or say that the planes differ.

    Args:
        vectors: (n, d) finite numbers, n >= 3.
        method: pca (any n) or tsne (n up to 5,000; draw `rows_to_show` of more, and say so beside the picture).
        seed: decides t-SNE's draws; PCA draws nothing.

    Raises:
        InputError: another method, too few vectors, or too many for t-SNE.

    >>> line = np.outer([-1.0, 0.0, 1.0], [3.0, 4.0])
    >>> project(line).round(6).tolist()
    [[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]]
    """
    check_choice("method", method, METHODS)
    matrix = check_matrix("vectors", vectors, min_rows=3).astype(np.float64)
    plane = _components(matrix, 2)
    if method == "pca":
        return plane
    if len(matrix) > LIMIT:
        fix = "Use method='pca', or take vectors[rows_to_show(len(vectors))] and say so beside the picture."
        raise bad("vectors", f"{len(matrix)} vectors", f"at most {LIMIT} for t-SNE", fix)
    if not plane[:, 0].std() > 0:
        raise bad("vectors", "vectors that are all the same", "vectors that differ")
    return _tsne(matrix, plane, seed)


def rows_to_show(n: int, limit: int = LIMIT, seed: int = 0) -> np.ndarray:
    """Choose which of n vectors a picture shows: all if they are few, otherwise `limit` drawn evenly, in order.

    >>> rows_to_show(4).tolist(), len(rows_to_show(9000, 100))
    ([0, 1, 2, 3], 100)
    """
    check_number("n", n, 1, whole=True)
    check_number("limit", limit, 1, whole=True)
    if n <= limit:
        return np.arange(n)
    return np.sort(numpy_rng(seed, "rows to show").choice(n, size=limit, replace=False))


def _components(matrix: np.ndarray, count: int) -> np.ndarray:
    """Principal components (n, count) of the rows; those that the vectors do not have are 0.

    The sign of a component is free: the largest weight in size is made positive, so that it never flips by chance.
    """
    centred = matrix - matrix.mean(axis=0)
    if len(centred) >= centred.shape[1]:
        _, axes = eigh(centred.T @ centred)
        axes = axes[:, ::-1][:, :count]
    else:
        axes = svd(centred)[2][:count].T
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    found = centred @ (axes * signs)
    return np.pad(found, ((0, 0), (0, count - found.shape[1])))


def _tsne(matrix: np.ndarray, plane: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    near = _components(matrix, _DIM) if matrix.shape[1] > _DIM else matrix
    model = TSNE(
        perplexity=min(_PERPLEXITY, (len(matrix) - 1) / 3),
        init=(plane / plane[:, 0].std() * 1e-4).astype(np.float32),
        learning_rate="auto",
        random_state=derive_seed(seed, "tsne") % 2**32,
        n_jobs=1,
    )
    return model.fit_transform(near).astype(np.float64)
