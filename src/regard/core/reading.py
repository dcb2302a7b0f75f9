"""JSON from outside, read by one reader that looks before it believes: size, depth, numbers, keys.

A card, a manifest or a log may be damaged, foreign or made to do harm. What is wrong is said with the file and what
came; it is never another exception, and never another value. What the keys must hold is checked in `records.py`.
"""

import json
import math
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .checks import bad

MOST = 2**25  # bytes of a card; what was parsed takes up to thirty times that
MOST_ROWS = 2**28  # of a file with a row for each image or decision
MOST_BOXES = 2**32  # of one with a row for each object: COCO's own has 450 MB, LVIS's 1.1 GB
DEEPEST = 64  # lists and mappings in one another
_BEYOND = re.compile(rb"\d[eE]\+?\d{2,}")  # a number that float makes infinite looks like this
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # one of a pair; half a character, where the other is missing


def read_json(path: str | Path, *, most: int = MOST_ROWS, rows: bool = False) -> Any:
    """Read a JSON file; see `parsed` for what is refused.

    Args:
        path: the file; a folder, pipe or device in its place is refused, as reading one could wait for ever.
        most: bytes.
        rows: as in `parsed`.
    """
    return parsed(read_bytes(path, "a JSON file", most), path, "a JSON file", rows=rows)


def parsed(raw: bytes | str, where: object, kind: str = "JSON", *, rows: bool = False) -> Any:
    """The value of JSON text.

    Args:
        raw: the text, or its bytes in UTF-8.
        where: what it is called in messages.
        kind: what was expected.
        rows: it holds a row for each image, and one bad row shall not cost the others: NaN, infinity and half a
            character come through, for the caller to set that row aside.

    Raises:
        InputError: no JSON, NaN or infinity, a key twice in a mapping, half a character, or lists and mappings in one
            another beyond 64.

    >>> parsed('{"a": [1, 2.5]}', "x.json")
    {'a': [1, 2.5]}
    >>> parsed('{"a": 1, "a": 2}', "x.json")
    Traceback (most recent call last):
    regard.core.checks.InputError: x.json: expected JSON, got the key 'a' twice in one mapping.
    """
    data = raw.encode("utf-8", "surrogatepass") if isinstance(raw, str) else raw

    def refuse(got: str) -> Exception:
        return bad(str(where), got, kind)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            raise refuse(f"the key {next(n for n in names if names.count(n) > 1)!r:.80} twice in one mapping")
        return found

    def constant(name: str) -> Any:
        if rows:
            return float(name)
        raise refuse(f"{name}, which JSON does not have")

    def finite(digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            raise refuse(f"{digits:.40}, a number too large for any float")
        return number

    options: dict[str, Any] = {"parse_float": finite} if not rows and _BEYOND.search(data) else {}
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=once, parse_constant=constant, **options)
    except RecursionError:
        raise refuse(_deep()) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise refuse(f"what cannot be read ({error})") from None
    except ValueError as error:
        if type(error) is not ValueError:  # our own
            raise
        raise refuse(f"what cannot be read ({str(error)[:120]})") from None  # a whole number of too many digits
    _check_depth(value, refuse)
    if not rows and _HALF.search(data):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise refuse("text with half a character (a lone surrogate)") from None
    return value


def read_bytes(path: str | Path, kind: str, most: int) -> bytes:
    """The bytes of a plain file of at most `most`; `kind` says what was expected."""
    check_plain(path, kind)
    try:
        with open(path, "rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > most:
                raise bad("file", f"{path} of {size:,} bytes", f"{kind} of at most {most:,} bytes")
            return file.read(most)
    except OSError as error:
        raise bad("file", str(path), kind, f"It cannot be read: {error.strerror or error}") from None


def check_plain(path: str | Path, kind: str) -> None:
    """Refuse what is no plain file: nothing, a folder, a pipe, a device, a name that no file can have."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise bad("file", f"{str(path)!r}, which does not exist", kind) from None
    except (OSError, ValueError) as error:
        raise bad("file", repr(str(path))[:200], kind, f"It cannot be read: {error}") from None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise bad("file", f"{str(path)!r}, which is {what}", kind)


def _check_depth(value: Any, refuse: Callable[[str], Exception]) -> None:
    """Look at lists and mappings level by level, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise refuse(_deep())


def _deep() -> str:
    return f"more than {DEEPEST} lists and mappings in one another"
