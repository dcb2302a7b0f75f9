"""Which found object gets which true one: COCO's rule, for several thresholds and several sets of ignored objects.

From the surest on, each takes the object that it overlaps with most among those that are still free, if that is as much
as the threshold; one that counts goes before one that is ignored, however much they overlap; a crowd may be taken by
many. Of equals the last is taken, as in COCO's own code (Lin et al. 2014, cocoapi, `evaluateImg`).
"""

import numpy as np

ALMOST = 1 - 1e-10  # a threshold of 1 is reached by what equals 1 up to rounding
FREE = -1


def greedy_match(overlap: np.ndarray, crowd: np.ndarray, ignored: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Match the objects of one picture and class.

    Args:
        overlap: (n, m) of found, sorted by falling score, and true ones.
        crowd: (m,) bool.
        ignored: (a, m) bool, in each of a settings which true ones neither hurt nor help.
        thresholds: (t,) least overlaps.

    Returns:
        (a, t, n) int64: which true one each has, -1 where none.

    The surest takes the first; the second cannot have it, and takes the crowd.

    >>> overlap = np.array([[0.9, 0.6], [0.8, 0.7]])
    >>> greedy_match(overlap, np.array([False, True]), np.array([[False, True]]), np.array([0.5])).tolist()
    [[[0, 1]]]
    """
    (n, m), settings, levels = overlap.shape, len(ignored), len(thresholds)
    result = np.full((settings, levels, n), FREE)
    if not n or not m:
        return result
    bar = np.minimum(thresholds, ALMOST)[:, None]
    free = np.ones((settings, levels, m), dtype=bool)
    counts = ~ignored[:, None, :]
    for row in np.flatnonzero(overlap.max(axis=1) >= bar.min()):
        able = (free | crowd) & (overlap[row] >= bar)
        first = able & counts
        choice = np.where(first.any(axis=2, keepdims=True), first, able)
        best = m - 1 - np.where(choice, overlap[row], -1.0)[..., ::-1].argmax(axis=2)
        setting, level = np.nonzero(choice.any(axis=2))
        taken = best[setting, level]
        result[setting, level, row] = taken
        free[setting, level, taken] = False
    return result


def by_score(scores: np.ndarray, most: int | None = None) -> np.ndarray:
    """Places in order of falling score, those of equals as they come; at most so many."""
    return np.argsort(-scores, kind="stable")[:most]
