"""A column that says which thing an image shows: what is one thing, and where nothing is said.

An image of which nothing is known is not like the others of which nothing is known: a blank is no thing.
"""

import unicodedata
from collections.abc import Iterable
from typing import Any

import numpy as np


def thing(value: Any) -> str | None:
    """What a value is called; None where it is blank: None, NaN, an empty text, spaces alone.

    Text is compared as NFC without spaces around, and whole numbers alike however they are kept. Values are looked at
    one by one, so that whole numbers of 64 bits stay what they are.

    >>> thing(" 007 "), thing(7.0), thing(2**53 + 1), thing(" "), thing(float("nan"))
    ('007', '7', '9007199254740993', None, None)
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bytes):
        plain = plain.decode("utf-8", "backslashreplace")
    if isinstance(plain, str):
        return unicodedata.normalize("NFC", plain).strip() or None
    try:
        if plain is None or bool(plain != plain):
            return None
    except TypeError:  # pandas' NA, of which not even that is known
        return None
    return str(int(plain)) if isinstance(plain, float) and plain.is_integer() else str(plain)


def things_of(values: Iterable[Any]) -> tuple[np.ndarray, list[str]]:
    """(n,) which thing each value names, as a place in the sorted names, -1 where it is blank; and these names.

    >>> things_of(["b", None, "a", "b ", ""])
    (array([ 1, -1,  0,  1, -1]), ['a', 'b'])
    """
    named = [thing(value) for value in values]
    names = sorted({name for name in named if name is not None})
    place = {name: code for code, name in enumerate(names)}
    return np.array([-1 if name is None else place[name] for name in named], np.int64), names


def blanks_alone(codes_N: np.ndarray) -> np.ndarray:
    """The same (n,) with each blank a group of its own, behind the others."""
    blank = codes_N < 0
    found = codes_N.copy()
    found[blank] = codes_N.max(initial=-1) + 1 + np.arange(blank.sum())
    return found
