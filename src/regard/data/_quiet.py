"""Decoders' own complaints kept off the terminal: what is wrong with a picture is told as the cause, once, by its name.

Pillow warns through Python; libjpeg, libpng and libtiff print through C's `stderr`. While pictures are decoded, the
warnings of its modules are passed over and C's `stderr` (not the file descriptor, on which Python's own output
and progress bars go) leads nowhere. Many threads may decode at once: the first in begins it, the last out ends it.
"""

import ctypes
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_inside = 0
_kept: dict[str, Any] = {}
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints what is logged and nobody listens to


@contextmanager
def quiet() -> Iterator[None]:
    """Whatever decoders warn of or print inside is dropped."""
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _begin()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _end()


def _begin() -> None:
    # not catch_warnings, which threads that come and go in another order would leave changed for good
    warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\b")
    _kept["filter"] = warnings.filters[0]
    stream, nowhere = _streams()
    if stream is not None:
        _kept["stderr"], stream.value = stream.value, nowhere


def _end() -> None:
    ours = _kept.pop("filter")
    for place, one in enumerate(warnings.filters):
        if one is ours:
            del warnings.filters[place]  # type: ignore[attr-defined]
            break
    stream, _ = _streams()
    if stream is not None:
        stream.value = _kept.pop("stderr")


@cache
def _streams() -> tuple[Any, int | None]:
    """C's variable `stderr` and a stream that leads nowhere; None where the C library is not glibc, whose it is."""
    try:
        if not os.confstr("CS_GNU_LIBC_VERSION"):
            return None, None
        library = ctypes.CDLL(None)
        library.fopen.restype = ctypes.c_void_p
        nowhere = library.fopen(os.devnull.encode(), b"w")
        return (ctypes.c_void_p.in_dll(library, "stderr"), nowhere) if nowhere else (None, None)
    except (AttributeError, ValueError, OSError):
        return None, None
