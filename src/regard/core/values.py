"""Labels, ids and other columns as they come, made comparable: one text for one value, and a gap is a gap.

What is the same value must become the same text, whichever program wrote it: a name in Unicode's composed or
decomposed form (NFC, NFD), with spaces around or without, the label 1 as a whole number, as the float 1.0 and as the
text "1.0". What differs must stay apart: 007 and 7, and 64-bit numbers beside a gap, which floats cannot tell apart. A
value that has no text of its own (a list, a mapping, a complex number) is refused by name.
"""

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from typing import Any
from uuid import UUID

import numpy as np

from .checks import bad, check_labels

LONG, ROOM = 4096, 2**31  # characters that each text may have, and bytes that all may take where one has more
EXACT = 2**53  # from here on floats skip whole numbers
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")
# how programs write a large number whose last digits are gone; 3e86 is a code
_ROUNDED = re.compile(r"-?\d\.\d+[eE]\+?\d+")
# what Python makes of a gap when it is written as text, letter for letter: people are called Nan and Nat
_GAPS = frozenset(("", "nan", "NaN", "None", "<NA>", "NaT"))
_FINE = ("ns", "ps", "fs", "as")  # units of time that Python's own dates and times do not hold


def tidy(text: str) -> str:
    r"""A name in Unicode's form NFC without spaces around it; a whole number without ".0".

    >>> tidy(" cafe\u0301 ") == "caf\u00e9", tidy("1.0"), tidy("007"), tidy("3.10")
    (True, '1', '007', '3.10')
    """
    text = unicodedata.normalize("NFC", text).strip()
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else "0" if whole[1] == "-0" else whole[1]


def is_gap(value: Any) -> bool:
    """Whether a value is missing: None, NaN, NaT, or text that is empty or blank (a class may be called "nan").

    >>> [is_gap(value) for value in (None, float("nan"), " ", "nan", 0)]
    [True, True, True, False, False]
    """
    if value is None or (isinstance(value, str | bytes) and not value.strip()):
        return True
    if type(value).__name__ in ("NAType", "NaTType"):
        return True  # pandas' own gaps, which compare with nothing
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, Real) and not isinstance(value, Integral) and math.isnan(value)


def text_of(argument: str, value: Any, *, tidied: bool = True) -> str:
    """The one text of a value: bytes as UTF-8, whole floats as whole numbers, dates as ISO 8601; "" for a gap.

    Raises:
        InputError: bytes that are no text, a float too large to tell whole numbers apart, or a value without a text
            of its own: a list, a mapping, a complex number ...

    >>> [text_of("label", value) for value in (1, 1.0, 1.5, b"cat", "1.0", date(2024, 5, 1), None)]
    ['1', '1', '1.5', 'cat', '1', '2024-05-01', '']
    """
    if is_gap(value):
        return ""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise bad(argument, f"{value[:20]!r}, bytes that are no UTF-8 text", "text or whole numbers") from None
    if isinstance(value, str):
        return _checked_text(argument, tidy(value)) if tidied else str(value)
    if isinstance(value, np.datetime64):
        whole = value.astype("M8[us]")  # so that no zeros of finer units make another text
        value = whole if np.datetime_data(value.dtype)[0] in _FINE and whole == value else value
        value = value.item() if isinstance(value.item(), date) else str(value).replace("T", " ")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, np.generic) and not isinstance(value, np.floating):
        value = value.item()
    if isinstance(value, bool | Integral | UUID):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return tidy(format(value, "f"))
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number) or not number.is_integer():
            return str(value)  # a float of 32 bits in as few digits as tell it apart: 0.1
        if abs(number) >= EXACT:
            raise _rounded(argument, number)
        return str(int(number))
    if isinstance(value, str):
        return value
    raise bad(
        argument, f"a {type(value).__name__} ({str(value)[:40]})", "text, numbers or dates", "Drop or flatten it."
    )


def as_text(argument: str, values: Any, *, tidied: bool = True) -> np.ndarray:
    """Values (n,) as text, each different one looked at once; gaps become "".

    Raises:
        InputError: not one value for each sample, or as `text_of`.
    """
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array.ndim != 1:
        raise bad(argument, f"shape {array.shape}", "one value for each, shape (n,)")
    if array.dtype.kind in "cV":
        raise bad(argument, f"values of type {array.dtype}", "text, numbers or dates")
    if array.dtype.kind == "O":
        return _array_of(argument, [text_of(argument, value, tidied=tidied) for value in array.tolist()])
    if array.dtype.kind in "U" and not tidied:
        return array
    different, places = np.unique(array, return_inverse=True)
    texts = [text_of(argument, value, tidied=tidied) for value in different]
    return np.array(texts, dtype=np.str_)[places] if texts else np.zeros(0, dtype=np.str_)


def _array_of(argument: str, texts: list[str]) -> np.ndarray:
    """An array (n,) of texts, in which each takes as much room as the longest."""
    longest = max(map(len, texts), default=0)
    if longest > LONG and 4 * longest * len(texts) > ROOM:
        row = next(row for row, text in enumerate(texts) if len(text) == longest)
        raise bad(argument, f"text of {longest:,} characters (row {row})", f"at most {LONG:,}", "Shorten it.")
    return np.array(texts, dtype=np.str_)


def label_texts(argument: str, labels: Any, n: int) -> np.ndarray | None:
    """Labels (n,) as tidied text, so that equal ones are equal whoever wrote them; None where all are gaps.

    Raises:
        InputError: gaps beside labels, another length, or values that are no labels.
    """
    texts = as_text(argument, labels)
    empty = int((texts == "").sum())
    if empty and empty == len(texts):
        return None
    if empty:
        got = f"{empty} of {len(texts)} without a label (empty, NaN or null)"
        raise bad(argument, got, "a label for each, or for none", "Put the others in a file of their own.")
    return check_labels(argument, texts, n)


def as_column(argument: str, values: Any) -> np.ndarray:
    """A further column (n,) or numbers (n, ...): numbers as numbers (a gap is NaN), everything else as text.

    Whole numbers beside a gap become text where floats would round them.
    """
    array = values if isinstance(values, np.ndarray) else _array(values)
    if not array.ndim:
        raise bad(argument, "a single value", "one for each, shape (n,)")
    if array.dtype.kind in "biuf" or (array.dtype.kind == "U" and array.ndim == 1):
        return array
    if array.dtype.kind == "O" and array.ndim == 1:
        numbers = _numbers(array.tolist())
        if numbers is not None:
            return numbers
    return as_text(argument, array, tidied=False)


def _numbers(values: list[Any]) -> np.ndarray | None:
    """Numbers as numbers where nothing is lost by it; else None."""
    there = [value for value in values if not is_gap(value)]
    if any(isinstance(value, str | bool | np.bool_) or not isinstance(value, Real) for value in there):
        return np.array(values, dtype=bool) if there == values and all(isinstance(v, bool) for v in there) else None
    whole = [int(value) for value in there if isinstance(value, Integral)]
    if whole and len(whole) == len(values):
        return np.array(whole, dtype=np.int64) if -(2**63) <= min(whole) and max(whole) < 2**63 else None
    if any(abs(value) > EXACT for value in whole):
        return None
    return np.array([math.nan if is_gap(value) else value for value in values], dtype=float)


def nearest(names: Iterable[Any], known: Iterable[Any]) -> str:
    """A sentence on names that nearly are known ones: case, spaces, underscores, leading zeros, a letter; else "".

    >>> nearest(["Cat", "7"], ["cat", "007"])
    "Is 'Cat' 'cat', and '7' '007'?"
    """
    there = list(dict.fromkeys(map(str, known)))
    same = {_plain(name): name for name in reversed(there)}
    pairs = []
    for name in list(names)[:200]:
        near = [same[_plain(name)]] if _plain(name) in same else difflib.get_close_matches(str(name), there, 1, 0.8)
        pairs += [f"{str(name)!r} {near[0]!r}"] if near else []
    return f"Is {', and '.join(pairs[:3])}?" if pairs else ""


def _plain(name: Any) -> str:
    words = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", str(name)).casefold()).strip()
    return re.sub(r"\b0+(?=\d)", "", words)


def gaps(values: Any) -> np.ndarray:
    """Which of (n,) values say nothing (bool): gaps, and the texts that Python makes of one ("nan", "None" ...)."""
    array = values if isinstance(values, np.ndarray) else _array(values)
    if array.dtype.kind in "biu":
        return np.zeros(len(array), dtype=bool)
    if array.dtype.kind in "fcmM":
        return array != array
    return np.array([_says_nothing(value) for value in array.tolist()], dtype=bool)


def group_codes(values: Any, argument: str = "groups") -> np.ndarray:
    """Which thing each sample is of, (n,) whole numbers from 0: equal values are one thing, a gap is one of its own.

    Values are compared as text (`tidy`), so that 1, 1.0 and "1" are one thing and 007 and 7 are two. A
    sample of which nothing is known (None, NaN, empty, or the text that Python makes of them) shares its thing with
    no other sample.

    Raises:
        InputError: values that have no text of their own, or floats too large to tell whole numbers apart.

    >>> group_codes(["b", "", "a", None, "b"]).tolist()
    [1, 2, 0, 3, 1]
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "biu":
        return np.unique(values, return_inverse=True)[1]
    blank = gaps(values)
    texts = as_text(argument, values)
    codes = np.empty(len(blank), dtype=np.intp)
    known, codes[~blank] = np.unique(texts[~blank], return_inverse=True)
    codes[blank] = len(known) + np.arange(int(blank.sum()))
    return codes


def _says_nothing(value: Any) -> bool:
    return is_gap(value) or (isinstance(value, str) and value.strip() in _GAPS)


def _array(values: Sequence[Any]) -> np.ndarray:
    """An array (n,) of the values as they are: numpy alone would make floats of 64-bit numbers beside a gap."""
    listed = list(values)
    return np.fromiter(listed, dtype=object, count=len(listed))


def _checked_text(argument: str, text: str) -> str:
    if _ROUNDED.fullmatch(text) and abs(float(text)) >= EXACT:
        raise _rounded(argument, text)
    return text


def _rounded(argument: str, value: object) -> Exception:
    return bad(
        argument,
        f"{value}, a number whose last digits are lost",
        "whole numbers or text",
        "A program made floats of it, which cannot tell such numbers apart: write the column as text.",
    )
