"""Which pictures of TRAIN are labelled: a geometric ladder of numbers, and draws that are balanced and nested."""

from collections.abc import Sequence

import numpy as np

from ...core.checks import bad, check_number
from ...core.runtime import numpy_rng

RUNGS = 5  # numbers of labels, where the user names none


def ladder(count: int, least: int, rungs: int = RUNGS) -> list[int]:
    """Numbers of labels, each half of the next, the largest all of them.

    Args:
        count: all.
        least: none is smaller.
        rungs: at most so many.

    >>> ladder(100, 10), ladder(20, 12), ladder(64, 2, 3)
    ([12, 25, 50, 100], [20], [16, 32, 64])
    """
    found = [count >> rung for rung in range(rungs)]
    return sorted(number for number in found if number >= least)


def checked_numbers(given: Sequence[int], count: int, least: int) -> list[int]:
    """Numbers of labels as the user names them, sorted.

    Raises:
        InputError: one that TRAIN does not have, or from which the task cannot learn.
    """
    for number in given:
        check_number("--labels", number, 1, whole=True)
        if not least <= number <= count:
            fix = "Every class needs one label." if number < least else "Leave it out; all of them are meant by none."
            raise bad("--labels", number, f"{least} to {count}, as TRAIN has {count} pictures", fix)
    return sorted({int(number) for number in given})


def order(count: int, strata: np.ndarray | None, seed: int) -> np.ndarray:
    """The places of TRAIN in the order in which their labels become known: the first n of it are the draw of n.

    Each stratum's first picture comes before all second ones; after that each prefix holds strata in their shares, to
    within one. So draws are nested, and a stratum of one picture is in all that have as many labels as strata.

    Args:
        count: pictures.
        strata: (count,) such as labels; None: one.
        seed: another gives another order.

    >>> strata = np.array(list("aaaabb"))
    >>> sorted(strata[order(6, strata, 0)[:2]].tolist()), sorted(strata[order(6, strata, 0)[:3]].tolist())
    (['a', 'b'], ['a', 'a', 'b'])
    """
    rng = numpy_rng(seed, "labels", count)
    shuffled = rng.permutation(count)
    if strata is None:
        return shuffled
    codes = np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(codes)
    place, seen = np.zeros(count), np.zeros(len(sizes), dtype=int)
    for row in shuffled:
        code = codes[row]
        rank = seen[code]
        place[row] = -1.0 if rank == 0 else (rank + 0.5) / sizes[code]
        seen[code] += 1
    by_chance = np.empty(count)
    by_chance[shuffled] = np.arange(count)
    return np.lexsort((by_chance, place))
