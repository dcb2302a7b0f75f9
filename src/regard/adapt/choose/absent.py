"""Classes that the target seems to lack, by what a model of the source alone says of it.

Two things go wrong where the target has only some of the classes. Methods that bring both domains to the same shares
of classes put images into the others. And circular validation takes that for a merit: a second model that learned from
a target without a class can never say it, so that the source samples of that class count against whoever was right.
That a model hardly ever tells a class can also mean that the shift hides it; nothing here tells one from the other.
"""

import numpy as np

ABSENT = 0.1  # of a class's share in the source: told less often, it seems to be lacking
SEVERAL = 0.15  # of the source: what such classes have together, as one of many may just be taken for another
FEW = 20  # target images that a class should have before its absence says anything


def lacking(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The classes (places) that the target seems to lack; none where it is too small to say.

    Args:
        probabilities: (n, K) of the target, by a model of the source alone.
        shares: (K,) of the classes in the source, adding up to 1.

    >>> lacking(np.eye(2)[[0] * 50], np.array([0.5, 0.5]))
    array([1])
    """
    n, K = probabilities.shape
    told = np.bincount(probabilities.argmax(axis=1), minlength=K) / n
    found = np.flatnonzero((told < ABSENT * shares) & (n * shares >= FEW))
    return found if shares[found].sum() >= SEVERAL else found[:0]
