"""A column that says which thing an image shows: what is one thing, and where nothing is said.

An image of which nothing is known is not like the others of which nothing is known: a blank is no thing.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ....core.values import as_text, gaps


def things_of(values: Iterable[Any]) -> tuple[np.ndarray, list[str]]:
    """(n,) which thing each value names, as a place in the sorted names, -1 where it is blank; and these names.

    >>> things_of(["b", None, "a", "b ", ""])
    (array([ 1, -1,  0,  1, -1]), ['a', 'b'])
    """
    blank = gaps(values)
    names, known = np.unique(as_text("things", values)[~blank], return_inverse=True)
    codes = np.full(len(blank), -1)
    codes[~blank] = known
    return codes, names.tolist()


def blanks_alone(codes_N: np.ndarray) -> np.ndarray:
    """The same (n,) with each blank a group of its own, behind the others."""
    blank = codes_N < 0
    found = codes_N.copy()
    found[blank] = codes_N.max(initial=-1) + 1 + np.arange(blank.sum())
    return found
