"""Which descriptors of two images belong together: mutual nearest neighbours that are clearly nearer than the second.

Lowe 2004 (IJCV 60, section 7.1): a match whose distance is more than 0.8 of the second nearest's is refused; on his
data that took out 90 % of the false matches and under 5 % of the correct ones. Added here: each must be the other's
nearest, so that no point is matched twice.
"""

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import bad, check_number

RATIO = 0.8


def match(first_ND: ArrayLike, second_MD: ArrayLike, ratio: float = RATIO) -> np.ndarray:
    """Pair descriptors by distance: mutual nearest, and from either side at most `ratio` of the second nearest.

    Args:
        first_ND: (n, d) descriptors, uint8 or float.
        second_MD: (m, d) descriptors.
        ratio: in (0, 1]; 1 keeps all mutual nearest neighbours that are not tied.

    Returns:
        (p, 2) rows in the first and in the second, by rows of the first. One product of n m d multiplications, and
        n m numbers in memory (4 MB for 1,000 by 1,000).

    Raises:
        InputError: descriptors of different lengths.

    >>> match(np.array([[0.0, 9.0], [9.0, 0.0], [5.0, 5.0]]), np.array([[9.0, 1.0], [0.0, 8.0]]))
    array([[0, 1],
           [1, 0]])
    """
    check_number("ratio", ratio, 0, 1, open_low=True)
    first, second = np.asarray(first_ND, np.float32), np.asarray(second_MD, np.float32)
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise bad("descriptors", f"shapes {first.shape} and {second.shape}", "(n, d) and (m, d)")
    if not len(first) or not len(second):
        return np.zeros((0, 2), np.int64)
    # squared distances; of bytes all numbers are whole and below 2^24, so that float32 holds them exactly
    squared = first @ second.T
    squared *= -2
    squared += np.einsum("nd,nd->n", first, first)[:, None]
    squared += np.einsum("md,md->m", second, second)[None]
    across, back = squared.argmin(axis=1), squared.argmin(axis=0)
    rows = np.flatnonzero(back[across] == np.arange(len(first)))
    columns = across[rows]
    nearest = squared[rows, columns]
    # the second nearest: what is least without the nearest itself
    squared[rows, columns] = np.inf
    second_nearest = np.minimum(squared[rows].min(axis=1), squared[:, columns].min(axis=0))
    kept = nearest < ratio**2 * second_nearest
    return np.stack([rows[kept], columns[kept]], axis=1)
