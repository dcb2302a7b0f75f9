"""Sets of orders of nine tiles that differ in many places: exact codes by algebra, or found greedily.

Sharply transitive groups are the best codes that can be: AGL(1, 9), the maps x -> ax + b of the field of 9, has 72
permutations of which two agree in one point at most (Hamming distance 8); PGL(2, 8), the maps x -> (ax + b) / (cx + d)
of the line over the field of 8 with its point at infinity, has 504 at distance 7; with the field's automorphisms,
PGammaL(2, 8), it has 1,512 at distance 6. A code found greedily for the largest mean distance may hold two orders that
differ in two tiles.

What some tiles give away is another matter: the places of two leave one order of the 72, 7 of the 504 and 21 of the
1,512; the places of three leave one of the 504 and 3 of the 1,512.
"""

from functools import lru_cache
from itertools import combinations, permutations, product

import numpy as np

from ...core.checks import bad
from ...core.runtime import numpy_rng

EXACT = {"72": 8, "504": 7, "1512": 6}


@lru_cache(maxsize=8)
def orders(name: str) -> np.ndarray:
    """The set (P, 9) of that name: "72", "504", "1512", or "greedy:N" with N from 2 to 2,000.

    >>> orders("72").shape, sorted(orders("504")[100].tolist())
    ((72, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8])
    """
    if name == "72":
        return _affine()
    if name in ("504", "1512"):
        return _projective(name == "1512")
    kind, _, number = name.partition(":")
    if kind != "greedy" or not number.isdigit() or not 2 <= int(number) <= 2000:
        raise bad("--set permutations", repr(name), "72, 504, 1512, or greedy:N with N from 2 to 2000")
    return _greedy(int(number))


def least_distance(set_P9: np.ndarray) -> int:
    """The smallest number of places in which two of the orders differ; O(P^2)."""
    return min(int((set_P9[i + 1 :] != row).sum(axis=1).min()) for i, row in enumerate(set_P9[:-1]))


def left_by(set_P9: np.ndarray, tiles: int) -> tuple[int, int]:
    """Fewest and most orders of the set that are left once the places of so many tiles are known; O(P) for each choice.

    Over all choices of that many places and all that the set lays there.

    >>> left_by(orders("72"), 2), left_by(orders("504"), 2)
    ((1, 1), (7, 7))
    """
    counts = [
        np.unique(set_P9[:, list(places)], axis=0, return_counts=True)[1] for places in combinations(range(9), tiles)
    ]
    return min(int(found.min()) for found in counts), max(int(found.max()) for found in counts)


def _affine() -> np.ndarray:
    """The field of 9 is Z3[i]; a + bi is the number a + 3b."""

    def times(x: int, y: int) -> int:
        (a, b), (c, d) = (x % 3, x // 3), (y % 3, y // 3)
        return (a * c - b * d) % 3 + 3 * ((a * d + b * c) % 3)

    def plus(x: int, y: int) -> int:
        return (x % 3 + y % 3) % 3 + 3 * ((x // 3 + y // 3) % 3)

    return np.array([[plus(times(a, x), b) for x in range(9)] for a in range(1, 9) for b in range(9)])


def _projective(automorphisms: bool) -> np.ndarray:
    """The field of 8 is Z2[t] / (t^3 + t + 1), its elements bits; 8 is the point at infinity."""

    def times(x: int, y: int) -> int:
        total = 0
        for bit in range(3):
            if y >> bit & 1:
                total ^= x << bit
        for bit in (4, 3):
            if total >> bit & 1:
                total ^= 0b1011 << (bit - 3)
        return total

    inverse = {x: y for x, y in product(range(1, 8), repeat=2) if times(x, y) == 1}

    def image(a: int, b: int, c: int, d: int, x: int) -> int:
        top, low = (a, c) if x == 8 else (times(a, x) ^ b, times(c, x) ^ d)
        return 8 if low == 0 else times(top, inverse[low])

    maps = {
        tuple(image(a, b, c, d, x) for x in range(9))
        for a, b, c, d in product(range(8), repeat=4)
        if times(a, d) != times(b, c)
    }
    if automorphisms:
        squares = [times(x, x) for x in range(8)] + [8]
        twice = [squares[x] for x in squares]
        maps |= {tuple(one[x] for x in power) for one in maps for power in (squares, twice)}
    return np.array(sorted(maps))


def _greedy(count: int) -> np.ndarray:
    """Each next order is the one whose least distance to those before is largest, then whose mean distance is."""
    pool = np.array(list(permutations(range(9))), dtype=np.int8)
    chosen = [int(numpy_rng(0, "permutations").integers(len(pool)))]
    least, total = np.full(len(pool), 9, np.int8), np.zeros(len(pool), np.int32)
    while len(chosen) < count:
        distance = (pool != pool[chosen[-1]]).sum(axis=1, dtype=np.int8)
        least, total = np.minimum(least, distance), total + distance
        chosen.append(int((least.astype(np.int64) * (9 * count) + total).argmax()))
    return pool[chosen].astype(np.int64)
