"""What a record from outside must hold: its keys, their types, their ranges, said by name where one is not so."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .checks import bad
from .reading import MOST, read_json

Check = Callable[[str, Any], None]  # of where a value stands, and the value; raises InputError


def read_record(path: str | Path, keys: Mapping[str, Check], *, most: int = MOST) -> dict[str, Any]:
    """Read a JSON file that holds one mapping, and check the values of its keys; others may stand beside them.

    Args:
        path: the file.
        keys: what each must be (`text`, `whole()`, `listed(...)` ...); `maybe(...)` where it may be missing or null.
        most: bytes.

    Raises:
        InputError: no such file, no JSON, or a key that is missing or not as expected: the file and key are named.
    """
    return check_record(str(path), read_json(path, most=most), keys)


def check_record(where: str, value: Any, keys: Mapping[str, Check]) -> dict[str, Any]:
    """Check a mapping that is read already, as `read_record` does; returns it.

    >>> check_record("card", {"dim": 8, "name": None}, {"dim": whole(1), "name": maybe(text)})
    {'dim': 8, 'name': None}
    >>> check_record("card", {"dim": "8"}, {"dim": whole(1)})
    Traceback (most recent call last):
    regard.core.checks.InputError: card: dim: expected a whole number of at least 1, got '8'.
    """
    if not isinstance(value, dict):
        raise bad(where, _short(value), "a card or the like: a mapping of names to values")
    for key, check in keys.items():
        if key not in value and not getattr(check, "may_be_missing", False):
            raise bad(f"{where}: {key}", "nothing", "a value for it", "The file is damaged, or of another kind.")
        check(f"{where}: {key}", value.get(key))
    return value


def text(where: str, value: Any) -> None:
    """Some text without NUL, which no file's name can hold."""
    if not isinstance(value, str) or "\0" in value:
        raise bad(where, _short(value), "text")


def truth(where: str, value: Any) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise bad(where, _short(value), "true or false")


def anything(where: str, value: Any) -> None:
    """Any value, as long as the key is there."""


def whole(low: int = 0, high: int = 2**53) -> Check:
    """A whole number in [low, high]; not 1.0, and not true."""

    def check(where: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            span = f" from {low} to {high}" if high < 2**53 else f" of at least {low}"
            raise bad(where, _short(value), f"a whole number{span}")

    return check


def number(low: float = -math.inf, high: float = math.inf) -> Check:
    """A number in [low, high] that a float can hold."""

    def check(where: str, value: Any) -> None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**1023
        if not good or not low <= value <= high:
            ends = [f"at least {low:g}"] * (low > -math.inf) + [f"at most {high:g}"] * (high < math.inf)
            raise bad(where, _short(value), f"a number{' of ' if ends else ''}{' and '.join(ends)}")

    return check


def one_of(*values: Any) -> Check:
    """One of these values, of their type."""

    def check(where: str, value: Any) -> None:
        if not any(type(value) is type(known) and value == known for known in values):
            raise bad(where, _short(value), f"one of {', '.join(map(str, values))}")

    return check


def listed(of: Check, least: int = 0, most: int | None = None) -> Check:
    """A list of `least` to `most` values, each as `of` says."""

    def check(where: str, value: Any) -> None:
        if not isinstance(value, list) or len(value) < least or (most is not None and len(value) > most):
            many = "" if (least, most) == (0, None) else f" of {least}" + ("" if most == least else " or more")
            raise bad(where, _short(value), f"a list{many}")
        for place, one in enumerate(value):
            of(f"{where}[{place}]", one)

    return check


def mapped(of: Check) -> Check:
    """A mapping of names to values, each as `of` says."""

    def check(where: str, value: Any) -> None:
        for key, one in check_record(where, value, {}).items():
            of(f"{where}: {key:.80}", one)

    return check


def record(**keys: Check) -> Check:
    """A mapping inside another, with these keys."""

    def check(where: str, value: Any) -> None:
        check_record(where, value, keys)

    return check


def either(*ways: Check) -> Check:
    """As one of several checks says; the message is the last one's."""

    def check(where: str, value: Any) -> None:
        for place, way in enumerate(ways):
            try:
                return way(where, value)
            except ValueError:
                if place == len(ways) - 1:
                    raise
        return None

    return check


def maybe(of: Check) -> Check:
    """As `of` says, or missing, or null."""

    def check(where: str, value: Any) -> None:
        if value is not None:
            of(where, value)

    check.may_be_missing = True  # type: ignore[attr-defined]
    return check


def _short(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):  # a whole number of too many digits
        return f"a {type(value).__name__}"
