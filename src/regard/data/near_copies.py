"""Which pictures are nearly the same: groups by perceptual hash, in O(n log n).

Pairs of hashes that differ in few bits are looked for among neighbours in sorted order: the bits are rotated by 0, 4,
8 ... places, the hashes sorted each time, and each compared with the `WINDOW` that follow it (Charikar 2002, Similarity
estimation techniques from rounding algorithms, STOC, section 3, with rotations in place of random permutations). A pair
is missed only if in each of the 16 orders so many others lie between the two. What is near to what is near is in one
group, so that a burst of photographs stays together.

A perceptual hash does not see crops, turns and mirrors (`phash`); `regard duplicates` does.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..core.checks import bad, check_number
from .decode import DecodeError
from .imageset import ImageSet
from .phash import as_hashes, perceptual_hash

RADIUS = 8  # bits: finds a copy in worse quality, another size or light; unlike pictures differ in about 32
WINDOW = 32
_STEP, _BITS = 4, 64


def near_copies(images: ImageSet) -> np.ndarray:
    """The group of each picture, (n,) whole numbers: equal for near copies of one another.

    A picture without contrast, of fewer than 16 pixels a side, or that cannot be read is a group of its own. Each is
    decoded once, small.
    """

    def one(row: int) -> int | None:
        try:
            return perceptual_hash(images.items[row])
        except DecodeError:
            return None

    with ThreadPoolExecutor(images.readers) as pool:
        hashes, there = as_hashes(pool.map(one, range(len(images))))
    groups = np.arange(len(images))
    rows = np.flatnonzero(there)
    if len(rows):
        groups[rows] = rows[near_groups(hashes[rows])]
    return groups


def near_groups(hashes_N: np.ndarray, radius: int = RADIUS) -> np.ndarray:
    """The group of each hash, (n,): the place of the first hash of the group. O(n log n).

    Args:
        hashes_N: (n,) uint64.
        radius: in so many bits at most two hashes of a pair differ; groups are made of chains of pairs.

    >>> near_groups(np.array([0b0001, 0b1111_0000_1111_0000, 0b0011], np.uint64), 1)
    array([0, 1, 0])
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    check_number("radius", radius, 0, _BITS, whole=True)
    if hashes_N.ndim != 1 or hashes_N.dtype != np.uint64:
        raise bad("hashes", f"{hashes_N.dtype} of shape {hashes_N.shape}", "uint64 of shape (n,)")
    different, first, place = np.unique(hashes_N, return_index=True, return_inverse=True)
    n, pairs = len(different), []
    for turn in range(0, _BITS, _STEP):
        order = np.argsort(_rotated(different, turn), kind="stable")
        for apart in range(1, min(WINDOW, n - 1) + 1):
            i, j = order[:-apart], order[apart:]
            near = np.bitwise_count(different[i] ^ different[j]) <= radius
            pairs.append(np.stack([i[near], j[near]]))
    i, j = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), int)
    _, part = connected_components(coo_matrix((np.ones(len(i), bool), (i, j)), shape=(n, n)), directed=False)
    # the group is called by the first place of its hashes in the order given
    name = np.full(part.max(initial=-1) + 1, len(hashes_N))
    np.minimum.at(name, part, first)
    return name[part][place]


def _rotated(hashes: np.ndarray, by: int) -> np.ndarray:
    return (hashes << np.uint64(by)) | (hashes >> np.uint64(_BITS - by)) if by else hashes
