"""How alike two sets of vectors of the same images are, whatever turns and stretches one of them: linear CKA.

Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations revisited, ICML (section 3).
"""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_matrix


def linear_cka(X: ArrayLike, Y: ArrayLike) -> float:
    """|Yc' Xc|_F^2 / (|Xc' Xc|_F |Yc' Yc|_F), with the columns of Xc and Yc centred.

    1 for vectors that differ by a rotation, a shift and one factor; near 0 for vectors that have nothing in common and
    many rows. With few rows unrelated vectors of many columns are far above 0: compare figures of the same number only.

    Args:
        X: (n, d) vectors of n images.
        Y: (n, e) vectors of the same images, in the same order.

    Returns:
        A number in [0, 1]; NaN where all rows of one of them are equal.

    Raises:
        InputError: NaN, or not as many rows.

    >>> X = np.array([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]])
    >>> round(linear_cka(X, 3 * X[:, ::-1] + 7), 12)
    1.0
    """
    one, other = (np.asarray(check_matrix(name, value), np.float64) for name, value in (("X", X), ("Y", Y)))
    if len(one) != len(other):
        raise bad("Y", f"{len(other)} rows", f"{len(one)}, one for each image, as X has")
    still = (one == one[0]).all() or (other == other[0]).all()
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    if still:  # else rounding would be compared with rounding
        return float("nan")
    if len(one) < max(one.shape[1], other.shape[1]):  # the same numbers from products of rows, which are fewer
        K, L = one @ one.T, other @ other.T
        shared = float((K * L).sum())
        return min(shared / float(np.linalg.norm(K) * np.linalg.norm(L)), 1.0)
    own = float(np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other))
    return min(float(np.linalg.norm(other.T @ one) ** 2) / own, 1.0)
